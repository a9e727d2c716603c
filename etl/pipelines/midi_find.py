"""Ask the MIDI library: files by tempo, key, category and tag, and the named queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.midi.names import parse_key
from etl.runtime.errors import EtlError
from etl.store.database import read_store
from etl.store.queries import named_queries

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

_PREFIX: Final = "midi-"


def find_files(
    database: Path,
    *,
    bpm: str | None = None,
    key: str | None = None,
    category: str | None = None,
    tags: tuple[str, ...] = (),
    limit: int = 50,
) -> pl.DataFrame:
    """List files that fit all conditions, surest key and tempo first.

    Parameters
    ----------
    database
        The store.
    bpm
        ``120`` (within half a beat per minute) or ``118-124``.
    key
        As a person types it: ``Am``, ``F# minor``.
    category
        A category or its start, in any case: ``bass``, ``drum``.
    tags
        Tags that a file must all have.
    limit
        So many at most.

    Returns
    -------
    DataFrame
        ``path``, ``library_name``, ``bpm``, ``key``, ``category``, ``seconds``, ``tags``.

    Raises
    ------
    EtlError
        If a tempo or key cannot be read.
    """
    conditions, values = ["true"], list[Any]()
    if bpm:
        low, high = _tempo_range(bpm)
        conditions.append("bpm BETWEEN ? AND ?")
        values += [low, high]
    if key:
        name = parse_key(key)
        if name is None:
            raise EtlError(f"`{key}` is no key.", "Write it like Am, 'F# minor' or Bb.")
        conditions.append("key = ?")
        values.append(name)
    if category:
        conditions.append("starts_with(lower(category), lower(?))")
        values.append(category)
    for tag in tags:
        conditions.append("sha256 IN (SELECT sha256 FROM midi_tags WHERE tag = lower(?))")
        values.append(tag)
    with read_store(database) as connection:
        found: pl.DataFrame = connection.sql(
            "SELECT path, library_name, bpm, key, category, seconds, "
            "(SELECT list_sort(list(DISTINCT tag)) FROM midi_tags AS t WHERE t.sha256 = midi.sha256) AS tags "
            f"FROM midi WHERE {' AND '.join(conditions)} "
            "ORDER BY key_confidence * bpm_confidence DESC NULLS LAST, path LIMIT ?",
            params=[*values, limit],
        ).pl()
    return found


def _tempo_range(text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        return (float(low), float(high)) if dash else (float(low) - 0.5, float(low) + 0.5)
    except ValueError as error:
        raise EtlError(f"`{text}` is no tempo.", "Write it like 120 or 118-124.") from error


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
        raise EtlError(f"no query `{name}`.", f"Choose one of: {', '.join(sorted(queries))}.")
    with read_store(database) as connection:
        answer: pl.DataFrame = connection.sql(queries[name].sql).pl()
    return answer
