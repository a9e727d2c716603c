"""The Python module: what it refuses, and that it stands in nobody's way."""

from __future__ import annotations

import shutil

import numpy as np
import polars as pl
import pytest

import etl
from etl.store.database import open_store
from tests.support.midi_oracle import midi_bytes


def test_one_text_is_not_a_list_of_songs():
    """Its letters would be taken for songs."""
    with pytest.raises(etl.EtlError, match="list of songs"):
        etl.analyze("C G Am F")


@pytest.mark.parametrize("options", [{"notation": "jazz"}, {"key_method": "best"}])
def test_a_name_that_is_none_is_refused(options):
    """The message names those that there are."""
    with pytest.raises(etl.EtlError, match="Choose one of: "):
        etl.analyze(["C"], **options)


def test_songs_without_harmony_keep_their_rows():
    """Nothing, silence and nonsense have their words, as in the data3 CSV; so has an empty list."""
    found = etl.analyze(["C G Am F", None, "", "zz zz"])
    assert found["key"].to_list() == ["C Major", "No Harmony", "No Harmony", "Parse Error"]
    assert found["numerals"].to_list()[1:] == [[], [], ["?", "?"]]
    assert found["fingerprint"].arr.sum().round(4).to_list() == [1, 0, 0, 0]
    assert etl.analyze([]).schema == found.schema


def test_analysis_reads_columns_of_frames_and_a_notation_that_is_named():
    """The same text means different chords in different notations."""
    songs = pl.Series(["Cdim7 Dbmaj7"])
    own, other = (etl.analyze(songs, notation=name) for name in ("chordonomicon", "leadsheet"))
    assert (own["notation"][0], other["notation"][0]) == ("chordonomicon", "leadsheet")
    assert own["numerals"].to_list() != other["numerals"].to_list()


def test_a_library_that_is_not_there_is_said_at_once(tmp_path):
    """Not only when it is asked."""
    with pytest.raises(etl.EtlError, match="there is no store"):
        etl.open(tmp_path / "none.duckdb")


def test_queries_read_and_nothing_else(whole_store):
    """Neither the store nor a file can be changed or read by the way."""
    library = etl.open(whole_store / "music.duckdb")
    for sql in ("DELETE FROM songs", f"SELECT * FROM read_text('{whole_store / 'song.mid'}')"):
        with pytest.raises(etl.EtlError):
            library.sql(sql)
    with pytest.raises(etl.EtlError, match="no query"):
        library.sql("progression")
    with pytest.raises(etl.EtlError, match="no parameter"):
        library.sql("progressions", m=4)
    with pytest.raises(etl.EtlError, match="polars, pandas, arrow"):
        library.sql("SELECT 1", frame="excel")  # type: ignore[call-overload]


def test_a_query_gives_frames_of_three_kinds(whole_store):
    """The rows are the same."""
    library = etl.open(whole_store / "music.duckdb")
    sql = "SELECT id, song_id FROM songs WHERE song_id < $most ORDER BY song_id"
    own = library.sql(sql, most=4)
    assert own.rows() == [("1", 1), ("2", 2), ("3", 3)]
    assert library.sql(sql, frame="arrow", most=4).to_pylist() == own.to_dicts()
    assert library.sql(sql, frame="pandas", most=4).to_dict("records") == own.to_dicts()


def test_an_open_library_stops_no_run(whole_store, tmp_path):
    """Between two questions nothing is open, so that the store can be written, and the answer follows it."""
    store = tmp_path / "music.duckdb"
    shutil.copy(whole_store / "music.duckdb", store)
    library = etl.open(store)
    assert library.songs().height == 739
    with open_store(store) as connection:
        connection.execute("DELETE FROM songs WHERE song_id > 10")
    assert library.songs().height == 10
    assert library.tokens().height == 10


def test_a_similar_list_needs_a_seed_and_a_playlist_known_options(whole_store):
    """What is wrong is said in the words of the module."""
    library = etl.open(whole_store / "music.duckdb")
    with pytest.raises(etl.EtlError, match="needs a track"):
        library.similar()
    with pytest.raises(etl.EtlError, match=r"There are: .*count"):
        library.playlist("song 1", curves="rise")


def test_midi_that_is_none_is_refused(tmp_path):
    """A missing file, an empty one, and one of other bytes."""
    for name, content in (("empty.mid", b""), ("text.mid", b"no MIDI")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(etl.EtlError, match="is not a MIDI file"):
            etl.read_midi(tmp_path / name)
    with pytest.raises(etl.EtlError, match="cannot read"):
        etl.read_midi(tmp_path / "none.mid")


def test_midi_without_notes_is_a_file(tmp_path):
    """Its frames are empty, with their columns."""
    (tmp_path / "silent.mid").write_bytes(midi_bytes([[]]))
    song = etl.read_midi(tmp_path / "silent.mid")
    assert (song.notes.height, song.parts.height, song.analysis["category"]) == (0, 0, None)
    assert {"start_s", "pitch", "is_drum"} <= {*song.notes.columns}


def test_batches_hold_every_song_once(whole_store):
    """In order, padded with nothing but zeros; the same as song by song."""
    songs = etl.datasets.songs(whole_store / "ml")
    batches = etl.datasets.songs(whole_store / "ml", collate=True, batch_size=50)
    assert len(batches) == -(-len(songs) // 50)
    seen = 0
    for batch in batches:
        for row, length in enumerate(batch["lengths"]):
            song = songs[seen]
            assert batch["key"][row] == song["key"]
            assert np.array_equal(batch["token_ids"][row, :length], song["token_ids"])
            assert not batch["token_ids"][row, length:].any()
            seen += 1
    assert seen == len(songs)
    with pytest.raises(etl.EtlError, match="batch_size of 1"):
        etl.datasets.songs(whole_store / "ml", collate=True, batch_size=0)
