"""`etl.describe` and `etl.read_midi`: one file, without a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from etl.pipelines.audio.show import ShownFile
    from etl.pipelines.midi.read import MidiFile


def describe(path: str | PathLike[str]) -> ShownFile:
    """Read the tags of an audio file and describe its sound.

    Parameters
    ----------
    path
        An audio file of any format that FFmpeg decodes.

    Returns
    -------
    ShownFile
        ``path``; ``tags``, a dict by the columns of table ``tracks``; ``sound``, a dict by the columns of
        table ``sonic_features`` (``bpm``, ``key_name``, ``camelot``, ``loudness_lufs``, ``duration_s`` ...).
        What is not known is not in them.

    Raises
    ------
    EtlError
        If there is no such file, or no sound in it that can be decoded.

    Examples
    --------
    >>> song = etl.describe("song.flac")
    >>> song.tags["title"], song.sound["duration_s"], round(song.sound["loudness_lufs"])
    ('Song 1', 3.0, -18)
    """
    from etl.audio.features import Mode
    from etl.pipelines.audio.show import show_file

    return show_file(Path(path), Mode.BEAT)


def read_midi(path: str | PathLike[str]) -> MidiFile:
    """Read a MIDI file, however damaged: its notes and what they are like.

    Parameters
    ----------
    path
        A Standard MIDI File, bare or wrapped (``.rmi``).

    Returns
    -------
    MidiFile
        ``notes``, ``tempos`` and ``parts``, polars frames; ``analysis``, a dict by the columns of table
        ``midi_analysis`` (``bpm``, ``key``, ``chords``, ``category`` ...).

    Raises
    ------
    EtlError
        If there is no such file, it is larger than 32 MB, or it holds no MIDI.

    Examples
    --------
    >>> song = etl.read_midi("song.mid")
    >>> song.notes.select("start_s", "end_s", "pitch", "velocity").row(0)
    (0.0, 0.5, 60, 90)
    >>> song.analysis["bpm"], song.analysis["notes"]
    (120.0, 1)
    """
    from etl.pipelines.midi.read import read_midi as read

    return read(Path(path))
