"""Generate N Chordonomicon-like songs from the bundled sample: transposed, shuffled, with made-up metadata.

The songs are labelled as generated (``id`` begins with ``gen``). Null rates are those of Chordonomicon:
genres 37 %, main_genre 48 %, spotify_song_id 35 %, decade 38 %.

    python -m tests.support.generated_songs 200000 generated.csv
"""

from __future__ import annotations

import re
import string
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.chords.symbols import parse_chord
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 20_000
_GENRES = ("pop", "rock", "country", "alternative", "pop rock", "metal", "rap", "soul", "jazz", "folk")
_OF_ARTIST = 8  # recordings
_KEPT_SECTIONS = 0.75  # brings the mean song to the 76 chords of Chordonomicon


def _sections(chords: str) -> list[tuple[str, list[str]]]:
    """Split a song into (section name, chords); the untagged beginning has an empty name."""
    parts = re.split(r"<([a-z_]+)_\d+>", chords)
    pairs = [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    return [(name, text.split()) for name, text in pairs if text.strip()]


def _transposed(sections: list[tuple[str, list[str]]], semitones: int) -> list[tuple[str, str]]:
    return [(name, " ".join(_spelled(chord, semitones) for chord in chords)) for name, chords in sections]


@cache
def _spelled(chord: str, semitones: int) -> str:
    parsed = parse_chord(chord)
    return str(parsed.transposed(semitones, flats=semitones in {1, 3, 5, 8, 10})) if parsed else chord


def _chord_text(sections: list[tuple[str, str]], random: np.random.Generator) -> str:
    order = random.permutation(len(sections))
    kept = order[: max(1, round(_KEPT_SECTIONS * len(sections)))]
    numbers: dict[str, int] = {}
    words = []
    for index in kept:
        name, chords = sections[index]
        if name:
            numbers[name] = numbers.get(name, 0) + 1
            words.append(f"<{name}_{numbers[name]}>")
        words.append(chords)
    return " ".join(words)


def _random_ids(random: np.random.Generator, distinct: int) -> NDArray[np.str_]:
    """Make up ids of 22 characters."""
    alphabet = np.array(list(string.ascii_letters + string.digits))
    letters = alphabet[random.integers(0, 62, (distinct, 22))]
    ids: NDArray[np.str_] = np.ascontiguousarray(letters).view("<U22").ravel()
    return ids


def _with_nulls(values: NDArray[np.str_], rate: float, random: np.random.Generator) -> pl.Series:
    texts = pl.Series(values, dtype=pl.String)
    return texts.set(pl.Series(random.random(len(values)) < rate), None)


def generate(songs: int, path: Path, *, seed: int = 0) -> None:
    """Write ``songs`` generated songs to ``path``."""
    random = np.random.default_rng(seed)
    sample = pl.read_csv(resource("sample/billboard_chordonomicon.csv"), infer_schema=False)
    originals = [_sections(chords) for chords in sample["chords"]]
    variants = [[_transposed(song, semitones) for semitones in range(12)] for song in originals]
    recordings, artists = _random_ids(random, songs), _random_ids(random, songs // _OF_ARTIST + 1)
    with path.open("wb") as file:
        for start in range(0, songs, _BATCH):
            count = min(_BATCH, songs - start)
            picks = zip(random.integers(0, len(variants), count), random.integers(0, 12, count), strict=True)
            years = random.integers(1950, 2024, count)
            recording = (songs * random.random(count) ** 2).astype(int)  # few of them often
            artist = recording // _OF_ARTIST
            genre = np.array(_GENRES)[random.integers(0, len(_GENRES), count)]
            frame = pl.DataFrame(
                {
                    "id": [f"gen{start + i + 1}" for i in range(count)],
                    "chords": [_chord_text(variants[song][semitones], random) for song, semitones in picks],
                    "release_date": _with_nulls(np.char.add(years.astype(str), "-01-01"), 0.38, random),
                    "genres": _with_nulls(np.char.add(genre, " 'generated'"), 0.37, random),
                    "decade": _with_nulls(np.char.add((years // 10 * 10).astype(str), ".0"), 0.38, random),
                    "rock_genre": _with_nulls(genre, 0.83, random),
                    "artist_id": np.char.add("artist_", artist.astype(str)),
                    "main_genre": _with_nulls(genre, 0.48, random),
                    "spotify_song_id": _with_nulls(recordings[recording], 0.35, random),
                    "spotify_artist_id": _with_nulls(artists[artist], 0.35, random),
                }
            )
            frame.write_csv(file, include_header=start == 0)


if __name__ == "__main__":
    generate(int(sys.argv[1]), Path(sys.argv[2]))
