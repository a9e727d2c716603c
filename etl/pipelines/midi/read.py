"""What is in one MIDI file: its notes, its parts, and what the library would say of it, without a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.midi.analysis import analyze, survey
from etl.midi.categories import categorize
from etl.midi.file_names import with_name_figures
from etl.midi.reader import read_files
from etl.midi.tags import find_tags
from etl.midi.text import plain_name
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import LIMITS, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from etl.midi.arrays import MidiBatch

_NOTE: Final = (
    "start_s", "end_s", "start_tick", "end_tick", "track", "channel", "program", "pitch", "velocity", "drum",
)  # fmt: skip


@dataclass(frozen=True)
class MidiFile:
    """A MIDI file.

    Attributes
    ----------
    path
        The file.
    notes
        One row for each note, by start: ``start_s``, ``end_s`` (f64, seconds from tick 0, through all changes
        of tempo), ``start_tick``, ``end_tick`` (i64), ``track`` (i32, from 0), ``channel`` (u8, from 0),
        ``program`` (u8, 0-127), ``pitch`` (u8, 60 is middle C), ``velocity`` (u8, 1-127), ``is_drum``.
    tempos
        The tempo map: ``tick``, ``seconds``, ``bpm`` (f64, quarter notes a minute from there on).
    parts
        One row for each track and channel with notes, with the columns of table ``midi_tracks``.
    analysis
        What the file is like, by the columns of table ``midi_analysis``, with ``format``, ``division``,
        ``tracks`` and ``repairs`` (what the reader had to put right).
    """

    path: Path
    notes: pl.DataFrame = field(repr=False)
    tempos: pl.DataFrame = field(repr=False)
    parts: pl.DataFrame = field(repr=False)
    analysis: dict[str, Any]


def read_midi(path: Path, limits: Limits = LIMITS) -> MidiFile:
    """Read and analyze a MIDI file, whatever state it is in.

    Raises
    ------
    EtlError
        If there is no such file, it is too large, or it holds no MIDI.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limits.archives.member_bytes + 1)
    except OSError as error:
        raise EtlError(f"cannot read {path}: {error.strerror}.", "Give a MIDI file.") from error
    if len(content) > limits.archives.member_bytes:
        raise EtlError(
            f"{path} is larger than {limits.archives.member_bytes >> 20} MB.",
            "Give a MIDI file.",
            exit_code=ExitCode.BAD_DATA,
        )
    batch = read_files([content])
    if not batch.files["valid"][0]:
        raise EtlError(
            f"{path} is not a MIDI file: it has no MThd header.",
            "Give a MIDI file; `etl midi run` looks into archives.",
            exit_code=ExitCode.BAD_DATA,
        )
    name = PurePath(plain_name(path.name)).stem
    names = pl.LazyFrame(
        {"file": [0], "stem": [name], "folder": [""]},
        schema={"file": pl.Int32, "stem": pl.String, "folder": pl.String},
    )
    named = names.pipe(with_name_figures).collect(engine="in-memory")
    counted = survey(batch, named)
    tags = find_tags(named.select("file", "stem", "folder"), counted.files, counted.parts)
    files = analyze(batch, counted, named).files
    rows = files.join(categorize(files, tags), on="file").drop("file", "valid", "is_one_pitch")
    (analysis,) = rows.to_dicts()
    return MidiFile(path, _notes(batch), _tempos(batch), counted.parts.drop("file"), analysis)


def _notes(batch: MidiBatch) -> pl.DataFrame:
    frame = pl.DataFrame({name: batch.notes[name] for name in _NOTE})
    return frame.with_columns(pl.col("drum").cast(pl.Boolean)).rename({"drum": "is_drum"})


def _tempos(batch: MidiBatch) -> pl.DataFrame:
    frame = pl.DataFrame({name: batch.tempos[name] for name in ("tick", "seconds", "microseconds")})
    step = pl.col("microseconds")
    return frame.select("tick", "seconds", bpm=pl.when(step > 0).then(6e7 / step))
