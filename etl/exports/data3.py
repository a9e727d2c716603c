"""The data3 CSV: 17 columns, the input's own text in the first ten, written as bytes block by block."""

from __future__ import annotations

import io
from typing import Final

import polars as pl

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

_NEEDS_QUOTES: Final = r'[",\r\n]'


def data3_csv(songs: pl.LazyFrame) -> bytes:
    r"""Write analysed songs as data3 lines, without the header.

    Parameters
    ----------
    songs
        The source columns, ``key_name``, ``roman_numerals``, ``harmonic_fingerprint``, and, where they are
        known, ``artist_name`` and ``song_name``.

    Returns
    -------
    bytes
        UTF-8, ``\n``; null is empty, the empty string is ``""``, quotes only where needed.
    """
    present = songs.collect_schema().names()
    artist = pl.col("artist_name") if "artist_name" in present else pl.lit(None, pl.String)
    title = pl.col("song_name") if "song_name" in present else pl.lit(None, pl.String)
    fingerprint = pl.col("harmonic_fingerprint")
    rows = songs.select(
        *(_quoted(pl.col(name)).alias(name) for name in SOURCE_COLUMNS),
        artist_name=_quoted(artist.fill_null(UNKNOWN_ARTIST)),
        artist_url=_url("artist", pl.col("spotify_artist_id")),
        song_name=_quoted(title.fill_null(UNKNOWN_TRACK)),
        song_url=_url("track", pl.col("spotify_song_id")),
        key=pl.col("key_name"),
        roman_numerals=pl.col("roman_numerals"),
        harmonic_fingerprint=pl.concat_str(pl.lit('"'), fingerprint, pl.lit('"')),  # it always has commas
    )
    buffer = io.BytesIO()
    rows.collect().write_csv(buffer, include_header=False, quote_style="never", line_terminator="\n")
    return buffer.getvalue()


def _quoted(text: pl.Expr) -> pl.Expr:
    """Quote a field where CSV needs it."""
    quotes = pl.lit('"')
    return (
        pl.when(text.str.contains(_NEEDS_QUOTES) | (text == ""))
        .then(pl.concat_str(quotes, text.str.replace_all('"', '""', literal=True), quotes))
        .otherwise(text)
    )


def _url(kind: str, spotify_id: pl.Expr) -> pl.Expr:
    return (
        pl.when(spotify_id.str.contains(SPOTIFY_ID))
        .then(pl.concat_str(pl.lit(f"https://open.spotify.com/{kind}/"), spotify_id))
        .otherwise(pl.lit(NO_URL))
    )
