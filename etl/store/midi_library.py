"""The MIDI library in the store: copies with safe names, their parts, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.store.midi import SPLIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import polars as pl

_MOST_TAGS: Final = 3
_THERE: Final = "sha256 IN (SELECT sha256 FROM midi_paths WHERE gone_at IS NULL)"
"""SQL condition: the content is at a path that is not gone."""


@dataclass
class LibraryNames:
    """What the library holds.

    Attributes
    ----------
    copies
        ``folder/name`` of each copy, by content hash.
    split
        Content hashes of the files whose parts are written.
    parts
        ``folder/name`` of each part, by content hash, track and channel.
    """

    copies: dict[str, str]
    split: set[str]
    parts: dict[tuple[str, int, int], str]


def library_names(
    connection: duckdb.DuckDBPyConnection, *, split_version: str, with_parts: bool
) -> LibraryNames:
    """Read what the library holds; the parts only if they are wanted."""
    rows = connection.execute(
        "SELECT sha256, folder || '/' || name, sha256 IN (SELECT item FROM ledger "
        "WHERE task = ? AND version = ? AND status IN ('done', 'skipped')) "
        "FROM midi_library WHERE track IS NULL",
        [SPLIT, split_version],
    ).fetchall()
    parts = connection.execute(
        "SELECT sha256, track, channel, folder || '/' || name FROM midi_library "
        "WHERE track IS NOT NULL AND ?",
        [with_parts],
    ).fetchall()
    return LibraryNames(
        copies={digest: place for digest, place, _ in rows},
        split={digest for digest, _, is_split in rows if is_split},
        parts={(digest, track, channel): place for digest, track, channel, place in parts},
    )


@dataclass(frozen=True)
class LibraryFile:
    """A copy that has been analysed.

    Attributes
    ----------
    sha256, size_bytes
        Of the file as it was found.
    folder, name
        Where its copy is, within the library.
    category, category_reason, key, chords
        What it is.
    was_wrapped
        Whether the copy is not the file as it was found, but what was wrapped in it.
    """

    sha256: str
    folder: str
    name: str
    category: str | None
    category_reason: str | None
    key: str | None
    chords: list[str]
    size_bytes: int
    was_wrapped: bool


def analysed_files(connection: duckdb.DuckDBPyConnection) -> list[LibraryFile]:
    """List the copies that have notes and an analysis, by name."""
    rows = connection.execute(
        "SELECT library.sha256, folder, library.name, category, category_reason, key, chords, "
        "size_bytes, list_contains(repairs, 'junk_before_header') FROM midi_library AS library "
        "JOIN midi_analysis USING (sha256) JOIN midi_files USING (sha256) "
        f"WHERE track IS NULL AND notes > 0 AND {_THERE} ORDER BY library.name"
    ).fetchall()
    return [LibraryFile(*row) for row in rows]


def count_unanalysed(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the copies that have no analysis."""
    count: int = connection.execute(
        "SELECT count(*) FROM midi_library ANTI JOIN midi_analysis USING (sha256) "
        f"WHERE track IS NULL AND {_THERE}"
    ).fetchall()[0][0]
    return count


def has_analysis(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any MIDI file has been analysed."""
    return bool(connection.execute(f"SELECT 1 FROM midi_analysis WHERE {_THERE} LIMIT 1").fetchall())


def analysis_rows(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give the table ``midi_analysis``, by content hash; what is gone is left out."""
    rows: pl.DataFrame = connection.sql(f"SELECT * FROM midi_analysis WHERE {_THERE} ORDER BY sha256").pl()
    return rows


def analysed_with_tags(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give the view ``midi`` (analysis, first path, name in the library) of analysed files, with tags."""
    rows: pl.DataFrame = connection.sql(
        "SELECT midi.*, (SELECT list_sort(list(DISTINCT tag)) FROM midi_tags AS t "
        "WHERE t.sha256 = midi.sha256) AS tags FROM midi WHERE seconds IS NOT NULL ORDER BY sha256"
    ).pl()
    return rows


def figures_for_names(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give what copies may be named by: place, tempo, key, category, bars and the three surest tags."""
    rows: pl.DataFrame = connection.sql(
        "SELECT sha256, folder, library.name, bpm, key, category, bars, tags "
        "FROM midi_library AS library JOIN midi_analysis USING (sha256) LEFT JOIN ("
        "  SELECT sha256, list(tag ORDER BY confidence DESC, tag)[:?] AS tags FROM ("
        "    SELECT sha256, tag, max(confidence) AS confidence FROM midi_tags "
        "    WHERE kind IN ('instrument', 'role', 'genre') GROUP BY ALL"
        "  ) GROUP BY ALL"
        ") USING (sha256) WHERE track IS NULL ORDER BY library.name",
        params=[_MOST_TAGS],
    ).pl()
    return rows


def library_parts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int, str, str]]:
    """List the parts: content hash, track, channel, folder and name."""
    return connection.execute(
        "SELECT sha256, track, channel, folder, name FROM midi_library WHERE track IS NOT NULL ORDER BY ALL"
    ).fetchall()


def find_files(
    connection: duckdb.DuckDBPyConnection,
    *,
    bpm: tuple[float, float] | None,
    key: str | None,
    categories: Sequence[str] | None,
    tags: Sequence[Sequence[str]],
    limit: int,
) -> pl.DataFrame:
    """List files that fit all conditions, surest key and tempo first.

    Parameters
    ----------
    connection
        The store.
    bpm
        Lowest and highest tempo.
    key
        Name of the key.
    categories
        The file is in one of them.
    tags
        The file has one tag of each of these groups.
    limit
        The most rows.

    Returns
    -------
    DataFrame
        ``path``, ``library_name``, ``bpm``, ``key``, ``category``, ``seconds``, ``tags``.
    """
    conditions: Mapping[str, Sequence[Any] | None] = {
        "bpm BETWEEN ? AND ?": bpm,
        "key = ?": None if key is None else [key],
        "list_contains(?, category)": None if categories is None else [categories],
    }
    chosen = [(condition, values) for condition, values in conditions.items() if values is not None]
    chosen += [("sha256 IN (SELECT sha256 FROM midi_tags WHERE list_contains(?, tag))", [group])
               for group in tags]  # fmt: skip
    where = " AND ".join(["true", *(condition for condition, _ in chosen)])
    found: pl.DataFrame = connection.sql(
        "SELECT path, library_name, bpm, key, category, seconds, "
        "(SELECT list_sort(list(DISTINCT tag)) FROM midi_tags AS t WHERE t.sha256 = midi.sha256) AS tags "
        f"FROM midi WHERE {where} "
        "ORDER BY key_confidence * bpm_confidence DESC NULLS LAST, path LIMIT ?",
        params=[*(value for _, values in chosen for value in values), limit],
    ).pl()
    return found
