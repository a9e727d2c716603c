"""Which songs are meant: those of the current set, or of sources that are named.

The current set are the sources of the latest build, whether it analyzed them or took their harmony from the
store. The view ``songs_current`` gives its songs, and all that reads songs reads that view.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import create_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

ALL: Final = "all"
"""Stands for all sources."""


@dataclass(frozen=True)
class CurrentSource:
    """A source of the current set.

    Attributes
    ----------
    source_id
        Its number.
    path
        The file, as stored.
    songs
        Songs that came of it.
    built_in
        The run that had it among its inputs last.
    """

    source_id: int
    path: str
    songs: int
    built_in: int


@dataclass(frozen=True)
class Overlap:
    """Ids of a build that the store has from another source as well.

    Attributes
    ----------
    path
        The other source.
    songs
        How many of its songs have an id of the build.
    """

    path: str
    songs: int


def current_set(connection: duckdb.DuckDBPyConnection) -> tuple[CurrentSource, ...]:
    """Give the sources of the latest build, in input order; none where the store holds no songs."""
    rows = connection.execute(
        "SELECT source_id, path, songs, built_in FROM sources "
        "WHERE built_in = (SELECT max(built_in) FROM sources) ORDER BY source_id"
    ).fetchall()
    return tuple(CurrentSource(*row) for row in rows)


def set_current(connection: duckdb.DuckDBPyConnection, run_id: int, paths: Sequence[str]) -> None:
    """Make stored sources those of the latest build."""
    connection.execute(
        "UPDATE sources SET built_in = ? WHERE path IN (SELECT unnest(?))", [run_id, list(paths)]
    )


def use_sources(connection: duckdb.DuckDBPyConnection, names: Sequence[str] = ()) -> list[int]:
    """Have ``songs_current`` give the songs of named sources, in this connection alone.

    Parameters
    ----------
    connection
        The store.
    names
        As :func:`find_source` takes them, or ``all``; the current set where there is none. A song that two
        of several sources have, with the same id and the same chords, counts once, as of the later one.

    Returns
    -------
    list of int
        Numbers of the sources, in the order of ``names``.

    Raises
    ------
    EtlError
        If the store holds no songs, or a name does not stand for one source.
    """
    if not names:
        source_ids = [source.source_id for source in current_set(connection)]
    elif ALL in names:
        source_ids = [source_id for source_id, _ in _sources(connection)]
    else:
        source_ids = list(dict.fromkeys(_find(connection, name)[0] for name in names))
    if not source_ids:
        raise EtlError("the store holds no chord songs.", "Build them with `etl build data3`.")
    if names:
        _narrow(connection, source_ids)
    return source_ids


def _narrow(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> None:
    chosen = ", ".join(map(str, source_ids))
    songs = f"SELECT * FROM songs WHERE source_id IN ({chosen})"
    if len(source_ids) > 1:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE repeated_songs AS "
            "WITH several AS MATERIALIZED (SELECT id FROM songs "
            f"WHERE source_id IN ({chosen}) GROUP BY id HAVING count(*) > 1) "
            f"SELECT song_id FROM songs WHERE source_id IN ({chosen}) AND id IN (FROM several) "
            "QUALIFY row_number() OVER (PARTITION BY id, chords ORDER BY song_id DESC) > 1"
        )
        songs += " AND song_id NOT IN (SELECT song_id FROM repeated_songs)"
    create_views(connection, "TEMP VIEW", {"songs_current": songs})


def count_songs(connection: duckdb.DuckDBPyConnection) -> int:
    """Count what ``songs_current`` gives."""
    songs: int = connection.execute("SELECT count(*) FROM songs_current").fetchall()[0][0]
    return songs


def find_source(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Find the stored path of the one source that a name stands for.

    Parameters
    ----------
    connection
        The store.
    name
        Its path as stored or as given to the build, its number, or the end of its path: ``songs.csv``,
        ``2024/songs.csv``. A path wins over other meanings.

    Raises
    ------
    EtlError
        If it stands for none or for several; names those that there are.
    """
    return _find(connection, name)[1]


def _find(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[int, str]:
    sources = _sources(connection)
    end = PurePath(name).parts
    meant = (
        [source for source in sources if source[1] == name]
        or [source for source in sources if source[1] == str(Path(name).resolve())]
        or [
            (number, path)
            for number, path in sources
            if name == str(number) or (end and PurePath(path).parts[-len(end) :] == end)
        ]
    )
    if len(meant) == 1:
        return meant[0]
    listed = "\n".join(f"  {number}  {path}" for number, path in meant or sources)
    if meant:
        problem, hint = f"`{name}` stands for {len(meant)} sources.", "Pass one of these numbers or paths"
    else:
        problem, hint = f"the store has no source `{name}`.", "It has"
    raise EtlError(
        problem, f"{hint}:\n{listed}" if listed else "It has none at all.", exit_code=ExitCode.USAGE
    )


def _sources(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    rows: list[tuple[int, str]] = connection.execute(
        "SELECT source_id, path FROM sources ORDER BY source_id"
    ).fetchall()
    return rows


def overlaps(connection: duckdb.DuckDBPyConnection) -> tuple[Overlap, ...]:
    """Count the ids of the current set that the store has from other sources as well, most first.

    Ids that are mere numbers may be those of rows: they count where the chords are the same as well.
    """
    current = [source.source_id for source in current_set(connection)]
    if connection.execute(
        "SELECT count(*) FROM sources WHERE source_id NOT IN (SELECT unnest(?))", [current]
    ).fetchall() == [(0,)]:
        return ()
    rows = connection.execute(
        r"""
        SELECT path, count(*) AS songs
        FROM songs AS other JOIN sources USING (source_id)
        SEMI JOIN songs_current AS ours ON ours.id = other.id
            AND (ours.chords IS NOT DISTINCT FROM other.chords OR NOT regexp_full_match(other.id, '\d+'))
        WHERE source_id NOT IN (SELECT unnest(?))
        GROUP BY path ORDER BY songs DESC, path
        """,
        [current],
    ).fetchall()
    return tuple(Overlap(*row) for row in rows)
