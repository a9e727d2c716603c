"""Ask the MIDI library: files by tempo, key, category and tag, and the named queries."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from etl.midi.categories import CATEGORIES
from etl.midi.file_names import parse_key
from etl.midi.tag_words import WORDS, tags_of
from etl.midi.tags import TAGS
from etl.runtime.errors import EtlError
from etl.store.database import read_store
from etl.store.queries import named_queries

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

_PREFIX: Final = "midi-"
_NUMBER: Final = r"\s*([0-9]+(?:\.[0-9]+)?)\s*"
_TEMPO: Final = re.compile(rf"{_NUMBER}(?:-{_NUMBER})?")


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
        Tags that a file must all have, or words that stand for one: ``house``, ``deep house``.
    limit
        So many at most.

    Returns
    -------
    DataFrame
        ``path``, ``library_name``, ``bpm``, ``key``, ``category``, ``seconds``, ``tags``.

    Raises
    ------
    EtlError
        If a tempo, key, category or tag cannot be read.
    """
    conditions, values = ["true"], list[Any]()
    if bpm is not None:
        conditions.append("bpm BETWEEN ? AND ?")
        values += _tempo_range(bpm)
    if key is not None:
        conditions.append("key = ?")
        values.append(_key(key))
    if category is not None:
        conditions.append("list_contains(?, category)")
        values.append(_categories(category))
    for tag in tags:
        conditions.append("sha256 IN (SELECT sha256 FROM midi_tags WHERE list_contains(?, tag))")
        values.append(_tags(tag))
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
    match = _TEMPO.fullmatch(text)
    if match is None:
        raise EtlError(f"`{text}` is no tempo.", "Write it like 120 or 118-124.")
    if match[2] is None:
        return float(match[1]) - 0.5, float(match[1]) + 0.5
    low, high = float(match[1]), float(match[2])
    if low > high:
        raise EtlError(f"`{text}` runs from high to low.", f"Write {match[2]}-{match[1]}.")
    return low, high


def _key(text: str) -> str:
    name = parse_key(text)
    if name is None:
        raise EtlError(f"`{text}` is no key.", "Write it like Am, 'F# minor' or Bb.")
    return name


def _categories(text: str) -> list[str]:
    chosen = [name for name in CATEGORIES if text and name.lower().startswith(text.lower())]
    if not chosen:
        raise EtlError(f"`{text}` begins no category.", f"Choose of: {', '.join(CATEGORIES)}.")
    return chosen


def _tags(text: str) -> list[str]:
    """Give the tags that a word stands for: itself, or what its words are tagged as."""
    if text.lower() in TAGS:
        return [text.lower()]
    chosen = sorted(tags_of(text))
    if not chosen:
        alike = get_close_matches(text.lower(), [*TAGS, *WORDS["word"]])
        hint = f"Did you mean: {', '.join(dict.fromkeys(alike))}?" if alike else ""
        raise EtlError(f"`{text}` is no tag.", hint or f"Choose of: {', '.join(sorted(TAGS))}.")
    return chosen


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
