"""Ask the MIDI library: files by tempo, key, category and tag, and the named queries."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from etl.midi.categories import CATEGORIES
from etl.midi.file_names import parse_key
from etl.midi.tag_words import WORDS, tags_of
from etl.midi.tags import TAGS
from etl.runtime.errors import EtlError, ExitCode
from etl.store import midi_library
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
        The most rows.

    Returns
    -------
    DataFrame
        ``path``, ``library_name``, ``bpm``, ``key``, ``category``, ``seconds``, ``tags``.

    Raises
    ------
    EtlError
        If a tempo, key, category or tag cannot be read.
    """
    tempo = None if bpm is None else _tempo_range(bpm)
    name = None if key is None else _key(key)
    categories = None if category is None else _categories(category)
    groups = [_tags(tag) for tag in tags]
    with read_store(database) as connection:
        return midi_library.find_files(
            connection, bpm=tempo, key=name, categories=categories, tags=groups, limit=limit
        )


def _usage(message: str, hint: str) -> EtlError:
    return EtlError(message, hint, exit_code=ExitCode.USAGE)


def _tempo_range(text: str) -> tuple[float, float]:
    match = _TEMPO.fullmatch(text)
    if match is None:
        raise _usage(f"`{text}` is not a tempo.", "Write it like 120 or 118-124.")
    if match[2] is None:
        return float(match[1]) - 0.5, float(match[1]) + 0.5
    low, high = float(match[1]), float(match[2])
    if low > high:
        raise _usage(f"`{text}` runs from high to low.", f"Write {match[2]}-{match[1]}.")
    return low, high


def _key(text: str) -> str:
    name = parse_key(text)
    if name is None:
        raise _usage(f"`{text}` is not a key.", "Write it like Am, 'F# minor' or Bb.")
    return name


def _categories(text: str) -> list[str]:
    chosen = [name for name in CATEGORIES if text and name.lower().startswith(text.lower())]
    if not chosen:
        raise _usage(f"no category starts with `{text}`.", f"Choose one of: {', '.join(CATEGORIES)}.")
    return chosen


def _tags(text: str) -> list[str]:
    """Give the tags that a word stands for: itself, or what its words are tagged as."""
    if text.lower() in TAGS:
        return [text.lower()]
    chosen = sorted(tags_of(text))
    if not chosen:
        alike = get_close_matches(text.lower(), [*TAGS, *WORDS["word"]])
        hint = f"Did you mean: {', '.join(dict.fromkeys(alike))}?" if alike else ""
        raise _usage(f"unknown tag `{text}`.", hint or f"Choose one of: {', '.join(sorted(TAGS))}.")
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
        raise _usage(f"no query `{name}`.", f"Choose one of: {', '.join(sorted(queries))}.")
    with read_store(database) as connection:
        answer: pl.DataFrame = connection.sql(queries[name].sql).pl()
    return answer
