"""How often a near version of a song is in another split than the song, before and after linking them.

    python -m benchmarks.dataset_leaks [SONGS=739] [SEEDS=10]

For each kind of near version a store is built of real songs (the bundled Billboard sample, each with an
artist of its own) and a version of each by another artist; the same is done with as many songs of chords
drawn at random, which have no loops. "Before" are splits that link artists and whole progressions alone. The
leak is the share of pairs whose two songs are in two splits, over all seeds; "left out" the share of songs
that the data set loses for it. Splits at random part 34 % of pairs.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.keys import KeyMethod
from etl.chords.symbols import parse_chord
from etl.exports.data3 import SOURCE_COLUMNS
from etl.pipelines.data3.build import build
from etl.pipelines.data3.dataset_plan import Survey, plan_splits, survey_songs
from etl.pipelines.data3.request import Data3Build
from etl.runtime.resources import resource
from etl.store.database import read_store
from etl.store.scope import use_sources
from tests.support.figures import show, sizes
from tests.support.reference import has_reference, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHARES: Final = (0.8, 0.1, 0.1)
_DRAWN: Final = ("C", "G", "Amin", "F", "Dmin", "Emin", "D", "Bb", "A7", "E7")

Song = list[str]


def chord_places(song: Song) -> list[int]:
    """Give the places of the chords among tokens."""
    return [place for place, token in enumerate(song) if not token.startswith("<")]


def changed(song: Song, instead: Callable[[str], Song]) -> Song:
    """Put something in the place of one chord; a song of one chord stays."""
    if len(chord_places(song)) == 1:
        return song
    place = random.choice(chord_places(song))
    return [*song[:place], *instead(song[place]), *song[place + 1 :]]


def cut(song: Song, share: float) -> Song:
    """Leave out the end."""
    places = chord_places(song)
    return song[: places[max(1, round(len(places) * (1 - share))) - 1] + 1]


def transposed(song: Song) -> Song:
    """Play in another key."""
    semitones = random.randint(1, 11)
    parsed = [(parse_chord(token), token) for token in song]
    return [str(chord.transposed(semitones, flats=True)) if chord else token for chord, token in parsed]


def simplified(song: Song) -> Song:
    """Leave major and minor triads, without a bass."""
    roots = [(token[: 1 + (token[1:2] in {"b", "s"} and token[1:3] != "su")], token) for token in song]
    chords = [(parse_chord(token), root) for root, token in roots]
    return [
        root + ("min" if chord.quality.semitones.get("3") == 3 else "") if chord else token
        for (chord, root), token in zip(chords, song, strict=True)
    ]


KINDS: Final[dict[str, Callable[[Song], Song]]] = {
    "the same": lambda song: song,
    "a chord missing": lambda song: changed(song, lambda _: []),
    "one more chord": lambda song: changed(song, lambda chord: [random.choice(_DRAWN), chord]),
    "another chord": lambda song: changed(song, lambda _: [random.choice(_DRAWN)]),
    "an unknown token inside": lambda song: changed(song, lambda chord: ["xx", chord]),
    "played twice": lambda song: song + song,
    "transposed": transposed,
    "no section tags": lambda song: [song[place] for place in chord_places(song)],
    "plain triads": simplified,
    "the last tenth cut": lambda song: cut(song, 0.1),
    "the last quarter cut": lambda song: cut(song, 0.25),
    "the last half cut": lambda song: cut(song, 0.5),
}


def real_songs(count: int) -> list[Song]:
    """Read songs of the bundled sample."""
    sample = pl.read_csv(resource("sample/billboard_chordonomicon.csv"), infer_schema=False)
    return [song.split() for song in sample["chords"].head(count)]


def drawn_songs(count: int) -> list[Song]:
    """Draw songs of sixty chords."""
    return [random.choices(_DRAWN, k=60) for _ in range(count)]


def survey(songs: Sequence[Song], recordings: Sequence[str] | None = None) -> Survey:
    """Build a store of songs, each by an artist of its own, and find what links them."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        here = Path(folder)
        rows = {
            "id": [str(number) for number in range(len(songs))],
            "chords": [" ".join(song) for song in songs],
            "artist_id": [f"a{number}" for number in range(len(songs))],
            "spotify_song_id": list(recordings or [""] * len(songs)),
        }
        frame = pl.DataFrame(rows)
        missing = [pl.lit(None, pl.String).alias(name) for name in SOURCE_COLUMNS if name not in rows]
        frame.with_columns(missing).select(SOURCE_COLUMNS).write_csv(here / "songs.csv")
        store = here / "songs.duckdb"
        build(
            Data3Build(
                inputs=(here / "songs.csv",),
                output=here / "data3.csv",
                database=store,
                method=KeyMethod.KRUMHANSL,
            )
        )
        with read_store(store) as connection:
            return survey_songs(connection, use_sources(connection))


