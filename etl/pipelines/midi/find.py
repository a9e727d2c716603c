"""Ask the MIDI library: files and parts by what they are, and the named queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.midi.drum_classes import TAG_SCORE
from etl.midi.instruments import DRUMS, PROGRAM_NAMES
from etl.pipelines.midi.conditions import read_conditions
from etl.pipelines.midi.touched import touched
from etl.runtime.errors import EtlError, ExitCode
from etl.store import midi_find
from etl.store.database import read_store
from etl.store.frames import read_frame
from etl.store.midi_edits import library_root, library_stamps
from etl.store.queries import named_queries

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX: Final = "midi-"


def find_files(database: Path, *, limit: int = 50, **asked: Any) -> pl.DataFrame:
    """List files that fit all conditions, surest key and tempo first.

    Parameters
    ----------
    database
        The store.
    limit
        The most rows.
    **asked
        As `etl.pipelines.midi.conditions.read_conditions` takes it.

    Returns
    -------
    DataFrame
        As `etl.store.midi_find.find_files`.

    Raises
    ------
    EtlError
        If a condition cannot be read.
    """
    wanted = read_conditions(**asked)
    with read_store(database) as connection:
        return midi_find.find_files(connection, wanted, limit=limit)


def find_parts(database: Path, *, limit: int = 50, **asked: Any) -> pl.DataFrame:
    """List parts that fit all conditions, as :func:`find_files` lists files.

    Returns
    -------
    DataFrame
        As `etl.store.midi_find.find_parts`, with ``instrument``, the name of the program or ``drums``.
    """
    wanted = read_conditions(**asked)
    with read_store(database) as connection:
        found = midi_find.find_parts(connection, wanted, limit=limit)
    return with_instrument(found)


def count_touched(database: Path) -> int:
    """Count the files of the library that have another size or time than when a run looked last.

    Where the library is not, as on a drive that is not connected, none is counted.
    """
    with read_store(database) as connection:
        library = library_root(connection)
        if library is None or not library.is_dir():
            return 0
        looked_at = [stamp for stamp in library_stamps(connection) if stamp[1] is not None]
        return sum(1 for _ in touched(library, looked_at))


def with_instrument(parts: pl.DataFrame) -> pl.DataFrame:
    """Add ``instrument``: the name of the program, or drums."""
    names = pl.col("program").replace_strict(dict(enumerate(PROGRAM_NAMES)), return_dtype=pl.String)
    return parts.with_columns(
        instrument=pl.when(pl.col("drum_score") > TAG_SCORE).then(pl.lit(DRUMS)).otherwise(names)
    )


def library_query(database: Path, name: str) -> pl.DataFrame:
    """Run one of the named queries ``midi-*``; ``name`` is what follows.

    Raises
    ------
    EtlError
        If there is none of that name.
    """
    queries = {
        query.removeprefix(_PREFIX): found
        for query, found in named_queries().items()
        if query.startswith(_PREFIX)
    }
    if name not in queries:
        raise EtlError(
            f"no query `{name}`.",
            f"Choose one of: {', '.join(sorted(queries))}.",
            exit_code=ExitCode.USAGE,
        )
    with read_store(database) as connection:
        answer: pl.DataFrame = read_frame(connection.sql(queries[name].sql))
    return answer
