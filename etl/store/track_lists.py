"""Tracks by name, by words and by sound: what lists of tracks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

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
    found: pl.DataFrame = connection.sql(
        "SELECT track_id, content_hash, duration_s, vector_whole FROM described_tracks "
        "WHERE version = $version",
        params={"version": version},
    ).pl()
    features = np.ascontiguousarray(found["vector_whole"].to_numpy()[:, components], dtype=np.float32)
    return SoundVectors(
        found["track_id"].to_list(),
        found["content_hash"].to_list(),
        features,
        found["duration_s"].to_numpy().astype(np.float64),
    )


def listed_tracks(
    connection: duckdb.DuckDBPyConnection, version: str, track_ids: Sequence[str]
) -> pl.DataFrame:
    """Read what a list says of some tracks, in their order."""
    found: pl.DataFrame = connection.sql(
        f"SELECT {_LISTED} FROM described_tracks "
        "JOIN (SELECT unnest($ids) AS track_id, generate_subscripts($ids, 1) AS place) USING (track_id) "
        "WHERE version = $version ORDER BY place",
        params={"version": version, "ids": list(track_ids)},
    ).pl()
    return found


def copies_of_content(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read the tracks whose content is there more than once, by content and path."""
    found: pl.DataFrame = connection.sql(
        f"SELECT {_LISTED} FROM library WHERE content_hash IS NOT NULL "
        "QUALIFY count(*) OVER (PARTITION BY content_hash) > 1 ORDER BY content_hash, path"
    ).pl()
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
        "track_id = $name OR path IN ($name, $path)",
        f"{_TITLE} = {folded} OR {_NAMED} = {folded}",
        f"contains({_NAMED}, {folded})",
    )
    given = {"version": version, "name": name}
    for way in ways:
        params = given | ({"path": path} if "$path" in way else {})
        found: pl.DataFrame = connection.sql(
            f"SELECT {_LISTED} FROM described_tracks "
            f"WHERE version = coalesce($version, version) AND ({way}) ORDER BY path",
            params=params,
        ).pl()
        if not found.is_empty():
            return found
    similarity = f"greatest(jaro_winkler_similarity({_TITLE}, n), jaro_winkler_similarity({_NAMED}, n))"
    likest: pl.DataFrame = connection.sql(
        f"SELECT {_LISTED} FROM (SELECT *, {similarity} AS similarity "
        f"FROM described_tracks, (SELECT {folded} AS n) WHERE version = coalesce($version, version)) "
        "WHERE similarity >= $least QUALIFY similarity = max(similarity) OVER () ORDER BY path",
        params=given | {"least": _FUZZY},
    ).pl()
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
    found: pl.DataFrame = connection.sql(
        f"SELECT {_LISTED} FROM library WHERE len(list_filter($words, lambda word: "
        f"NOT contains({text}, lower(strip_accents(word))))) = 0 "
        "ORDER BY artist, album, track_number, title, path LIMIT $limit",
        params={"words": list(words), "limit": limit},
    ).pl()
    return found
