"""Chord songs in the store: write a build in one transaction, read it back in input order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.chords.ragged import Ragged
from etl.runtime.rejects import REJECT_SCHEMA
from etl.store.connection import ROW_GROUP
from etl.store.forget import forget_sources
from etl.store.lexicon import load_lexicon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

TASK: Final = "data3"

_SONG_TABLES: Final = ("songs", "song_harmony", "song_tokens")
_BATCH_SONGS: Final = 8192
_GROUPS: Final = 2  # row groups to insert at once; each is compressed on a thread of its own


@dataclass
class _Tally:
    """What has been added of one source."""

    source_id: int
    rows_in: int = 0
    songs: int = 0
    occurrences: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class StoredContent:
    """What the store has of a source, known by its content.

    Attributes
    ----------
    path
        The source.
    content_hash, content_bytes
        As of :class:`~etl.sources.chords.files.Source`.
    """

    path: str
    content_hash: str
    content_bytes: int


def stored_contents(connection: duckdb.DuckDBPyConnection) -> list[StoredContent]:
    """Give the contents of all sources."""
    rows = connection.execute(
        "SELECT path, content_hash, content_bytes FROM sources WHERE content_hash IS NOT NULL "
        "ORDER BY source_id"
    ).fetchall()
    return [StoredContent(*row) for row in rows]


def rename_sources(connection: duckdb.DuckDBPyConnection, paths: Mapping[str, str]) -> None:
    """Give sources the paths under which they were found again.

    What the store holds of files that had such a path before and another content is deleted. Call within a
    transaction.

    Parameters
    ----------
    connection
        The store, open for writing.
    paths
        The paths by content hash.
    """
    moves = pl.DataFrame({"content_hash": list(paths), "new_path": list(paths.values())})  # noqa: F841 (read by name)
    outdated = connection.execute(
        "SELECT path FROM sources WHERE path IN (SELECT new_path FROM moves) "
        "AND coalesce(content_hash, '') NOT IN (SELECT content_hash FROM moves)"
    ).fetchall()
    forget_sources(connection, [path for (path,) in outdated])
    connection.execute(
        "UPDATE rejects SET source = new_path FROM moves JOIN sources USING (content_hash) "
        "WHERE source = path AND stage = 'read' AND path <> new_path"
    )
    connection.execute(
        "UPDATE sources SET path = new_path FROM moves "
        "WHERE sources.content_hash = moves.content_hash AND path <> new_path"
    )


class SongWriter:
    """Writes the songs of one build, in place of what the store held of the same sources.

    Call within a transaction, :meth:`finish` last.

    Parameters
    ----------
    connection
        The store, open for writing.
    sources
        Names of the sources.
    replaced
        Names of others that go.

    Attributes
    ----------
    lexicon
        The store's numbers; grows with the songs.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, sources: Sequence[str], replaced: Sequence[str] = ()
    ) -> None:
        self._connection = connection
        forget_sources(connection, [*sources, *replaced])
        self.lexicon = load_lexicon(connection)
        self._known = (len(self.lexicon.chords), len(self.lexicon.numerals), len(self.lexicon.sections))
        self._columns = {table: _table_columns(connection, table) for table in _SONG_TABLES}
        self._pending: list[pl.DataFrame] = []
        connection.execute("SET preserve_insertion_order = false")  # else groups wait for the commit
        self._next_song, first_source = connection.sql(
            "SELECT (SELECT coalesce(max(song_id), 0) + 1 FROM songs), "
            "(SELECT coalesce(max(source_id), 0) + 1 FROM sources)"
        ).fetchall()[0]
        self._tallies = {name: _Tally(first_source + i) for i, name in enumerate(sources)}

    def add(self, source: str, songs: pl.DataFrame, rows_in: int) -> None:
        """Append encoded songs (:meth:`etl.chords.lexicon.Lexicon.encode`) of one source, in input order."""
        tally = self._tallies[source]
        numbered = songs.with_columns(
            source_id=pl.lit(tally.source_id, pl.Int32),
            song_id=pl.int_range(self._next_song, self._next_song + songs.height, dtype=pl.Int64),
        )
        self._pending.append(numbered)
        self._insert_songs(_GROUPS * ROW_GROUP)
        self._next_song += songs.height
        tally.rows_in += rows_in
        tally.songs += songs.height
        counts = np.bincount(
            Ragged.from_series(songs["chord_ids"]).values, minlength=len(self.lexicon.chords)
        )
        counts[: len(tally.occurrences)] += tally.occurrences
        tally.occurrences = counts

    def _insert_songs(self, rows: int) -> None:
        """Insert so many rows at a time of those that wait, while there are as many."""
        while sum(songs.height for songs in self._pending) >= max(rows, 1):
            songs = pl.concat(self._pending)
            full = songs.head(rows)
            self._pending = [songs.slice(rows)]
            for table, columns in self._columns.items():
                _insert(self._connection, table, full.select(columns))
            if "section_keys" in songs.columns:
                _insert(self._connection, "section_keys", _section_rows(full))

    def finish(self, sources: pl.DataFrame) -> None:
        """Write what the build added to the lexicon, and the sources.

        Parameters
        ----------
        sources
            ``path``, ``run_id``, ``size_bytes``, ``mtime_ns``, ``content_hash``, ``content_bytes``.
        """
        self._insert_songs(sum(songs.height for songs in self._pending))
        chords, numerals, sections = self._known
        _insert(self._connection, "chord_symbols", self.lexicon.chord_table()[chords:])
        _insert(self._connection, "numerals", self.lexicon.numeral_table()[numerals:])
        _insert(self._connection, "sections", self.lexicon.section_table()[sections:])
        for tally in self._tallies.values():
            occurrences = pl.DataFrame({"occurrences": tally.occurrences}).with_row_index("chord_id")
            used = occurrences.filter(pl.col("occurrences") > 0).with_columns(
                source_id=pl.lit(tally.source_id, pl.Int32)
            )
            _insert(self._connection, "source_symbols", used)
        tallies = pl.DataFrame(
            [(name, tally.source_id, tally.rows_in, tally.songs) for name, tally in self._tallies.items()],
            schema={"path": pl.String, "source_id": pl.Int32, "rows_in": pl.Int64, "songs": pl.Int64},
            orient="row",
        )
        rows = sources.join(tallies, on="path").with_columns(built_in="run_id")
        _insert(self._connection, "sources", rows)


