"""Artist and song names beside the songs that have a Spotify id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl


@dataclass(frozen=True)
class Names:
    """Names by Spotify id.

    Attributes
    ----------
    artists, tracks
        ``id`` (each once) and ``name``.
    """

    artists: pl.DataFrame
    tracks: pl.DataFrame


_NONE: Final = pl.DataFrame(schema={"id": pl.String, "name": pl.String})
NO_NAMES: Final = Names(_NONE, _NONE)


def with_names(songs: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Add ``artist_name`` and ``song_name``, null where they are not known; the order of the rows stays."""
    for column, spotify_id, known in (
        ("artist_name", "spotify_artist_id", names.artists),
        ("song_name", "spotify_song_id", names.tracks),
    ):
        right = known.select(pl.col("id").alias(spotify_id), pl.col("name").alias(column))
        songs = songs.join(right, on=spotify_id, how="left", maintain_order="left")
    return songs
