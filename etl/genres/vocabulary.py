"""The vocabulary of genres: names, other spellings, what they are a kind of, and what is no genre.

It comes from YAML (``vocabulary.yaml`` beside this file says what stands in it); a second text of the same
form, the user's, wins over the first.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import polars as pl
import yaml

from etl.genres.spelling import letters, words
from etl.runtime.errors import EtlError, ExitCode

_TABLES: Final = ("genres", "id3v1", "words", "facets", "rejects")
FACETS: Final = ("mood", "instrument", "era", "place")
"""What a tag may say about music besides its genre."""


@dataclass(frozen=True)
class Vocabulary:
    """What is known about tags.

    Attributes
    ----------
    spellings
        One row per known spelling: ``letters`` and ``words`` (its two folded forms, see
        :mod:`etl.genres.spelling`), ``name``, ``kind`` (``genre``, a facet or ``reject``), ``reason`` (why a
        reject is none, else null). ``letters`` are unique; ``words`` may not be.
    parents
        What each known genre is a kind of.
    numbered
        Names by ID3v1 number.
    same_words
        Words that are tried as other words.
    """

    spellings: pl.DataFrame
    parents: dict[str, tuple[str, ...]]
    numbered: tuple[str, ...]
    same_words: dict[str, str]

    def ancestors(self, name: str) -> set[str]:
        """Give what a genre is a kind of, directly or not; for one that is not known, by its last words.

        Examples
        --------
        >>> vocabulary = read_vocabulary("genres: {pop: {}, art pop: {of: [pop]}}")
        >>> sorted(vocabulary.ancestors("norwegian art pop"))
        ['art pop', 'pop']
        """
        found: set[str] = set()
        open_names = [*self.direct_parents(name)]
        while open_names:
            parent = open_names.pop()
            if parent not in found:
                found.add(parent)
                open_names += self.parents.get(parent, ())
        return found - {name}

    def direct_parents(self, name: str) -> tuple[str, ...]:
        """Give what a genre is a kind of; one that is not known is a kind of what its last words name."""
        if name in self.parents:
            return self.parents[name]
        tail = name.split(" ")
        endings = (" ".join(tail[start:]) for start in range(1, len(tail)))
        return next(((ending,) for ending in endings if ending in self.parents), ())


@lru_cache(maxsize=4)
def read_vocabulary(text: str, own: str = "") -> Vocabulary:
    """Read a vocabulary, which is not to be changed: the same texts give the same one.

    Parameters
    ----------
    text
        YAML, see ``vocabulary.yaml``.
    own
        The same, of the user; what it says about a spelling or a genre wins.

    Raises
    ------
    EtlError
        When a text is not of that form; the message says where.

    Examples
    --------
    >>> own = "rejects: {personal: [rock music]}"
    >>> vocabulary = read_vocabulary("genres: {rock: {also: [rock music]}}", own)
    >>> vocabulary.spellings.select("letters", "name", "kind", "reason").rows()
    [('rockmusic', 'rock music', 'reject', 'personal'), ('rock', 'rock', 'genre', None)]
    """
    tables = [_tables(part) for part in (own, text)]
    genres: dict[str, dict[str, list[str]]] = {}
    for table in reversed(tables):
        genres |= {name: entry or {} for name, entry in table.get("genres", {}).items()}
    parents = {name: tuple(entry.get("of", ())) for name, entry in genres.items()}
    for name, of in parents.items():
        for parent in of:
            if parent not in parents:
                raise EtlError(
                    f"The genre {name!r} is said to be a kind of {parent!r}, which is not in the vocabulary.",
                    _nearest(parent, parents),
                    exit_code=ExitCode.BAD_DATA,
                )
    same_words: dict[str, str] = {}
    for table in reversed(tables):
        same_words |= table.get("words", {})
    numbered = next((tuple(table["id3v1"]) for table in tables if "id3v1" in table), ())
    rows = [row for table in tables for row in _spellings(table)]
    spellings = (
        pl.DataFrame(
            rows,
            schema={"text": pl.String, "name": pl.String, "kind": pl.String, "reason": pl.String},
            orient="row",
        )
        .with_columns(
            letters(pl.col("text")).alias("letters"), words(pl.col("text"), same_words).alias("words")
        )
        # Numbers may be anything, and what has no letters is known by that.
        .filter(pl.col("letters").str.contains(r"\p{L}"))
        .unique("letters", keep="first", maintain_order=True)
        .select("letters", "words", "name", "kind", "reason")
    )
    return Vocabulary(spellings, parents, numbered, same_words)


def _spellings(table: dict[str, Any]) -> list[tuple[str, str, str, str | None]]:
    """All spellings of one text: names before other spellings, so that a name means itself."""
    genres: dict[str, dict[str, list[str]] | None] = table.get("genres", {})
    return [
        *((name, name, "genre", None) for name in genres),
        *(
            (also, name, "genre", None)
            for name, entry in genres.items()
            for also in (entry or {}).get("also", ())
        ),
        *((tag, tag, facet, None) for facet, tags in table.get("facets", {}).items() for tag in tags),
        *((tag, tag, "reject", reason) for reason, tags in table.get("rejects", {}).items() for tag in tags),
    ]


def _tables(text: str) -> dict[str, Any]:
    """Parse a text and check its form; all that YAML would turn into numbers or truth values stays text."""
    try:
        # The base loader makes no objects: nothing in a file can run code.
        tables = yaml.load(text, Loader=yaml.CBaseLoader) or {}
    except yaml.YAMLError as error:
        raise EtlError(
            f"The genre vocabulary is not YAML: {' '.join(str(error).split())}",
            "Put quotes around names that hold : # , [ ] { } or quotes.",
            exit_code=ExitCode.BAD_DATA,
        ) from None
    _check(isinstance(tables, dict), "the whole", "a table", tables)
    for key in tables:
        if key not in _TABLES:
            raise EtlError(
                f"The genre vocabulary has a table {key!r}, which means nothing.",
                _nearest(key, _TABLES),
                exit_code=ExitCode.BAD_DATA,
            )
    for name, entry in _table(tables, "genres").items():
        if entry:
            _check(
                isinstance(entry, dict) and set(entry) <= {"of", "also"},
                name,
                "{of: [...], also: [...]}",
                entry,
            )
            for names in entry.values():
                _check(_is_names(names), name, "lists of names", names)
    for key in ("facets", "rejects"):
        for name, names in _table(tables, key).items():
            _check(_is_names(names), f"{key}: {name}", "a list of tags", names)
            _check(key == "rejects" or name in FACETS, f"facets: {name}", f"one of {', '.join(FACETS)}", name)
    for word, other in _table(tables, "words").items():
        _check(isinstance(other, str), f"words: {word}", "a word", other)
    _check(_is_names(tables.get("id3v1", [])), "id3v1", "a list of names", tables.get("id3v1"))
    return tables


def _table(tables: dict[str, Any], key: str) -> dict[str, Any]:
    table = tables.setdefault(key, {}) if key in tables else {}
    _check(isinstance(table, dict), key, "a table", table)
    return table


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _check(is_right: bool, where: str, wanted: str, value: object) -> None:
    if not is_right:
        raise EtlError(
            f"The genre vocabulary: {where} should be {wanted}, not {str(value)[:60]!r}.",
            "The vocabulary that comes with music-etl shows the form.",
            exit_code=ExitCode.BAD_DATA,
        )


def _nearest(name: str, known: dict[str, Any] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3)
    return (
        f"Did you mean {' or '.join(map(repr, near))}?" if near else "Add it, or spell it as it stands there."
    )