def song_columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Name what the store has of each song, its own numbers of songs and sources aside."""
    columns = (_table_columns(connection, table) for table in _SONG_TABLES)
    names = dict.fromkeys(name for of_table in columns for name in of_table)
    return [name for name in names if name not in {"song_id", "source_id"}]


def _section_rows(songs: pl.DataFrame) -> pl.DataFrame:
    """One row for each section that has a key."""
    return (
        songs.select(
            "song_id",
            section=pl.int_ranges(pl.col("section_keys").list.len(), dtype=pl.Int32),
            start="section_key_starts",
            key="section_keys",
            confidence="section_key_confidences",
        )
        .filter(pl.col("key").list.len() > 0)
        .explode("section", "start", "key", "confidence")
    )


def _table_columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    names = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
    ).fetchall()
    return [name for (name,) in names]


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    # One piece for each row group: smaller ones are copied together first, on one thread.
    groups = [part.rechunk().to_arrow() for part in rows.iter_slices(ROW_GROUP)] or [rows.to_arrow()]
    arrow = pa.concat_tables(groups)  # noqa: F841 (read by name)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM arrow")


def stored_notations(
    connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]
) -> dict[int, tuple[str, str]]:
    """Path and notation of sources, by number, in the order of ``source_ids``."""
    rows = connection.execute(
        "SELECT source_id, path, coalesce(notation, 'chordonomicon') FROM sources "
        "WHERE source_id IN (SELECT unnest(?))",
        [list(source_ids)],
    ).fetchall()
    found = {source_id: (path, notation) for source_id, path, notation in rows}
    return {source_id: found[source_id] for source_id in source_ids}


def stored_spellings(
    connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]
) -> dict[str, list[tuple[str, bool]]]:
    """Distinct spellings of sources by notation, in order of their numbers, and whether each is known."""
    rows = connection.execute(
        "SELECT DISTINCT chord_id, notation, symbol, is_known FROM source_symbols "
        "JOIN chord_symbols USING (chord_id) WHERE source_id IN (SELECT unnest(?)) ORDER BY chord_id",
        [list(source_ids)],
    ).fetchall()
    found: dict[str, list[tuple[str, bool]]] = {}
    for _, notation, symbol, is_known in rows:
        found.setdefault(notation, []).append((symbol, is_known))
    return found


def stored_counts(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> tuple[int, int]:
    """Rows that the given sources had when they were read, and songs that came of them."""
    rows_in, songs = connection.execute(
        "SELECT coalesce(sum(rows_in), 0)::BIGINT, coalesce(sum(songs), 0)::BIGINT FROM sources "
        "WHERE source_id IN (SELECT unnest(?))",
        [list(source_ids)],
    ).fetchall()[0]
    return rows_in, songs


def stored_rejects(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> pl.DataFrame:
    """Rows of the named sources that were refused, in input order."""
    columns = ", ".join(f"rejects.{name}" for name in REJECT_SCHEMA)
    rejects: pl.DataFrame = connection.sql(
        f"SELECT {columns} FROM rejects JOIN sources ON rejects.source = sources.path "
        "WHERE stage = 'read' AND source IN (SELECT unnest(?)) ORDER BY source_id, line",
        params=[list(names)],
    ).pl()
    return rejects


def source_names(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> list[str]:
    """Full paths of sources, in the order of ``source_ids``."""
    paths = dict(connection.sql("SELECT source_id, path FROM sources").fetchall())
    return [paths[source_id] for source_id in source_ids]


def build_versions(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> tuple[str, str]:
    """Analysis version, and last day (ISO 8601), of the builds that the given sources come from."""
    versions = connection.execute(
        "SELECT coalesce(arguments->>'version', runs.version), strftime(max(started_at), '%Y-%m-%d') "
        "FROM runs JOIN sources USING (run_id) WHERE source_id IN (SELECT unnest(?)) GROUP BY 1 ORDER BY 1",
        [list(source_ids)],
    ).fetchall()
    return ", ".join(version for version, _ in versions), max(day for _, day in versions)


def extra_names(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> list[str]:
    """Name the further columns of sources, in the order in which they have them."""
    rows = connection.execute(
        "SELECT json_keys(extra) AS names FROM songs "
        "WHERE source_id IN (SELECT unnest(?)) AND extra IS NOT NULL GROUP BY names ORDER BY min(song_id)",
        [list(source_ids)],
    ).fetchall()
    return list(dict.fromkeys(name for (names,) in rows for name in names))


def stored_songs(
    connection: duckdb.DuckDBPyConnection,
    source_ids: Sequence[int],
    columns: Sequence[str],
    extra: Sequence[str] = (),
) -> Iterator[pl.DataFrame]:
    """Read songs of the given sources in input order, a batch at a time.

    Parameters
    ----------
    connection
        The store.
    source_ids
        Which sources of ``songs_current``, in the order they are to come.
    columns
        Columns of ``songs``, ``song_harmony`` and ``song_tokens``.
    extra
        Further columns of the source (:func:`extra_names`), whose texts are to come as a list ``extra``.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    paths = [f"/{name.replace('~', '~0').replace('/', '~1')}" for name in extra]
    names += ", json_extract_string(extra, $paths) AS extra" if extra else ""
    values: dict[str, object] = {"paths": paths} if extra else {}
    for source_id in source_ids:
        bounds = connection.execute(
            "SELECT min(song_id), max(song_id) FROM songs WHERE source_id = ?", [source_id]
        ).fetchall()[0]
        if bounds[0] is None:
            continue
        for first in range(bounds[0], bounds[1] + 1, _BATCH_SONGS):
            yield connection.sql(
                f"SELECT {names} FROM songs_current AS songs JOIN song_harmony USING (song_id) "
                "JOIN song_tokens USING (song_id) "
                "WHERE songs.source_id = $source AND song_id BETWEEN $first AND $last ORDER BY song_id",
                params={
                    **values,
                    "source": source_id,
                    "first": first,
                    "last": min(first + _BATCH_SONGS - 1, bounds[1]),
                },
            ).pl()
