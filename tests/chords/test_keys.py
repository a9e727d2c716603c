"""Keys by Krumhansl and Schmuckler, and what any method must hold to."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.chords.keys import KeyMethod, with_key
from etl.chords.symbols import parse_chord
from etl.chords.tokens import tokenize
from etl.music.key_profiles import KRUMHANSL_KESSLER, profile_correlations
from etl.music.keys import KEY_INDEX, KEY_NAMES, NO_KEY
from tests.support.chord_songs import analyzed, harmony, sample, sample_harmony, songs
from tests.support.reference import needs_reference, reference

KEY_COLUMNS = ("key", "key_confidence", "key_runner_up", "key_posterior")
methods = pytest.mark.parametrize("method", list(KeyMethod))


def keys(*chords: str | None, method: KeyMethod = KeyMethod.KRUMHANSL) -> pl.DataFrame:
    """Find the keys of songs in one batch."""
    tokens, vocabulary = tokenize(pl.Series(chords, dtype=pl.String))
    return pl.LazyFrame({"tokens": tokens}).pipe(with_key, vocabulary, method=method).collect()


def agreement(found: list[str], annotated: list[str | None]) -> tuple[float, float, int]:
    """Share of songs with the annotated key and with its tonic, in percent, and the number annotated."""
    pairs = [(KEY_INDEX[key], KEY_INDEX[truth]) for key, truth in zip(found, annotated, strict=True) if truth]
    exact = 100 * np.mean([key == truth for key, truth in pairs])
    tonic = 100 * np.mean([key % 12 == truth % 12 for key, truth in pairs])
    return round(float(exact), 1), round(float(tonic), 1), len(pairs)


def test_krumhansl_has_its_check_figures_on_billboard() -> None:
    """70.5 % of 731 annotated keys and 71.8 % of the tonics: worked out apart from this code."""
    found = sample_harmony().songs["key_name"].to_list()
    assert agreement(found, sample()["key"].to_list()) == (70.5, 71.8, 731)


@needs_reference("rs200")
def test_krumhansl_has_its_check_figures_on_rs200() -> None:
    """80.1 % of 196 annotated keys and 82.1 % of the tonics."""
    read = {
        name: pl.read_csv(reference(f"rs200/rs200_{name}.csv"), infer_schema=False)
        for name in ("chordonomicon", "truth")
    }
    assert read["chordonomicon"]["id"].equals(read["truth"]["id"])
    found = analyzed(*read["chordonomicon"]["chords"])["key_name"].to_list()
    assert agreement(found, read["truth"]["key"].to_list()) == (80.1, 82.1, 196)


@methods
def test_a_cadence_is_in_its_key(method: KeyMethod) -> None:
    """I IV V7 I and i iv V7 i in all 24 keys."""
    plain = {"major": "C F G7 C F G7 C", "minor": "Cmin Fmin G7 Cmin Fmin G7 Cmin"}
    batch = [
        " ".join(str(parse_chord(chord).transposed(tonic)) for chord in chords.split())  # type: ignore[union-attr]
        for chords in plain.values()
        for tonic in range(12)
    ]
    assert keys(*batch, method=method)["key"].to_list() == list(range(24))


@methods
def test_songs_without_a_chord_have_no_key(method: KeyMethod) -> None:
    """Null, empty, tags alone, unknown tokens alone: key -1, confidence 0, a posterior of zeros."""
    for row in keys(None, "", "<verse_1>", "H Cs/", method=method).iter_rows(named=True):
        assert (row["key"], row["key_confidence"], row["key_runner_up"]) == (NO_KEY, 0.0, NO_KEY)
        assert row["key_posterior"] == [0.0] * 24


@methods
@settings(max_examples=40, deadline=None)
@given(song=songs)
def test_the_posterior_is_one(method: KeyMethod, song: str) -> None:
    """It sums to 1; its highest value is the confidence, and at the key; the runner-up is the next."""
    row = keys(song, method=method).row(0, named=True)
    posterior = np.array(row["key_posterior"])
    if row["key"] == NO_KEY:
        assert not posterior.any()
        return
    assert posterior.sum() == pytest.approx(1, abs=1e-5)
    assert (posterior >= 0).all()
    assert row["key_confidence"] == posterior.max() == posterior[row["key"]]
    assert row["key_runner_up"] != row["key"]
    assert posterior[row["key_runner_up"]] == np.delete(posterior, row["key"]).max()


@methods
@settings(max_examples=25, deadline=None)
@given(batch=st.lists(st.one_of(songs, st.none()), min_size=1, max_size=5))
def test_keys_do_not_depend_on_the_batch(method: KeyMethod, batch: list[str | None]) -> None:
    """A song alone has bit for bit what it has among others, in whatever order."""
    together = keys(*batch, method=method).select(KEY_COLUMNS)
    alone = pl.concat([keys(song, method=method) for song in batch]).select(KEY_COLUMNS)
    turned = keys(*reversed(batch), method=method).select(KEY_COLUMNS).reverse()
    assert together.equals(alone)
    assert together.equals(turned)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(songs, st.none()), min_size=1, max_size=4))
def test_nothing_depends_on_the_batch(batch: list[str | None]) -> None:
    """Neither numerals nor fingerprints nor statistics do."""
    numbered = ("tokens", "readings", "numerals")  # indices into the batch's own tables
    together = analyzed(*batch).drop(numbered)
    assert together.equals(pl.concat([analyzed(song) for song in batch]).drop(numbered))


def test_bundled_songs_alone_are_what_they_are_together() -> None:
    """The same on real songs, in small batches, with every column."""
    numbered = ("tokens", "readings", "numerals")
    together = sample_harmony().songs.drop("id", *numbered)[:200]
    parts = [harmony(*sample()["chords"][start : start + 7]).songs for start in range(0, 200, 7)]
    assert pl.concat(parts).drop(numbered)[:200].equals(together)


@pytest.mark.parametrize(
    ("song", "tied"),
    [
        ("Caug", (0, 4, 8)),
        ("Cdimb7", (0, 3, 6, 9)),
        ("C Db D Eb E F Fs G Ab A Bb B", tuple(range(24))),
    ],
)
def test_ties_go_to_the_lower_key(song: str, tied: tuple[int, ...]) -> None:
    """Chords that divide the octave evenly fit several keys alike, exactly so."""
    row = keys(song).row(0, named=True)
    posterior = row["key_posterior"]
    modes = [{key % 12 for key in range(24) if posterior[key] == posterior[row["key"]]}]
    assert {key % 12 for key in tied} <= modes[0]
    assert row["key"] == min(key for key in range(24) if posterior[key] == max(posterior))
    assert row["key_runner_up"] == min(
        key for key in range(24) if posterior[key] == max(posterior) and key != row["key"]
    )


def test_correlations_are_pearsons() -> None:
    """They are what numpy's correlation coefficient says, flat weights aside."""
    weights = np.random.default_rng(0).integers(0, 300, (50, 12))
    found = profile_correlations(weights)
    for key in range(24):
        profile = np.roll(KRUMHANSL_KESSLER[key // 12], key % 12)
        expected = [np.corrcoef(row, profile)[0, 1] for row in weights]
        assert found[:, key] == pytest.approx(expected, abs=1e-11)
    assert not profile_correlations(np.full((2, 12), 7)).any()


def test_correlations_of_counts_do_not_depend_on_their_neighbours() -> None:
    """Bit for bit, though a product of large matrices sums in another order than one of small ones."""
    weights = np.random.default_rng(0).integers(0, 300, (8000, 12))
    alone = np.vstack([profile_correlations(weights[i : i + 1]) for i in range(len(weights))])
    assert np.array_equal(profile_correlations(weights), alone)


def test_a_thousand_repeats_change_nothing() -> None:
    """A song of 100,000 chords has the key of its loop."""
    loop = "Amin F C G "
    found = keys(loop, loop * 25_000)
    assert found["key"].n_unique() == 1
    assert found["key_posterior"].n_unique() == 1


@pytest.mark.parametrize("key", range(24))
def test_key_names_are_the_usual_ones(key: int) -> None:
    """``key_name`` is the name of ``key``."""
    chord = KEY_NAMES[key].split()[0].replace("#", "s")
    suffix = "" if key < 12 else "min"
    row = analyzed(f"{chord}{suffix}").row(0, named=True)
    assert (row["key_name"], row["key"]) == (KEY_NAMES[key], key)
