"""Draw a MIDI file as a piano roll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.exports.midi_roll import write_roll
from etl.midi.text import plain_name
from etl.pipelines.midi.read import read_midi
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.progress import Watch
from etl.runtime.wording import number_of
from etl.store.kept_files import check_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.pipelines.midi.read import MidiFile
    from etl.runtime.watch.progress import Renderer

_MOST_NOTES: Final = 200_000


@dataclass(frozen=True)
class Roll:
    """A roll that was drawn.

    Attributes
    ----------
    output
        The SVG.
    notes, parts
        What is on it.
    bytes
        How long it is.
    """

    output: Path
    notes: int
    parts: int
    bytes: int


def draw_roll(path: Path, output: Path, renderers: Sequence[Renderer] = ()) -> Roll:
    """Draw a file.

    Raises
    ------
    EtlError
        If it holds no MIDI, or more notes than a picture can show.
    """
    check_outputs([output], inputs=[path])
    with Watch("etl midi roll", [], renderers) as watch:
        watch.waiting_for("the notes")
        song = read_midi(path)
    if song.notes.height > _MOST_NOTES:
        raise EtlError(
            f"{path} has {number_of(song.notes.height, 'note')}; a roll shows {_MOST_NOTES:,} at most.",
            "Split it with `etl midi split`.",
            exit_code=ExitCode.BAD_DATA,
        )
    parts = [
        (track, channel, name or f"track {track + 1}, channel {channel + 1}")
        for track, channel, name in song.parts.select("track", "channel", "name").iter_rows()
    ]
    size = write_roll(output, plain_name(path.name), song.notes, parts, _bar_starts(song))
    return Roll(output, song.notes.height, len(parts), size)


def _bar_starts(song: MidiFile) -> list[float]:
    """Give the seconds at which bars begin, through all changes of tempo, in the metre of the file."""
    ticks_of_bar = song.analysis["division"] * 4 * song.analysis["numerator"] / song.analysis["denominator"]
    steps = song.tempos.rows()
    last = 0 if song.notes.is_empty() else song.notes["end_tick"].max()
    starts: list[float] = []
    at = 0
    for number in range(song.analysis["bars"] or 0):
        tick = number * ticks_of_bar
        if tick > last:
            break
        while at + 1 < len(steps) and steps[at + 1][0] <= tick:
            at += 1
        begin, seconds, bpm = steps[at]
        starts.append(seconds + (tick - begin) / song.analysis["division"] * 60 / (bpm or 120))
    return starts
