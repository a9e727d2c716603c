"""Options of `etl midi export` for models and analysts: notes, piano rolls, tokens, tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from etl.pipelines.midi.export import WrittenTable
    from etl.pipelines.midi.export_notes import NoteOptions


class Tokenizer(StrEnum):
    """A tokenizer of MidiTok."""

    REMI = "remi"


class TableFormat(StrEnum):
    """File format of tables."""

    PARQUET = "parquet"
    CSV = "csv"


Notes = Annotated[bool, typer.Option("--notes", help="With --npz: also the notes of each file.")]
PianoRoll = Annotated[bool, typer.Option("--piano-roll", help="With --npz: also notes and piano rolls.")]
Tokens = Annotated[
    Tokenizer | None,
    typer.Option(help="With --npz: also notes and tokens of MidiTok; needs the extra `tokens`."),
]
Tables = Annotated[
    Path | None,
    typer.Option(help="Write a folder of tables: texts and lyrics, tempos, metres, key signatures, keys."),
]
TablesFormat = Annotated[TableFormat, typer.Option(help="File format of --tables.")]


def note_options(tokens: Tokenizer | None, *, notes: bool, piano_roll: bool) -> NoteOptions | None:
    """Say what of the notes is wanted beside matrices; None for nothing."""
    if not (notes or piano_roll or tokens):
        return None
    from etl.pipelines.midi.export_notes import NoteOptions, Tokens as Kind

    return NoteOptions(rolls=piano_roll, tokens=None if tokens is None else Kind(tokens))


def write_tables(
    database: Path, folder: Path | None, file_format: TableFormat, *, dry_run: bool
) -> list[WrittenTable]:
    """Write the tables, if they are wanted."""
    if folder is None:
        return []
    from etl.pipelines.midi.export_facts import TableFormat as Kind, export_facts

    return export_facts(database, folder, Kind(file_format), dry_run=dry_run)
