"""The check of a library: what is wrong is named, what is not wrong is not."""

from __future__ import annotations

from etl.pipelines.audio.check import Fault, Finding, check_library
from etl.store.database import open_store
from tests.support.tracks import store_of


def test_a_sound_library_has_no_findings(described):
    """Nothing is named."""
    assert check_library(store_of(described)) == []


def test_check_finds_damage(described):
    """A vector that is not finite, an orphan, numbers out of range and a missing file are named."""
    database = store_of(described)
    with open_store(database) as connection:
        ((damaged,),) = connection.sql("SELECT min(content_hash) FROM sonic_features").fetchall()
        connection.execute(
            "UPDATE sonic_features SET bpm = 5, key = 24, beat_times_s = [2, 1], "
            "vector_whole = list_transform(vector_whole, lambda x: 'nan'::FLOAT)::FLOAT[128] "
            "WHERE content_hash = ?",
            [damaged],
        )
        connection.execute("DELETE FROM tracks WHERE title = 'Song 3'")
        connection.execute(
            "DELETE FROM sonic_features WHERE content_hash = (SELECT max(content_hash) FROM sonic_features)"
        )
    (described / "album0" / "2.flac").unlink()
    findings = check_library(database)
    assert Finding(damaged, Fault.NOT_FINITE, "vector_whole") in findings
    assert {each.fault for each in findings if each.item == damaged} == {
        Fault.NOT_FINITE, Fault.TEMPO, Fault.KEY, Fault.BEATS,
    }  # fmt: skip
    assert Finding(str(described / "album1" / "3.flac"), Fault.FILE_WITHOUT_TRACK) in findings
    assert Finding(str(described / "album0" / "2.flac"), Fault.GONE) in findings
    assert [each.fault for each in findings].count(Fault.NO_FEATURES) == 1
    assert len(findings) == 7
