"""Keys that are known better than from the chords."""

from __future__ import annotations

import numpy as np
import polars as pl

from etl.chords.analysis import analyze
from etl.chords.keys import GIVEN_POSTERIOR, KEY_COLUMNS, KeyMethod

CHORDS = ["C F G C", "C F G C", "", "xyz"]
SONGS = pl.DataFrame({"id": ["a", "b", "c", "d"], "chords": CHORDS})


def given(*posteriors: list[float] | None) -> pl.Series:
    """Make a column of given posteriors."""
    return pl.Series(GIVEN_POSTERIOR, posteriors, dtype=pl.List(pl.Float32))


def test_a_given_key_decides_all_that_follows() -> None:
    """Key, confidence, runner-up and numerals follow from the given posterior; other songs keep theirs."""
    posterior = [0.01] * 24
    posterior[21] = 0.6
    posterior[5] = 0.18
    harmony = analyze(
        SONGS.with_columns(given(None, posterior, posterior, posterior)), method=KeyMethod.TRAINED
    )
    plain = analyze(SONGS, method=KeyMethod.TRAINED)
    row = harmony.songs.row(1, named=True)
    assert (row["key_name"], row["key_runner_up"], row["key_basis"]) == ("A Minor", 5, "given")
    assert row["key_confidence"] == np.float32(0.6)
    texts = np.array(harmony.numerals.texts)
    assert texts[row["numerals"]].tolist() == ["bIII", "bVI", "bVII", "bIII"]
    columns = ["id", "key_name", *KEY_COLUMNS]
    others = [0, 2, 3]
    assert harmony.songs.select(columns)[others].equals(plain.songs.select(columns)[others])
    assert harmony.songs["id"].to_list() == SONGS["id"].to_list()
    assert harmony.songs.schema == plain.songs.schema


def test_a_posterior_with_zeros_is_kept() -> None:
    """Certainty is no trouble."""
    certain = np.eye(24)[7].tolist()
    songs = SONGS.head(1).with_columns(given(certain))
    row = analyze(songs, method=KeyMethod.TRAINED).songs.row(0, named=True)
    assert (row["key"], row["key_confidence"]) == (7, 1.0)


def test_no_given_key_at_all_is_no_trouble() -> None:
    """A batch of nulls, and one without a row."""
    plain = analyze(SONGS, method=KeyMethod.TRAINED).songs
    nulls = SONGS.with_columns(given(None, None, None, None))
    assert analyze(nulls, method=KeyMethod.TRAINED).songs.equals(plain)
    assert analyze(nulls.clear(), method=KeyMethod.TRAINED).songs.height == 0
