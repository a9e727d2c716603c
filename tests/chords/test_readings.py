"""Readings: where a chord is the dominant of another degree, and the table of the numerals that occur."""

from __future__ import annotations

import pytest

from etl.chords.readings import NumeralTable
from tests.support.chord_songs import analyzed, harmony

C_MAJOR, C_MINOR = "C F G7 C F C F G7 C F C ", "Cmin Fmin Gmin Cmin Fmin Gmin Cmin "


@pytest.mark.parametrize(
    ("before", "chords", "numerals"),
    [
        (C_MAJOR, "D7 G", "V7/V V"),
        (C_MAJOR, "D7 C", "V7/V I"),
        (C_MAJOR, "D9/Fs G", "V9/V V"),
        (C_MAJOR, "E7 A7 Dmin", "V7/vi V7/ii ii"),
        (C_MAJOR, "B7 Emin", "V7/iii iii"),
        (C_MAJOR, "C7 F", "V7/IV IV"),
        (C_MAJOR, "C7 G", "I7 V"),
        (C_MAJOR, "C7 <verse_1> F", "V7/IV <verse_1> IV"),
        (C_MAJOR, "C7 <verse_1> <chorus_1> F", "V7/IV <verse_1> <chorus_1> IV"),
        (C_MAJOR, "C7 H F", "I7 ? IV"),
        (C_MAJOR, "C7 <verse_1> H F", "I7 <verse_1> ? IV"),
        (C_MAJOR, "C7", "I7"),
        (C_MAJOR, "C7 <verse_1>", "I7 <verse_1>"),
        (C_MAJOR, "D7", "V7/V"),
        (C_MAJOR, "D G", "V/V V"),
        (C_MAJOR, "D Gmin", "V/V v"),
        (C_MAJOR, "D F", "II IV"),
        (C_MAJOR, "D", "II"),
        (C_MAJOR, "D <verse_1> G", "V/V <verse_1> V"),
        (C_MAJOR, "D H G", "II ? V"),
        (C_MAJOR, "D/Fs G", "V/V V"),
        (C_MAJOR, "Dmaj7 G", "II△7 V"),
        (C_MAJOR, "Dsus4 G", "IIsus4 V"),
        (C_MAJOR, "D7sus4 G", "II7sus4 V"),
        (C_MAJOR, "Daug7 G", "II+7 V"),
        (C_MAJOR, "D D7 G", "V/V V7/V V"),
        (C_MAJOR, "D/Fs D <verse_1> G", "V/V V/V <verse_1> V"),
        (C_MAJOR, "D Fsdimb7 G", "V/V vii°7/V V"),
        (C_MAJOR, "D C/G G", "V/V I/64 V"),
        (C_MAJOR, "D C/E G", "II I/6 V"),
        (C_MAJOR, "D Dmin G", "II ii V"),
        (C_MAJOR, "D D7 D9 G", "II V7/V V9/V V"),
        (C_MAJOR, "C7 C7 C7 <verse_1> C7 F", "V7/IV V7/IV V7/IV <verse_1> V7/IV IV"),
        (C_MAJOR, "Fsdimb7 Fsdimb7 Fsdimb7 C/G C/G G", "vii°7/V vii°7/V vii°7/V I/64 I/64 V"),
        (C_MAJOR, "C7 C7 C7 G", "I7 I7 I7 V"),
        (C_MAJOR, "D D7 H G", "II V7/V ? V"),
        (C_MAJOR, "Fsdim G", "vii°/V V"),
        (C_MAJOR, "Fsdimb7/A G/B", "vii°7/V V/6"),
        (C_MAJOR, "Fsdim7 <verse_1> G7", "viiø7/V <verse_1> V7"),
        (C_MAJOR, "Fsdimb7 C/G", "vii°7/V I/64"),
        (C_MAJOR, "Fsdimb7 C", "#iv°7 I"),
        (C_MAJOR, "Fsdimb7 H G", "#iv°7 ? V"),
        (C_MAJOR, "Fsdimb7", "#iv°7"),
        (C_MAJOR, "Csdimb7 Dmin Dsdimb7 Emin", "vii°7/ii ii vii°7/iii iii"),
        (C_MAJOR, "Edim F Gsdimb7 Amin", "vii°/IV IV vii°7/vi vi"),
        (C_MAJOR, "Bdimb7 C Bdim7 C", "vii°7 I viiø7 I"),
        (C_MAJOR, "Adimb7 Bb", "vi°7 bVII"),
        (C_MAJOR, "C F", "I IV"),
        (C_MAJOR, "G7 C", "V7 I"),
        (C_MAJOR, "F7 Bb", "IV7 bVII"),
        (C_MINOR, "Bb7 Eb", "V7/bIII bIII"),
        (C_MINOR, "Bb Eb", "bVII bIII"),
        (C_MINOR, "C7 Fmin", "V7/iv iv"),
        (C_MINOR, "C Fmin", "I iv"),
        (C_MINOR, "D7 Gmin", "V7/V v"),
        (C_MINOR, "D G", "V/V V"),
        (C_MINOR, "Eb7 Ab", "V7/bVI bVI"),
        (C_MINOR, "G7 Cmin", "V7 i"),
        (C_MINOR, "Ddim7 Eb Ddim Eb", "iiø7 bIII ii° bIII"),
        (C_MINOR, "Ddimb7 Eb Edimb7 Fmin", "vii°7/bIII bIII vii°7/iv iv"),
        (C_MINOR, "Fsdimb7 Cmin/G G7 Gdim7 Ab", "vii°7/V i/64 V7 viiø7/bVI bVI"),
    ],
)
def test_applied_dominants(before: str, chords: str, numerals: str) -> None:
    """Over section tags, at the song's end, before unknown chords; only where the degree is diatonic."""
    row = analyzed(before + chords).row(0, named=True)
    assert row["key_name"] == ("C Major" if before == C_MAJOR else "C Minor")
    assert row["roman_numerals"].split()[len(before.split()) :] == numerals.split()


def test_a_dominant_does_not_resolve_into_the_next_song() -> None:
    """The last chord of a song has none after it."""
    for song in analyzed(C_MAJOR + "C7", "F", "", C_MAJOR + "C7", None)["roman_numerals"].to_list()[:4:3]:
        assert song.split()[-1] == "I7"


def test_the_table_holds_each_numeral_once_and_the_way_from_readings_to_them() -> None:
    """In order of the readings; tags are in no category, and what is not read leads nowhere."""
    batch = harmony(C_MAJOR + "D7 G <verse_1> D7 G H Bs")
    assert batch.vocabulary.texts[:3] == ["C", "F", "G7"]
    table = NumeralTable.of(batch.songs["readings"], batch.vocabulary)
    assert table.texts == ["I", "IV", "V7", "V", "<verse_1>", "?", "V7/V"]
    assert [number for number, category in enumerate(table.categories) if category < 0] == [4]
    applied = 24 * 8 + batch.vocabulary.texts.index("D7")
    found = {number: place for number, place in enumerate(table.of_reading.tolist()) if place >= 0}
    assert found == {0: 0, 1: 1, 2: 2, 4: 3, 5: 4, 6: 5, 7: 0, applied: 6}
    assert len(table.of_reading) == 48 * 8
    assert table.of_reading.min() == -1
