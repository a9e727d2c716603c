"""Near versions: what is linked, and what is not."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from scipy.sparse.csgraph import connected_components

from etl.chords.near_versions import LEAST_COUNTED, LEAST_DISTINCT, NearVersions
from etl.chords.ragged import Ragged
from etl.chords.symbols import parse_chord, parse_section
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def clusters(songs: Sequence[str], *, batch: int = 1000) -> NDArray[np.int32]:
    """Label songs, given as chord strings."""
    numbers: dict[str, int] = {}
    rows = [
        [numbers.setdefault(t, len(numbers)) for t in song.split() if not parse_section(t)] for song in songs
    ]
    chords = [parse_chord(token) for token in numbers]
    roots = np.array([chord.root_pc if chord else -1 for chord in chords])
    minor = np.array([bool(chord) and chord.quality.semitones.get("3") == 3 for chord in chords])  # type: ignore[union-attr]
    near = NearVersions()
    for start in range(0, len(rows), batch):
        part = pl.Series(rows[start : start + batch], dtype=pl.List(pl.Int32))
        near.add(Ragged.from_series(part), roots, minor)
    return near.clusters()


@pytest.fixture(scope="module")
def songs() -> list[str]:
    """Real songs."""
    return pl.read_csv(resource("sample/billboard_chordonomicon.csv"), infer_schema=False)["chords"].to_list()


SONG = "<verse_1> C G Amin F C G Amin F E7 Amin D7 G <chorus_1> F G C A7 Dmin G7 C Bb F C"


@pytest.mark.parametrize(
    "version",
    [
        "C G Amin F C G Amin F E7 Amin D7 G F G C A7 Dmin G7 C Bb F C",
        "<intro_1> C G Amin F C ?? G Amin F E7 Amin D7 G F G C A7 Dmin G7 C Bb F C",
        "D A Bmin G D A Bmin G Fs7 Bmin E7 A G A D B7 Emin A7 D C G D",
        "C G/B Amin7 Fmaj7 C Gsus4 G Amin F E Amin D G F G C A Dmin G C Bb F C",
        f"{SONG} {SONG}",
        f"{SONG} {SONG} {SONG}",
        "C G Amin F C G Amin F E7 Amin D7 G F G C A7 Dmin G7 C Bb F",
    ],
    ids=[
        "no tags",
        "unknown token",
        "transposed",
        "other detail",
        "twice",
        "three times",
        "no closing chord",
    ],
)
def test_versions_that_differ_in_detail_are_one(version):
    """However few songs there are, and with a song between that is another."""
    labels = clusters([SONG, "Emin A7 D B7 Emin Fs Bmin C", version])
    assert labels.tolist() == [0, 1, 0]


def test_how_often_a_loop_is_played_does_not_count():
    """Songs of one loop are one progression; another loop is another."""
    loop, other = "C G Amin F", "C Amin F G"
    assert clusters([" ".join([loop] * 8), " ".join([other] * 8), " ".join([loop] * 12)]).tolist() == [
        0,
        1,
        0,
    ]


def test_songs_without_five_chords_are_compared_as_a_whole():
    """One chord, two, none known to differ: no song is lost, none joins another by having nothing."""
    assert clusters(["C", "G", "C F", "C Fmin", "D G", "? C"]).tolist() == [0, 0, 2, 3, 2, 0]


@pytest.mark.parametrize("kind", ["missing", "added"])
def test_a_chord_more_or_less_is_seen_through(songs, kind):
    """At least 94 of 100 real songs are found again; the others have a few chords, or one loop."""
    random = np.random.default_rng(5)
    versions = []
    for song in songs:
        tokens = song.split()
        at = int(random.choice([i for i, token in enumerate(tokens) if not token.startswith("<")]))
        tokens[at : at + 1] = [] if kind == "missing" else [tokens[at], "Eb"]
        versions.append(" ".join(tokens))
    labels = clusters([*songs, *versions])
    assert (labels[: len(songs)] == labels[len(songs) :]).mean() > 0.94


def test_real_songs_are_not_glued_together(songs):
    """Of 739 songs, at least 87 in 100 are near no other, and the largest cluster has a few loops' songs."""
    sizes = np.bincount(clusters(songs))
    assert (sizes == 1).sum() > 0.87 * len(songs)
    assert sizes.max() < 0.02 * len(songs)


def test_batches_make_no_difference(songs):
    """Songs are linked across batches as within one."""
    assert np.array_equal(clusters(songs[:200] * 2), clusters(songs[:200] * 2, batch=7))


def test_against_all_pairs(songs):
    """MinHash finds at least 97 of 100 pairs that a comparison of all songs with all finds, and no others."""
    grams = [five_grams(song) for song in songs]
    once = [without_repeats(song) for song in songs]
    spread = Counter(gram for of_song in grams for gram in of_song)
    least = np.log(sum(bool(of_song) for of_song in grams))
    labels = clusters(songs)
    numbers = {tuple(each): number for number, each in enumerate(once)}
    number = np.array([numbers[tuple(each)] for each in once])
    alike = np.triu(number[:, None] == number, 1)
    holders = defaultdict(list)
    for i, of_song in enumerate(grams):
        for gram in of_song:
            holders[gram].append(i)
    totals = [of_song.total() for of_song in grams]
    sharing = {pair for of_gram in holders.values() for pair in itertools.combinations(of_gram, 2)}
    for i, j in sharing:  # all that have a gram in common
        one, other = grams[i], grams[j]
        shared = one.keys() & other.keys()
        distinct = len(shared) / len(one.keys() | other.keys())
        if distinct >= LEAST_DISTINCT:
            rarity = sum(least - np.log(spread[gram]) for gram in shared) / 4
            alike[i, j] |= rarity >= least
        common = sum(min(one[gram], other[gram]) for gram in shared)
        alike[i, j] |= common / (totals[i] + totals[j] - common) >= LEAST_COUNTED
    found = labels[:, None] == labels
    assert found[alike].mean() >= 0.97
    expected = connected_components(alike, directed=False)[1]
    assert (expected[:, None] == expected)[found].all()


def without_repeats(song: str) -> list[tuple[int, bool]]:
    """Give what a song repeats as a whole, from its first root, by trying all lengths."""
    chords = reduced(song)
    if len(chords) > 1 and chords[0] == chords[-1]:
        chords = chords[:-1]
    length = next(n for n in range(1, len(chords) + 1) if chords == chords[:n] * (len(chords) // n))
    return [((root - chords[0][0]) % 12, minor) for root, minor in chords[:length]]


def reduced(song: str) -> list[tuple[int, bool]]:
    """Root and third of each known chord, equal neighbors as one."""
    parsed = [chord for token in song.split() if (chord := parse_chord(token))]
    codes = [(chord.root_pc, chord.quality.semitones.get("3") == 3) for chord in parsed]
    return [code for code, _ in itertools.groupby(codes)]


def five_grams(song: str) -> Counter[tuple[int, ...]]:
    """Count the 5-grams of a song."""
    chords = reduced(song)
    return Counter(
        tuple(part for root, minor in five for part in ((root - five[0][0]) % 12, int(minor)))
        for five in zip(*(chords[step:] for step in range(5)), strict=False)
    )
