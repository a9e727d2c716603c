"""Which songs, tracks and MIDI files a report is about: those that a condition lets through.

They go into temporary tables. Progressions and the like are counted in a sample of the songs: runs of
neighbors from all over the build, so that little has to be read of a large store, and always the same songs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import duckdb

from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import create_views

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_TRACKS: Final = (
    "track_id, path, artist, title, genre, duration_s, bpm, key, key_name, camelot, loudness_lufs, "
    "content_hash, is_cut, damaged_packets, checksum_matches, vector_whole IS NOT NULL AS is_described"
)

VIEWS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "songs": ("song_overview", "song_id, genre, decade, key, key_confidence, n_chords, n_unknown"),
        "tracks": ("library", _OF_TRACKS),
        "midi": ("midi", "path, bpm, key, category, notes, seconds, copies"),
    }
)
"""What can be narrowed: the view that a condition is about, and the columns that a report needs."""

SAMPLE_SONGS: Final = 20_000
"""Songs that sequences are counted in, where there are more."""

_RUN_SONGS: Final = 2048
"""Neighbors in a run of the sample; so many values of a column are unpacked together."""


@dataclass(frozen=True)
class Scope:
    """What a report is about.

    Attributes
    ----------
    counts
        How many songs, tracks and MIDI files there are, by the names of ``VIEWS``.
    left_out
        The names of those that the condition is not about: their view lacks its columns.
    """

    counts: Mapping[str, int]
    left_out: tuple[str, ...]


def narrow(connection: duckdb.DuckDBPyConnection, where: str | None) -> Scope:
    """Make the tables ``page_songs``, ``page_tracks`` and ``page_midi``.

    Raises
    ------
    EtlError
        If the condition fits none of the views.
    """
    left_out, problem = [], ""
    for name, (view, columns) in VIEWS.items():
        condition = f"WHERE ({where})" if where else ""
        select = f"CREATE OR REPLACE TEMP TABLE page_{name} AS SELECT {columns} FROM {view}"
        try:
            connection.execute(f"{select} {condition}")
        except duckdb.BinderException as error:
            left_out.append(name)
            problem = problem or str(error).splitlines()[0]
            connection.execute(f"{select} LIMIT 0")
        except (duckdb.ProgrammingError, duckdb.DataError, duckdb.PermissionException) as error:
            raise _not_a_condition(str(error).splitlines()[0]) from None
    if len(left_out) == len(VIEWS):
        raise _not_a_condition(problem)
    counts = {
        name: connection.execute(f"SELECT count(*) FROM page_{name}").fetchall()[0][0] for name in VIEWS
    }
    return Scope(counts, tuple(left_out))


def _not_a_condition(problem: str) -> EtlError:
    views = ", ".join(f"`{view}`" for view, _ in VIEWS.values())
    return EtlError(
        f"--where is not a valid condition on any of the views {views}: {problem}",
        "Such as: decade = 1980, genre = 'Rock', bpm BETWEEN 90 AND 110",
        exit_code=ExitCode.USAGE,
    )


def sample_songs(connection: duckdb.DuckDBPyConnection, most: int = SAMPLE_SONGS) -> int:
    """Have all views and named queries be about a sample of ``page_songs``, in this connection alone.

    Returns
    -------
    int
        How many songs it has.
    """
    low, high, songs = connection.execute(
        "SELECT coalesce(min(song_id), 0), coalesce(max(song_id), 0), count(*) FROM page_songs"
    ).fetchall()[0]
    span = high - low + 1
    runs = math.ceil(most / _RUN_SONGS * span / max(songs, 1))
    if songs <= most or runs * _RUN_SONGS >= span:
        ranges = [(low, high)]
    else:
        starts = [low + span * number // runs for number in range(runs)]
        ranges = [(start, start + _RUN_SONGS - 1) for start in starts]
    for table in ("song_tokens", "song_harmony", "songs"):
        # One by one, so that only the row groups of a run are read.
        connection.execute(f"CREATE OR REPLACE TEMP TABLE sample_{table} AS FROM {table} LIMIT 0")
        for first, last in ranges:
            connection.execute(
                f"INSERT INTO sample_{table} SELECT rows.* FROM {table} AS rows SEMI JOIN page_songs "
                "USING (song_id) WHERE song_id BETWEEN $first AND $last",
                {"first": first, "last": last},
            )
    # What is temporary stands before what the file has under the same name.
    for table in ("song_tokens", "song_harmony"):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS FROM sample_{table}")
    create_views(connection, "TEMP VIEW", {"songs_current": "FROM sample_songs"})
    sampled: int = connection.execute("SELECT count(*) FROM sample_songs").fetchall()[0][0]
    return sampled
