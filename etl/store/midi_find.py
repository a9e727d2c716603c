"""Files and parts of the MIDI library by what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.store.frames import read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import polars as pl

_TAGS_OF_FILE: Final = (
    "(SELECT list_sort(list(DISTINCT tag)) FROM midi_tags AS t WHERE t.sha256 = midi.sha256)"
)
_SUREST: Final = "key_confidence * bpm_confidence DESC NULLS LAST, path"
_FILE_NAME: Final = "regexp_extract(path, '[^/!]+$')"
_OF_PART: Final = "array_to_string(if(len(chords) > 0, chords, song_chords), ' ')"
_PLAYS_IN_FILE: Final = (
    "(sha256 IN (SELECT sha256 FROM midi_tracks WHERE list_contains(?, program) AND drum_score <= 0.5) "
    "OR sha256 IN (SELECT sha256 FROM midi_tags "
    "WHERE list_contains(?, tag) AND source IN ('track', 'program', 'notes')))"
)
_TAGGED_PART: Final = (
    "(list_has_any(tags, ?) OR sha256 IN (SELECT sha256 FROM midi_tags WHERE list_contains(?, tag) "
    "AND (kind NOT IN ('instrument', 'role') OR parts = 1)))"
)


@dataclass(frozen=True)
class Instrument:
    """What a part plays: one of these programs, unless it is drums, or what one of these tags says."""

    programs: tuple[int, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Conditions:
    """What all that is found fits.

    Attributes
    ----------
    words
        Each is in a name, in any case.
    bpm, bars
        Lowest and highest.
    metre
        Numerator and denominator.
    key, categories
        Name of the key; one of the categories.
    tags
        One tag of each of these groups.
    instrument
        What it plays, or what one of its parts plays.
    chords
        Pattern of the list of chords, written with spaces between, by key.
    """

    words: tuple[str, ...] = ()
    bpm: tuple[float, float] | None = None
    bars: tuple[int, int] | None = None
    metre: tuple[int, int] | None = None
    key: str | None = None
    categories: tuple[str, ...] | None = None
    tags: tuple[tuple[str, ...], ...] = ()
    instrument: Instrument | None = None
    chords: Mapping[str, str] | None = None


def find_files(connection: duckdb.DuckDBPyConnection, wanted: Conditions, *, limit: int) -> pl.DataFrame:
    """List files that fit all conditions, surest key and tempo first.

    Returns
    -------
    DataFrame
        ``path``, ``library_name``, ``bpm``, ``key``, ``category``, ``seconds``, ``bars``, ``tags``.
    """
    chosen = _of_both(wanted, f"{_FILE_NAME}, library_name")
    if wanted.chords is not None:
        chosen.append(_chords(wanted.chords, "key", "array_to_string(chords, ' ')"))
    chosen += [("sha256 IN (SELECT sha256 FROM midi_tags WHERE list_contains(?, tag))", [list(group)])
               for group in wanted.tags]  # fmt: skip
    if (instrument := wanted.instrument) is not None:
        chosen.append(
            (
                _PLAYS_IN_FILE,
                [list(instrument.programs), list(instrument.tags)],
            )
        )
    return _rows(
        connection,
        f"SELECT path, library_name, bpm, key, category, seconds, bars, {_TAGS_OF_FILE} AS tags FROM midi",
        chosen,
        order=_SUREST,
        limit=limit,
    )


def find_parts(connection: duckdb.DuckDBPyConnection, wanted: Conditions, *, limit: int) -> pl.DataFrame:
    """List parts that fit all conditions, surest key and tempo first.

    Tempo and metre are those of their files, chords their own or, where they have none, those that their
    files have meanwhile; of the tags of these only those count that are about
    the whole: genres, tempos and structure.

    Returns
    -------
    DataFrame
        ``path``, ``track``, ``channel`` (both from 0), ``name``, ``library_name``, ``program``, ``role``,
        ``bpm``, ``key``, ``category``, ``bars``, ``notes``, ``pitch_min``, ``pitch_max``, ``polyphony``,
        ``drum_score``, ``tags``.
    """
    chosen = _of_both(wanted, f"{_FILE_NAME}, library_name, name")
    if wanted.chords is not None:
        chosen.append(_chords(wanted.chords, "song_key", _OF_PART))
    chosen += [
        (
            _TAGGED_PART,
            [list(group), list(group)],
        )
        for group in wanted.tags
    ]
    if (instrument := wanted.instrument) is not None:
        chosen.append(
            (
                "((list_contains(?, program) AND drum_score <= 0.5) OR list_has_any(tags, ?))",
                [list(instrument.programs), list(instrument.tags)],
            )
        )
    return _rows(
        connection,
        "SELECT path, track, channel, name, library_name, program, role, bpm, key, category, bars, notes, "
        "pitch_min, pitch_max, polyphony, drum_score, tags FROM midi_parts",
        chosen,
        order=f"{_SUREST}, track, channel",
        limit=limit,
    )


def _of_both(wanted: Conditions, names: str) -> list[tuple[str, Sequence[Any]]]:
    """Give the conditions, with their values, that files and parts share; ``names`` are SQL expressions."""
    conditions: Mapping[str, Sequence[Any] | None] = {
        "bpm BETWEEN ? AND ?": wanted.bpm,
        "bars BETWEEN ? AND ?": wanted.bars,
        "numerator = ? AND denominator = ?": wanted.metre,
        "key = ?": None if wanted.key is None else [wanted.key],
        "list_contains(?, category)": None if wanted.categories is None else [list(wanted.categories)],
    }
    chosen = [(condition, values) for condition, values in conditions.items() if values is not None]
    chosen += [(f"contains(lower(concat_ws(' ', {names})), lower(?))", [word]) for word in wanted.words]
    return chosen


def _chords(patterns: Mapping[str, str], key: str, text: str) -> tuple[str, list[str]]:
    """Give the condition that the chords are as one of the patterns says that is of the key.

    The key that chords are counted from is that of the file, also for a part.
    """
    of_key = " OR ".join(f"({key} = ? AND regexp_matches({text}, ?))" for _ in patterns)
    return f"({of_key})", [value for pair in patterns.items() for value in pair]


def _rows(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    chosen: Sequence[tuple[str, Sequence[Any]]],
    *,
    order: str,
    limit: int,
) -> pl.DataFrame:
    where = " AND ".join(["true", *(condition for condition, _ in chosen)])
    return read_frame(
        connection.sql(
            f"{query} WHERE {where} ORDER BY {order} LIMIT ?",
            params=[*(value for _, values in chosen for value in values), limit],
        )
    )
