"""Artist and song names: as Spotify gives them, else as the source does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

UNKNOWN_ARTIST: Final = "Unknown Artist"
UNKNOWN_TRACK: Final = "Unknown Track"


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
    """Add ``artist_name`` and ``song_name``, null where they are not known; the order of the rows stays.

    ``artist`` and ``title`` are the names that the source gives. The words that stand for unknown names in a
    data3 CSV are none.
    """
    for column, own, unknown, spotify_id, known in (
        ("artist_name", "artist", UNKNOWN_ARTIST, "spotify_artist_id", names.artists),
        ("song_name", "title", UNKNOWN_TRACK, "spotify_song_id", names.tracks),
    ):
        right = known.select(pl.col("id").alias(spotify_id), pl.col("name").alias(column))
        songs = songs.join(right, on=spotify_id, how="left", maintain_order="left")
        if songs[own].null_count() < songs.height:
            given = pl.when(~pl.col(own).is_in(("", unknown))).then(own)
            songs = songs.with_columns(pl.coalesce(column, given).alias(column))
    return songs
