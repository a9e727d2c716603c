"""The data3 CSV: 17 columns, the input's own text in the first ten, written as bytes block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    import io

SOURCE_COLUMNS: Final = (
    "id",
    "chords",
    "release_date",
    "genres",
    "decade",
    "rock_genre",
    "artist_id",
    "main_genre",
    "spotify_song_id",
    "spotify_artist_id",
)
"""The Chordonomicon columns."""

COLUMNS: Final = (
    *SOURCE_COLUMNS,
    "artist_name",
    "artist_url",
    "song_name",
    "song_url",
    "key",
    "roman_numerals",
    "harmonic_fingerprint",
)
"""The data3 columns."""

HEADER: Final = (",".join(COLUMNS) + "\n").encode()

UNKNOWN_ARTIST: Final = "Unknown Artist"
UNKNOWN_TRACK: Final = "Unknown Track"
NO_URL: Final = "N/A"

SPOTIFY_ID: Final = r"^[0-9A-Za-z]{22}$"


def write_data3(songs: pl.DataFrame, buffer: io.BytesIO) -> memoryview:
    r"""Write analysed songs as data3 lines, without the header.

    Parameters
    ----------
    songs
        The source columns, ``key_name``, ``roman_numerals``, ``harmonic_fingerprint``, and, where they are
        known, ``artist_name`` and ``song_name``.
    buffer
        Where to write; what it held is lost. A buffer that is used again spares the memory of a new one.

    Returns
    -------
    memoryview
        The lines in the buffer: UTF-8, ``\n``; null is empty, the empty string is ``""``, quotes only where
        needed. Release it before the buffer is used again.
    """
    artist = pl.col("artist_name") if "artist_name" in songs.columns else pl.lit(None, pl.String)
    title = pl.col("song_name") if "song_name" in songs.columns else pl.lit(None, pl.String)
    rows = songs.select(
        *SOURCE_COLUMNS,
        artist_name=artist.fill_null(UNKNOWN_ARTIST),
        artist_url=_url("artist", pl.col("spotify_artist_id")),
        song_name=title.fill_null(UNKNOWN_TRACK),
        song_url=_url("track", pl.col("spotify_song_id")),
        key="key_name",
        roman_numerals="roman_numerals",
        harmonic_fingerprint="harmonic_fingerprint",
    )
    buffer.seek(0)
    rows.write_csv(buffer, include_header=False, line_terminator="\n")
    return buffer.getbuffer()[: buffer.tell()]


def _url(kind: str, spotify_id: pl.Expr) -> pl.Expr:
    return (
        pl.when(spotify_id.str.contains(SPOTIFY_ID))
        .then(pl.concat_str(pl.lit(f"https://open.spotify.com/{kind}/"), spotify_id))
        .otherwise(pl.lit(NO_URL))
    )