def leak(linked: Survey, seeds: int) -> tuple[float, float]:
    """Share of pairs in two splits, and of songs left out; the second half are versions of the first."""
    leaks, left_out = [], []
    for seed in range(seeds):
        split = plan_splits(linked, _SHARES, seed).split
        one, other = np.split(split, 2)
        leaks.append(np.mean((one >= 0) & (other >= 0) & (one != other)))
        left_out.append(np.mean(split < 0))
    return float(np.mean(leaks)), float(np.mean(left_out))


def row(kind: str, linked: Survey, seeds: int) -> None:
    """Print a row of the table."""
    before = replace(linked, links={name: linked.links[name] for name in ("artist", "progression")})
    was, is_now = leak(before, seeds), leak(linked, seeds)
    pairs = len(linked.strata) // 2
    print(f"| {kind} | {pairs} | {was[0]:.1%} | {is_now[0]:.1%} | {is_now[1]:.1%} |", flush=True)


def two_transcriptions() -> list[Song]:
    """Read the songs that Billboard and the Rolling Stone corpus both have, by artist and title."""
    found = []
    for name, folder in (("billboard", "billboard"), ("rs200", "rs200")):
        songs = pl.read_csv(reference(f"{folder}/{name}_chordonomicon.csv"), infer_schema=False)
        truth = pl.read_csv(reference(f"{folder}/{name}_truth.csv"), infer_schema=False)
        titles = truth.select("id", plain=plain("title"), by=plain("artist").str.replace("^the", ""))
        found.append(
            songs.select("id", "chords")
            .join(titles, on="id", maintain_order="left")
            .unique(["plain", "by"], keep="first", maintain_order=True)
        )
    both = found[0].join(found[1], on=("plain", "by"), maintain_order="left")
    return [song.split() for column in ("chords", "chords_right") for song in both[column]]


def plain(name: str) -> pl.Expr:
    """Letters and digits of a name."""
    return pl.col(name).str.to_lowercase().str.replace_all("[^a-z0-9]", "")


def main(count: int, seeds: int) -> None:
    """Measure and print."""
    random.seed(0)
    real, drawn = real_songs(count), drawn_songs(count)
    print("| near version | pairs | leak before | leak after | left out after |\n|---|---|---|---|---|")
    for kind, version in KINDS.items():
        for of, songs in (("real songs", real), ("random chords", drawn)):
            row(f"{kind}, {of}", survey([*songs, *map(version, songs)]), seeds)
    shuffled = [random.sample(song, len(song)) for song in drawn]
    recordings = [f"{number:022d}" for number in range(count)] * 2
    row("the same recording, other chords", survey([*drawn, *shuffled], recordings), seeds)
    if has_reference("rs200"):
        row("two people's transcriptions", survey(two_transcriptions()), seeds)
    alone = survey(real)
    links = plan_splits(alone, _SHARES, 0).links["near_version"]
    show(
        {f"{count} real songs, none a version of another": {"linked": links.songs, "largest": links.largest}}
    )


if __name__ == "__main__":
    main(*sizes(739, 10))
