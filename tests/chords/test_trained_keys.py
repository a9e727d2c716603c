"""The trained key finder: how it scores, what it says of itself, and what its answers do not depend on."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.chords.key_counts import key_features
from etl.chords.key_features import FULL_SECTION, GROUP_SIZES, STATE_CLASSES
from etl.chords.key_model import trained_model, training_data
from etl.chords.key_scores import key_scores
from etl.chords.keys import KeyMethod, with_key
from etl.chords.ragged import Ragged
from etl.chords.symbols import ChordSymbol, parse_chord
from etl.chords.tokens import tokenize
from etl.chords.vocabulary import Vocabulary
from etl.music.keys import KEY_INDEX, NO_KEY
from tests.support.command_line import ROOT
from tests.support.figures import read_figures
from tests.support.reference import needs_reference, reference

SAMPLE = files("etl").joinpath("sample")
if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.fixture(scope="module")
def billboard():
    """Read the songs that the model is trained on."""
    with SAMPLE.joinpath("billboard_chordonomicon.csv").open("rb") as songs:
        chords = pl.read_csv(songs).select("id", "chords")
    with SAMPLE.joinpath("billboard_truth.csv").open("rb") as truth:
        rows = chords.join(pl.read_csv(truth), on="id", maintain_order="left")
    rows = rows.filter(pl.col("key").is_not_null(), cocopops_key_agrees="yes")
    return rows["chords"]


def read(chords: pl.Series) -> tuple[Ragged, Vocabulary]:
    """Read songs as the model takes them."""
    tokens, vocabulary = tokenize(chords)
    return Ragged.from_series(tokens), vocabulary


@pytest.fixture(scope="module")
def trained_again():
    """Figures of a training that is compared with the weights that ship."""
    command = [sys.executable, "-m", "benchmarks.training.train_keys", "--check"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {what: float(figure) for what, figure in read_figures(done.stdout)}


def keys_of(chords: Iterable[str | None], method: KeyMethod = KeyMethod.TRAINED) -> pl.DataFrame:
    """Find the keys of chord strings."""
    tokens, vocabulary = tokenize(pl.Series(chords, dtype=pl.String))
    return pl.LazyFrame({"tokens": tokens}).pipe(with_key, vocabulary, method=method).collect()


def test_training_again_gives_the_shipped_weights(trained_again):
    """Weights are reproducible to within one unit of their last digit."""
    assert trained_again["largest difference of a weight, units of 0.001"] <= 1


def test_held_out_songs_are_right_often_enough_and_confidence_is_calibrated(trained_again):
    """Five-fold by title: exact 88 %, MIREX 90 %, surest half 98.5 %, calibration error 0.05."""
    assert trained_again["held out, exact"] >= 0.88
    assert trained_again["held out, mirex"] >= 0.90
    assert trained_again["held out, surest_half"] >= 0.985
    assert trained_again["held out, calibration_error"] <= 0.05


@needs_reference("rs200")
@pytest.mark.parametrize(("strip", "exact"), [(False, 0.87), (True, 0.84)])
def test_another_corpus_is_right_often_enough(strip, exact):
    """RS200, never trained on, with its section tags and without."""
    songs = pl.read_csv(reference("rs200/rs200_chordonomicon.csv")).select("id", "chords")
    songs = songs.join(pl.read_csv(reference("rs200/rs200_truth.csv")), on="id", maintain_order="left")
    songs = songs.filter(pl.col("key").is_not_null())
    chords = songs["chords"].str.replace_all("<[^>]*>", "") if strip else songs["chords"]
    keys = songs["key"].replace_strict(KEY_INDEX, return_dtype=pl.Int64).to_numpy()
    assert key_scores(keys_of(chords)["key"].to_numpy().astype(int), keys)["exact"] >= exact


def test_the_manifest_names_the_data_that_ships():
    """Checksums and sizes in the manifest are those of the files beside it."""
    manifest = json.loads(files("etl.chords").joinpath("key_weights.json").read_text(encoding="utf-8"))
    sums = {
        hashlib.sha256(SAMPLE.joinpath(name).read_bytes()).hexdigest() for name in manifest["data"]["sha256"]
    }
    assert sums == training_data()
    assert manifest["groups"] == dict(GROUP_SIZES)
    assert trained_model().weights.shape == (sum(GROUP_SIZES.values()), 2)


def test_every_transposition_gives_the_transposed_posterior(billboard):
    """The model knows no absolute pitch."""
    songs, vocabulary = read(billboard[:60])
    before = trained_model().logits(songs, vocabulary)
    for semitones in (1, 6, 10):
        symbols = [(parse_chord(text), text) for text in vocabulary.texts]
        moved = Vocabulary([str(chord.transposed(semitones)) if chord else text for chord, text in symbols])
        after = trained_model().logits(songs, moved).reshape(-1, 2, 12)
        np.testing.assert_allclose(after, np.roll(before.reshape(-1, 2, 12), semitones, axis=2), atol=2e-9)


def test_a_song_alone_gets_the_same_bits_as_in_a_batch(billboard):
    """No result depends on which other songs share the batch, or on their order."""
    together = trained_model().logits(*read(billboard))
    for song in (0, 7, 100, 679):
        alone = trained_model().logits(*read(billboard[[song]]))
        np.testing.assert_array_equal(alone[0], together[song])


@pytest.mark.parametrize("method", KeyMethod)
def test_keys_that_tie_by_symmetry_go_to_the_lower_key(method):
    """A lone diminished seventh points to four tonics alike, an augmented triad to three."""
    found = keys_of(["Bdimb7 Ddimb7 Fdimb7 Gsdimb7", "Caug Eaug Gsaug"], method)
    posterior = found["key_posterior"].to_numpy()
    tonics = found["key"].to_numpy() % 12
    for row, tonic, period in zip(posterior, tonics, (3, 4), strict=True):
        tied = row.reshape(2, 12) == row.max()
        assert tied.any(axis=0).sum() >= 12 // period or method is KeyMethod.TRAINED
        assert tonic == np.flatnonzero(tied.any(axis=0))[0]


def test_songs_with_fewer_than_three_chords_say_so():
    """``key_basis`` tells a key from one or two chords from one with a basis, and from none."""
    found = keys_of(["C", "<verse_1> C G ?", "C G C", "", "<verse_1>", "H x", None])
    assert found["key_basis"].to_list() == ["few_chords", "few_chords", "chords", *["none"] * 4]
    assert found["key"].to_list()[3:] == [NO_KEY] * 4
    assert NO_KEY not in found["key"].to_list()[:3]
    assert found["key_confidence"].to_list()[3:] == [0.0] * 4
    assert found["key_runner_up"].to_list()[3:] == [NO_KEY] * 4


def test_confidence_reflects_how_little_there_is():
    """One chord is far from sure, and the same turns repeated make it surer."""
    turns = ["C", "C F", "C F G C", "C F G C Amin F G C", " ".join(["C F G C Amin F G C"] * 8)]
    confidence = keys_of(turns)["key_confidence"].to_list()
    assert confidence[0] < 0.6
    assert confidence == sorted(confidence)
    assert confidence[-1] > 0.9


@pytest.mark.parametrize("tonic", ["Cminadd13", "Cminmaj7", "Cmin", "Cmin7"])
def test_what_colours_a_minor_tonic_does_not_turn_the_key(tonic):
    """A sixth or a major seventh on the tonic of a minor song leaves it minor, as sure as the triad does."""
    song = f"{tonic} Ddim7 G7b9 {tonic} Fmin7 {tonic} Ddim7 G7b9 {tonic}"
    found, plain = keys_of([song, song.replace(tonic, "Cmin")]).rows(named=True)
    assert found["key"] == KEY_INDEX["C Minor"]
    assert found["key_confidence"] > 0.9 * plain["key_confidence"]


@pytest.mark.parametrize(
    ("song", "basis"),
    [
        ("C F G C F G C F G C F G C F G C F G C H", "chords"),
        ("C F G Am C F G Am C F G Am", "many_unknown"),
        (" ".join(["C F G C F G C F G C F G Am"] * 4), "many_unknown"),
        (" ".join(["C F G C F G C F G C F G"] * 4) + " Am H x", "chords"),
        (" ".join(["C F G C F G C F G C F G"] * 8) + " Am" * 3, "chords"),
        ("C Am", "few_chords"),
        ("Am", "none"),
    ],
)
def test_many_unknown_chords_are_told(song, basis):
    """Over a tenth, or over a twentieth and one of them three times: the key may be hidden."""
    assert keys_of([song])["key_basis"].item() == basis


def test_a_chord_that_is_written_in_every_bar_counts_once():
    """A lead sheet with bars has the key and the confidence of the data sets that collapse them."""
    songs = ["<verse_1> Dmin G7 C <chorus_1> C F", "<verse_1> Dmin Dmin G7 G7 G7 C <chorus_1> C C F F"]
    once, often = keys_of(songs)["key_posterior"]
    assert once.to_list() == often.to_list()
    one, eight = keys_of(["C", "C C C C C C C C"])["key_confidence"]
    assert one == eight < 0.5


def test_the_runner_up_is_the_second_most_likely_key(billboard):
    """Key, runner-up and confidence are read off the posterior."""
    tokens, vocabulary = tokenize(billboard)
    found = pl.LazyFrame({"tokens": tokens}).pipe(with_key, vocabulary).collect()
    posterior = found["key_posterior"].to_numpy()
    order = np.argsort(-posterior, axis=1, kind="stable")
    sure = posterior[np.arange(len(order)), order[:, 0]] < 0.9999  # below the grain of 32 bits
    np.testing.assert_array_equal(found["key"].to_numpy(), order[:, 0])
    np.testing.assert_array_equal(found["key_runner_up"].to_numpy()[sure], order[sure, 1])
    np.testing.assert_allclose(posterior.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(found["key_confidence"].to_numpy(), posterior.max(axis=1))


TOKENS = st.lists(
    st.sampled_from(
        ["C", "Amin7", "G7", "Fsdim", "Esus4/A", "<verse_1>", "<chorus_2>", "?", "Bbmaj7", "Dno3d"]
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(TOKENS, min_size=1, max_size=4))
def test_features_are_those_of_a_plain_count(songs):
    """The array code counts what a loop over tokens counts."""
    tokens, vocabulary = tokenize(pl.Series([" ".join(song) for song in songs]))
    groups = key_features(Ragged.from_series(tokens), vocabulary)
    for row, song in enumerate(songs):
        sections: list[list[ChordSymbol]] = [[]]
        for before, token in pairwise(["", *song]):
            if token == before:
                continue
            chord = parse_chord(token)
            if token.startswith("<"):
                sections.append([])
            elif chord:
                sections[-1].append(chord)
        sections = [section for section in sections if section]
        counted_in_full = [min(len(section), FULL_SECTION) for section in sections]
        chords = [chord for section in sections for chord in section]
        expected = {
            "moves": len(chords) - 1 if chords else 0,
            "first": min(len(chords), 1),
            "last": min(len(chords), 1),
            "section_first": sum(counted_in_full),
            "section_last": sum(counted_in_full),
            "section_final_move": sum(counted_in_full) - (1 if sections and len(sections[0]) == 1 else 0),
        }
        counted = {name: int(groups[name].counts[[row]].sum()) for name in expected}
        assert counted == expected
        assert groups["section_first"].divisors[row] == FULL_SECTION * max(len(sections), 1)
        opened = groups["section_first"].counts[[row]].toarray()[0]
        roots = opened.reshape(12, len(STATE_CLASSES)).sum(axis=1)
        wanted = np.bincount(
            [section[0].root_pc for section in sections], weights=counted_in_full, minlength=12
        )
        np.testing.assert_array_equal(roots, wanted)
        closed = groups["section_last"].counts[[row]].toarray()[0]
        roots = closed.reshape(12, len(STATE_CLASSES)).sum(axis=1)
        wanted = np.bincount(
            [section[-1].root_pc for section in sections], weights=counted_in_full, minlength=12
        )
        np.testing.assert_array_equal(roots, wanted)
        shares = groups["chords"].counts[[row]].toarray()[0] ** 2
        share_of_root = np.bincount([chord.root_pc for chord in chords], minlength=12) / max(len(chords), 1)
        np.testing.assert_allclose(shares.reshape(12, -1).sum(axis=1), share_of_root)
