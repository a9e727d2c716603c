"""Songs in the store: each source once, whatever it was called and however often it is built."""

from __future__ import annotations

from collections import Counter

import pytest

from etl.store.database import read_store


def stored(chords, sql: str) -> list[tuple[object, ...]]:
    """Query the store of the builds."""
    with read_store(chords.database) as connection:
        return connection.sql(sql).fetchall()


def sources(chords) -> list[tuple[object, ...]]:
    """Give name, rows and songs of each source, and how many songs, symbols and rejects refer to it."""
    return stored(
        chords,
        "SELECT parse_filename(path), rows_in, songs, "
        "(SELECT count(*) FROM songs WHERE source_id = s.source_id), "
        "(SELECT sum(occurrences)::INT FROM source_symbols WHERE source_id = s.source_id), "
        "(SELECT count(*) FROM rejects WHERE stage = 'read' AND source = path) FROM sources AS s ORDER BY 1",
    )


@pytest.mark.parametrize("block", [40, 1 << 20])
def test_a_source_that_is_built_again_takes_its_own_place(chords, block):
    """Rows, songs, symbols and rejects are those of the last build, also of a source in many blocks."""
    chords.cut(block)
    path = chords.file("a.csv", chords.row(1, "C F G"), "bad", chords.row(2, "C C7 H"))
    other = chords.file("b.csv", chords.row(3, "G"))
    chords.build(path, other, database=chords.database)
    assert sources(chords) == [("a.csv", 3, 2, 2, 6, 1), ("b.csv", 1, 1, 1, 1, 0)]
    chords.build(path, other, database=chords.database, force=True)
    assert sources(chords) == [("a.csv", 3, 2, 2, 6, 1), ("b.csv", 1, 1, 1, 1, 0)]
    chords.file("a.csv", chords.row(1, "C F"), "bad", "worse", chords.row(7, "Amin"))
    chords.build(path, database=chords.database)
    assert sources(chords) == [("a.csv", 4, 2, 2, 3, 2), ("b.csv", 1, 1, 1, 1, 0)]
    assert stored(chords, "SELECT count(*), count(DISTINCT song_id) FROM songs") == [(3, 3)]
    assert stored(chords, "SELECT count(*) FROM rejects") == [(2,)]


def test_a_source_under_a_new_name_keeps_its_songs_and_what_had_the_name_before_goes(chords):
    """Its rejects go with it; the other's songs and rejects are not left to it."""
    first = chords.file("a.csv", chords.row(1), "bad", "bad as well")
    second = chords.file("b.csv", chords.row(2), chords.row(3), "worse")
    chords.build(first, database=chords.database)
    chords.build(second, database=chords.database)
    numbers = stored(chords, "SELECT song_id FROM songs WHERE id IN ('2', '3') ORDER BY 1")
    second.replace(first)
    assert chords.build(first, database=chords.database).is_stored
    assert sources(chords) == [("a.csv", 3, 2, 2, 6, 1)]
    assert stored(chords, "SELECT song_id FROM songs ORDER BY 1") == numbers
    assert stored(chords, "SELECT line, raw FROM rejects") == [(4, "worse")]


def test_symbols_are_numbered_once_and_counted_by_source(chords):
    """A later build adds those that are new behind the others; section tags are not among them."""
    chords.build(
        chords.file("a.csv", chords.row(1, "<a_1> C F C"), chords.row(2, "F H")), database=chords.database
    )
    before = stored(chords, "SELECT chord_id, symbol FROM chord_symbols ORDER BY 1")
    assert [number for number, _ in before] == list(range(len(before)))
    chords.build(chords.file("b.csv", chords.row(3, "C G7 G7")), database=chords.database)
    after = stored(chords, "SELECT chord_id, symbol FROM chord_symbols ORDER BY 1")
    assert after == [*before, (len(before), "G7")]
    counted = stored(
        chords,
        "SELECT parse_filename(path), symbol, occurrences FROM source_symbols "
        "JOIN chord_symbols USING (chord_id) JOIN sources USING (source_id)",
    )
    assert Counter({(name, symbol): count for name, symbol, count in counted}) == {
        ("a.csv", "C"): 2, ("a.csv", "F"): 2, ("a.csv", "H"): 1, ("b.csv", "C"): 1, ("b.csv", "G7"): 2,
    }  # fmt: skip
