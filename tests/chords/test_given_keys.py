"""Keys that are known better than from the chords."""

from __future__ import annotations

import numpy as np
import polars as pl

from etl.chords.analysis import analyse
from etl.chords.keys import KEY_COLUMNS, KeyMethod, given_keys

CHORDS = ["C F G C", "C F G C", "", "xyz"]
SONGS = pl.DataFrame({"id": ["a", "b", "c", "d"], "chords": CHORDS})


def test_a_given_key_decides_all_that_follows() -> None:
    """Key, confidence, runner-up and numerals follow from the given posterior; other songs keep theirs."""
    posterior = np.full((3, 24), 0.01)
    posterior[:, 21] = 0.6
    posterior[:, 5] = 0.18
    given = given_keys(pl.Series(["d", "b", "c"]), posterior)
    harmony = analyse(SONGS, method=KeyMethod.TRAINED, keys=given)
    plain = analyse(SONGS, method=KeyMethod.TRAINED)
    row = harmony.songs.row(1, named=True)
    assert (row["key_name"], row["key_runner_up"], row["key_basis"]) == ("A Minor", 5, "given")
    assert row["key_confidence"] == np.float32(0.6)
    texts = np.array(harmony.numerals.texts)
    assert texts[row["numerals"]].tolist() == ["bIII", "bVI", "bVII", "bIII"]
    columns = ["id", "key_name", *KEY_COLUMNS]
    others = [0, 2, 3]
    assert harmony.songs.select(columns)[others].equals(plain.songs.select(columns)[others])
    assert harmony.songs["id"].to_list() == SONGS["id"].to_list()


def test_a_posterior_with_zeros_is_kept() -> None:
    """Certainty is no trouble."""
    given = given_keys(pl.Series(["a"]), np.eye(24, dtype=np.float32)[[7]])
    row = given.row(0, named=True)
    assert (row["key"], row["key_confidence"]) == (7, 1.0)
