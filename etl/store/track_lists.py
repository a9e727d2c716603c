"""Tracks by name, by words and by sound: what lists of tracks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.store.connection import ROW_GROUP
from etl.store.frames import read_frame
from etl.store.nearest import nearest_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import polars as pl
    from numpy.typing import NDArray

# What a list says of a track, by columns of the views.
_LISTED: Final = (
    "track_id, content_hash, path, kind, size_bytes, artist, title, album, musicbrainz_recordingid, "
    "duration_s, bpm, key_name, camelot"
)
_FOLDED: Final = "lower(strip_accents({}))"
_ARTIST, _TITLE = _FOLDED.format("coalesce(artist, '')"), _FOLDED.format("coalesce(title, '')")
_NAMED: Final = f"{_ARTIST} || ' - ' || {_TITLE}"

_FUZZY: Final = 0.88
"""Least Jaro-Winkler similarity of a name that may be meant: one typing error in a word of six letters."""


_ROWS: Final = ROW_GROUP
"""Descriptions whose vectors are in memory together."""


class SoundVectors(NamedTuple):
    """The sound of the tracks that are described, a row each."""

    track_ids: list[str]
    content_hashes: list[str]
    features: NDArray[np.float32]
    """Shape (n, d): some components of the whole track."""
    seconds: NDArray[np.float64]
    """Length of the sound."""


def sound_vectors(
    connection: duckdb.DuckDBPyConnection, version: str, components: Sequence[int]
) -> SoundVectors:
    """Read some components of the sound of every track that has a description of one version."""
    found = read_frame(
        connection.sql(
            "SELECT track_id, content_hash, duration_s FROM described_tracks WHERE version = $version",
            params={"version": version},
        )
    )
    return SoundVectors(
        found["track_id"].to_list(),
        found["content_hash"].to_list(),
        vectors_of(connection, version, found["content_hash"], components),
        found["duration_s"].to_numpy().astype(np.float64),
    )


def vectors_of(
    connection: duckdb.DuckDBPyConnection, version: str, hashes: pl.Series, components: Sequence[int]
) -> NDArray[np.float32]:
    """Read some components of the sound of whole recordings.

    All of the version are read, some row groups at a time: beside what is asked for there are never more than
    a few megabytes in memory.

    Parameters
    ----------
    connection
        The store.
    version
        Of the descriptions.
    hashes
        Of the contents, n of them, repeats allowed; all have a description of the version.
    components
        Which of the 128, d of them.

    Returns
    -------
    ndarray
        Shape (n, d), float32, a row for each hash.
    """
    import polars as pl  # noqa: PLC0415 - whoever has a series has it loaded

    last = connection.execute("SELECT coalesce(max(rowid), -1) FROM sonic_features").fetchall()[0][0]
    found: list[pl.Series] = []
    parts: list[NDArray[np.float32]] = []
    for start in range(0, last + 1, _ROWS):
        part = read_frame(
            connection.sql(
                "SELECT content_hash, vector_whole FROM sonic_features "
                f"WHERE rowid >= {start} AND rowid < {start + _ROWS} AND version = $version",
                params={"version": version},
            )
        )
        found.append(part["content_hash"])
        parts.append(np.take(part["vector_whole"].to_numpy(), components, axis=1))
    known = pl.concat(found) if found else hashes.clear()
    places = pl.DataFrame({"content_hash": known}).with_row_index("place")
    joined = pl.DataFrame({"content_hash": hashes}).join(
        places, on="content_hash", how="left", maintain_order="left"
    )
    place = joined["place"].to_numpy()
    vectors = np.empty((len(hashes), len(components)), np.float32)
    begun = 0
    while parts:
        rows = parts.pop(0)
        here = np.flatnonzero((place >= begun) & (place < begun + len(rows)))
        vectors[here] = rows[place[here] - begun]
        begun += len(rows)
    return vectors


def listed_tracks(
    connection: duckdb.DuckDBPyConnection, version: str, track_ids: Sequence[str]
) -> pl.DataFrame:
    """Read what a list says of some tracks, in their order."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            f"SELECT {_LISTED} FROM described_tracks "
            "JOIN (SELECT unnest($ids) AS track_id, generate_subscripts($ids, 1) AS place) USING (track_id) "
            "WHERE version = $version ORDER BY place",
            params={"version": version, "ids": list(track_ids)},
        )
    )
    return found


def copies_of_content(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the tracks whose content is there more than once, by content and path."""
    found: pl.DataFrame = read_frame(
        connection.sql(
            f"SELECT {_LISTED} FROM library WHERE content_hash IS NOT NULL "
            "QUALIFY count(*) OVER (PARTITION BY content_hash) > 1 ORDER BY content_hash, path"
        )
    )
    return found


def tracks_named(
    connection: duckdb.DuckDBPyConnection, version: str | None, name: str, path: str
) -> pl.DataFrame:
    """Find the described tracks that a name may mean.

    The first that finds any decides: an id or a path; a title, or `artist - title`, whatever its case and
    accents; a part of that; the most similar of that, typing errors allowed.

    Parameters
    ----------
    connection
        The store.
    version
        Of the descriptions; None for any.
    name
        What was typed.
    path
        The whole path that it stands for if it is one.

    Returns
    -------
    DataFrame
        Rows as of a list, by path.
    """
    folded = _FOLDED.format("$name")
    ways = (
        "track_id IN (SELECT track_id FROM files WHERE track_id = $name OR path IN ($name, $path))",
        f"{_TITLE} = {folded} OR {_NAMED} = {folded}",
        f"contains({_NAMED}, {folded})",
    )
    given = {"version": version, "name": name}
    for way in ways:
        params = given | ({"path": path} if "$path" in way else {})
        found: pl.DataFrame = read_frame(
            connection.sql(
                f"SELECT {_LISTED} FROM described_tracks "
                f"WHERE version = coalesce($version, version) AND ({way}) ORDER BY path",
                params=params,
            )
        )
        if not found.is_empty():
            return found
    similarity = f"greatest(jaro_winkler_similarity({_TITLE}, n), jaro_winkler_similarity({_NAMED}, n))"
    likest: pl.DataFrame = read_frame(
        connection.sql(
            f"SELECT {_LISTED} FROM (SELECT *, {similarity} AS similarity "
            f"FROM described_tracks, (SELECT {folded} AS n) WHERE version = coalesce($version, version)) "
            "WHERE similarity >= $least QUALIFY similarity = max(similarity) OVER () ORDER BY path",
            params=given | {"least": _FUZZY},
        )
    )
    return likest


def names_like(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """List the `artist - title` of described tracks that somebody may have meant by a name."""
    return nearest_values(
        connection, "described_tracks", "concat_ws(' - ', artist, title)", name, short="title"
    )


def tracks_with_words(
    connection: duckdb.DuckDBPyConnection, words: Sequence[str], limit: int
) -> pl.DataFrame:
    """Find the tracks that have all of some words in artist, title, album, genre or path, by artist."""
    text = _FOLDED.format("concat_ws(' ', artist, title, album, albumartist, genre, path)")
    found: pl.DataFrame = read_frame(
        connection.sql(
            f"SELECT {_LISTED} FROM library WHERE len(list_filter($words, lambda word: "
            f"NOT contains({text}, lower(strip_accents(word))))) = 0 "
            "ORDER BY artist, album, track_number, title, path LIMIT $limit",
            params={"words": list(words), "limit": limit},
        )
    )
    return found
