"""Candidates for lists: tracks and chord songs, what filters say of each, and what transitions go by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.audio.features import SILENT_SHARE
from etl.runtime.errors import EtlError, ExitCode
from etl.store.frames import read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import polars as pl

_COLUMNS: Final = (
    "track_id, content_hash, path, artist, title, album, musicbrainz_recordingid, isrc, duration_s, bpm, "
    "bpm_confidence, key, key_confidence, key_name, camelot, loudness_lufs"
)

_FILTERS: Final = {
    "duration": "duration_s BETWEEN $shortest_s AND $longest_s",
    "integrity": "NOT coalesce(is_cut, false) AND coalesce(damaged_packets, 0) = 0 "
    "AND coalesce(not_finite_share, 0) = 0 AND coalesce(checksum_matches, true) "
    f"AND coalesce(silent_share, 0) < {SILENT_SHARE}",
    "confidence": "bpm_confidence >= $confidence AND key_confidence >= $confidence",
    "genres": "track_id NOT IN (SELECT track_id FROM track_genres WHERE list_contains($genres, name)) "
    "AND NOT list_contains($genres_folded, lower(coalesce(genre, '')))",
    "season": "NOT regexp_matches(lower(strip_accents(concat_ws(' ', title, album, genre))), $season)",
}
"""What holds of tracks that a filter lets through, by its name."""


def library_for_lists(
    connection: duckdb.DuckDBPyConnection,
    version: str,
    where: str | None,
    filters: Mapping[str, Mapping[str, Any]],
    columns: Sequence[str] = (),
) -> pl.DataFrame:
    """Read every described track in one pass, in any order, and what each filter says of it.

    Parameters
    ----------
    connection
        The store, open for reading only: the condition is of the user.
    version
        Of the descriptions.
    where
        SQL condition over the columns of view ``described_tracks``.
    filters
        Values of the parameters of each filter that is wanted.
    columns
        Further columns of the view.

    Returns
    -------
    DataFrame
        ``track_id``, ``content_hash``, further columns; ``where`` if there is a condition, and a column for
        each filter: whether it lets the track through.

    Raises
    ------
    EtlError
        If the condition is not one.
    """
    import duckdb  # noqa: PLC0415 - the connection has loaded it

    said = "".join(f', coalesce({_FILTERS[name]}, false) AS "{name}"' for name in filters)
    values = {name: value for given in filters.values() for name, value in given.items()}
    names = ("track_id", "content_hash", *columns)
    # On a line of its own: a condition may end in a comment.
    condition = f', coalesce((\n{where}\n), false) AS "where"' if where else ""
    try:
        found: pl.DataFrame = read_frame(
            connection.sql(
                f"SELECT {', '.join(names)}{said}{condition} FROM described_tracks WHERE version = $version",
                params={"version": version, **values},
            )
        )
    except duckdb.Error as error:
        if not where:
            raise
        raise EtlError(
            f"--where is not a valid condition on the view `described_tracks`: {str(error).splitlines()[0]}",
            "Such as: genre = 'Rock' AND bpm BETWEEN 90 AND 110",
            exit_code=ExitCode.USAGE,
        ) from None
    return found


def tracks_for_lists(
    connection: duckdb.DuckDBPyConnection, version: str, track_ids: Sequence[str]
) -> pl.DataFrame:
    """Read what identity, transitions and lists go by, with ``vector_start`` and ``vector_end``, by id."""
    given = {"version": version, "ids": list(track_ids)}
    listed = "WHERE version = $version AND track_id IN (SELECT unnest($ids))"
    found = read_frame(
        connection.sql(f"SELECT {_COLUMNS} FROM described_tracks {listed} ORDER BY track_id", params=given)
    )
    # The vectors by themselves: through the view those of the whole library would be joined.
    vectors = read_frame(
        connection.sql(
            "SELECT content_hash, vector_start, vector_end FROM sonic_features "
            "WHERE version = $version AND content_hash IN (SELECT unnest($hashes))",
            params={"version": version, "hashes": found["content_hash"].to_list()},
        )
    )
    return found.join(vectors, on="content_hash", how="left", maintain_order="left")


def genres_of(connection: duckdb.DuckDBPyConnection, track_ids: Sequence[str]) -> pl.DataFrame:
    """Read the genres of some tracks: ``track_id``, ``name``; ordered."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            "SELECT DISTINCT track_id, name FROM track_genres "
            "WHERE track_id IN (SELECT unnest($ids)) ORDER BY track_id, name",
            params={"ids": list(track_ids)},
        )
    )
    return found


def genres_below(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """Give genres, whatever the case of their names, with all that are kinds of them; ordered."""
    rows = connection.execute(
        "WITH RECURSIVE below AS (SELECT name FROM genres WHERE list_contains($names, lower(name)) "
        "UNION SELECT genres.name FROM genres JOIN below ON list_contains(genres.parents, below.name)) "
        "SELECT name FROM below ORDER BY name",
        {"names": [name.lower() for name in names]},
    ).fetchall()
    return [name for (name,) in rows]
