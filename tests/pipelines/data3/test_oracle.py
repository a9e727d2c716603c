"""The analysis against a plain one, written independently, that takes a song at a time."""

from __future__ import annotations

import pandas as pd
import polars as pl
from hypothesis import given, settings, strategies as st

from tests.support import rowwise
from tests.support.chord_songs import analyzed, sample, sample_harmony, songs, written
from tests.support.reference import needs_reference, reference

COLUMNS = {
    "key_name": "key",
    "roman_numerals": "roman_numerals",
    "harmonic_fingerprint": "harmonic_fingerprint",
}


def rows(found: pl.DataFrame) -> list[tuple[str, ...]]:
    """Give key, numerals and fingerprint of analyzed songs."""
    return found.select(pl.col(name).fill_null("") for name in COLUMNS).rows()


def plain(chords: list[str | None]) -> list[tuple[str, ...]]:
    """Analyse songs a row at a time."""
    frame = pd.DataFrame({"chords": pd.Series(chords, dtype=object)})
    return list(rowwise.analyse(frame).itertuples(index=False, name=None))


def test_500_songs_have_the_same_keys_numerals_and_fingerprints() -> None:
    """Character for character, over the first 500 bundled songs."""
    expected = plain(sample()["chords"].to_list()[:500])
    assert rows(written(sample_harmony()))[:500] == expected
    assert len({key for key, _, _ in expected}) >= 20


@needs_reference("rs200")
def test_rolling_stone_songs_agree() -> None:
    """The same for the songs of another corpus."""
    chords = pl.read_csv(reference("rs200/rs200_chordonomicon.csv"), infer_schema=False)["chords"].to_list()
    assert rows(analyzed(*chords)) == plain(chords)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(songs, st.none()), min_size=1, max_size=4))
def test_made_up_songs_agree(batch: list[str | None]) -> None:
    """Any suffix on any root over any bass, section tags, unknown tokens, songs without a chord."""
    assert rows(analyzed(*batch)) == plain(batch)


def test_the_oracle_knows_what_is_expected() -> None:
    """One song worked out by hand, so that both cannot be wrong together."""
    key, numerals, fingerprint = plain(["<verse_1> C D7 <chorus_1> G7/B C/E H F#min7/A"])[0]
    assert key == "C Major"
    assert numerals == "<verse_1> I V7/V <chorus_1> V7/65 I/6 ? #iv7/65"
    assert fingerprint.split("|")[:2] == [
        "<verse_1>",
        "0.476,0.000,0.000,0.000,0.238,0.000,0.000,0.286,0.000,0.000,0.000,0.000",
    ]
