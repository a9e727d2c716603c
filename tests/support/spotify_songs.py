"""Chord songs with Spotify ids, for tests of the enrichment."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from etl.exports.data3 import SOURCE_COLUMNS
from tests.support.spotify_server import spotify_id

if TYPE_CHECKING:
    from pathlib import Path

PROGRESSIONS = (
    "<verse_1> C G Am F <chorus_1> F G C",
    "Am F C G E7 Am",
    "<intro_1> D A Bm G",
    "",
    "E B Csmin A",
)
GENRES = ("rock", "jazz", "pop", "")


def write_songs(path: Path, songs: int, *, artists: int | None = None) -> Path:
    """Write songs in Chordonomicon form: a track id each, except every tenth; fewer artists than songs.

    Every 25th track id is no id, and every 40th repeats that of the song before.
    """
    artists = artists or max(1, songs // 5)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SOURCE_COLUMNS)
        for number in range(songs):
            track = "" if number % 10 == 9 else spotify_id("track", number - (number % 40 == 39))
            if number % 25 == 24:
                track = "not-an-id"
            # The first artists have most songs.
            artist = spotify_id("artist", min(number % artists, number * 7 % artists))
            genre = GENRES[number % len(GENRES)]
            writer.writerow(
                [
                    number + 1,
                    PROGRESSIONS[number % len(PROGRESSIONS)],
                    "1970-01-01",
                    f"'{genre}' 'vocal {genre}'" if genre else "",
                    f"{1950 + number % 7 * 10}.0",
                    "",
                    f"artist_{number % artists}",
                    genre,
                    track,
                    artist,
                ]
            )
    return path
