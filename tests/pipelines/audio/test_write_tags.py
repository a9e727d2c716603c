"""Tags written into the files of a library: told first, undone later, safe from kills and changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import mutagen
import pytest
import soundfile as sf
from mutagen.apev2 import APEv2

from etl.exports.audio_tags import read_fields
from etl.pipelines.audio.compare_tags import Relation, compare_tags, key_relation, read_key, tempo_relation
from etl.pipelines.audio.run import LibraryStage
from etl.pipelines.audio.write_tags import WriteTagsRequest, tag_values, undo_tags, write_tags
from etl.runtime.errors import EtlError
from etl.sources.audio.payload import audio_payload
from etl.store.database import open_store, read_store
from tests.support.audio_files import encode
from tests.support.forked import Copy
from tests.support.tracks import run, store_of

ALL = WriteTagsRequest(bpm=True, key=True, replaygain=True, write=True)


@pytest.fixture
def described(described):
    """Give the library with steady beats in all tracks but the fifth."""
    with open_store(store_of(described)) as connection:
        connection.execute(
            "UPDATE sonic_features SET fallback = NULL WHERE content_hash NOT IN "
            "(SELECT content_hash FROM library WHERE title = 'Song 5')"
        )
    return described


def contents(folder):
    """Give the bytes of all files."""
    return {path: path.read_bytes() for path in folder.rglob("*.flac")}


def tagged(folder, field):
    """Give a field of all tracks, by name."""
    return {path.name: read_fields(path)[field] for path in folder.rglob("*.flac")}


def test_without_write_nothing_is_written(described):
    """All changes are told, no file is touched, and no run is recorded."""
    before = contents(described)
    result = write_tags(store_of(described), WriteTagsRequest(bpm=True, key=True, replaygain=True))
    assert contents(described) == before
    assert result.written == 0
    assert result.run_id is None
    assert {change.field for change in result.changes} >= {"bpm", "key", "replaygain_track_gain"}
    assert {change.path for change in result.changes} == {str(path) for path in before}


def test_tags_are_those_of_the_store_and_the_sound_stays(described):
    """Tempo in whole numbers, key as players write it, gain to -18 LUFS; a second run has nothing to do."""
    sounds = {path: audio_payload(path) for path in described.rglob("*.flac")}
    result = write_tags(store_of(described), ALL)
    assert (result.written, result.skipped) == (7, [])
    with read_store(store_of(described)) as connection:
        rows = connection.sql(
            "SELECT path, bpm, fallback, key_name, loudness_lufs FROM library ORDER BY path"
        ).fetchall()
    assert sorted(fallback is None for _, _, fallback, *_ in rows) == [False, *[True] * 6]
    for path, bpm, fallback, key_name, lufs in rows:
        tags = mutagen.File(path)
        assert tags.get("bpm", []) == ([] if fallback else [str(round(bpm))])
        tonic, mode = key_name.split()
        assert tags["initialkey"] == [tonic + ("m" if mode == "Minor" else "")]
        gain = float(tags["replaygain_track_gain"][0].removesuffix(" dB"))
        assert gain == pytest.approx(-18 - lufs, abs=0.006)
        assert tags["title"][0].startswith("Song")
    assert {path: audio_payload(path) for path in sounds} == sounds


def test_undo_gives_back_what_was_there(described):
    """Former values, and the absence of any, come back; a second undo has nothing to take back."""
    first = described / "album0" / "0.flac"
    file = mutagen.File(first)
    file["bpm"], file["initialkey"] = ["1", "2"], "X"
    file.save()
    with open_store(store_of(described)) as connection:
        status = first.stat()
        connection.execute(
            "UPDATE files SET size_bytes = ?, mtime_ns = ? WHERE path = ?",
            [status.st_size, status.st_mtime_ns, str(first)],
        )
    before = {path: dict(mutagen.File(path)) for path in described.rglob("*.flac")}
    result = write_tags(store_of(described), ALL)
    assert {path: dict(mutagen.File(path)) for path in before} != before
    undone = undo_tags(store_of(described), result.run_id or 0)
    assert (undone.undone, undone.skipped) == (7, [])
    assert {path: dict(mutagen.File(path)) for path in before} == before
    with pytest.raises(EtlError, match="no tag changes to undo"):
        undo_tags(store_of(described), result.run_id or 0)


def test_undo_finds_files_that_have_moved(described):
    """Once a scan has seen where they are now."""
    database = store_of(described)
    before = {path: read_fields(path) for path in sorted(described.rglob("*.flac"))}
    result = write_tags(database, ALL)
    assert result.run_id is not None
    first, second, *_ = before
    moved = {first: described / "moved.flac", second: described / "below" / second.name}
    (described / "below").mkdir()
    for old, new in moved.items():
        old.rename(new)
    run(described, LibraryStage.SCAN)
    undone = undo_tags(database, result.run_id)
    assert (undone.undone, undone.skipped) == (7, [])
    assert {old: read_fields(moved.get(old, old)) for old in before} == before


def test_what_was_changed_since_is_not_undone(described):
    """A tag that someone edited after the run stays, and is told; the others are taken back."""
    result = write_tags(store_of(described), WriteTagsRequest(key=True, write=True))
    edited = described / "album1" / "1.flac"
    file = mutagen.File(edited)
    file["initialkey"] = "mine"
    file.save()
    undone = undo_tags(store_of(described), result.run_id or 0)
    assert undone.undone == 6
    assert [(each.path, each.reason) for each in undone.skipped] == [
        (str(edited), "its tags have changed since.")
    ]
    assert read_fields(edited)["key"] == ["mine"]


def test_files_that_changed_since_the_scan_or_are_gone_are_left(described):
    """What the store says may be of another sound: such files are told and skipped."""
    changed, gone = described / "album0" / "0.flac", described / "album0" / "2.flac"
    file = mutagen.File(changed)
    file["title"] = "Other"
    file.save()
    os.utime(changed, (1, 1))
    gone.unlink()
    result = write_tags(store_of(described), ALL)
    assert result.written == 5
    assert {each.path for each in result.skipped} == {str(changed), str(gone)}
    assert read_fields(changed)["key"] == []


def test_a_condition_chooses_the_files(described):
    """Only what it names is touched; a wrong one is told with the columns."""
    result = write_tags(store_of(described), WriteTagsRequest(key=True, where="title = 'Song 3'", write=True))
    assert result.written == 1
    assert [name for name, key in tagged(described, "key").items() if key] == ["3.flac"]
    with pytest.raises(EtlError, match="not a valid condition"):
        write_tags(store_of(described), WriteTagsRequest(key=True, where="nonsense ="))
    with pytest.raises(EtlError, match="no tag to write"):
        write_tags(store_of(described), WriteTagsRequest())


def test_what_was_written_stays_described(described):
    """The store has the new tags at once, and a scan finds nothing changed; the same after the undo."""
    database = store_of(described)
    with read_store(database) as connection:
        before = connection.sql("SELECT track_id, path, content_hash FROM files ORDER BY ALL").fetchall()
    written = write_tags(database, ALL)
    for status in ("written", "undone"):
        if status == "undone":
            undo_tags(database, written.run_id or 0)
        with read_store(database) as connection:
            after = connection.sql("SELECT track_id, path, content_hash FROM files ORDER BY ALL").fetchall()
            tagged = connection.sql(
                "SELECT count(tagged_key), count(replaygain_track_db), count(title) FROM library"
            ).fetchall()
        assert after == before
        assert tagged == [(7, 7, 7) if status == "written" else (0, 0, 7)]
        result = run(described, LibraryStage.SCAN)
        assert result.scan is not None
        assert (result.scan.changed, result.scan.reread, result.scan.unchanged) == (0, 0, 9)
        assert (result.status.analyzed, result.status.pending) == (7, 0)


def test_what_an_earlier_version_hashed_stays_described(described):
    """A hash of all bytes gives way to that of the sound, by which the description is found."""
    database = store_of(described)
    with open_store(database) as connection:
        for table, column in (
            ("files", "content_hash"),
            ("sonic_features", "content_hash"),
            ("ledger", "item"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = 'old' || {column}")
        connection.execute("UPDATE files SET audio_bytes = NULL")
    write_tags(database, ALL)
    status = run(described, LibraryStage.SCAN).status
    assert (status.analyzed, status.pending) == (7, 0)


def test_tags_beside_others_are_compared_as_scanned(described):
    """APEv2 of an MP3 without ID3 is what the scan read, and what is compared."""
    path = described / "ape.mp3"
    source = described / "album0" / "0.flac"
    sound, rate = sf.read(source, dtype="float32", always_2d=True)
    encode(path, sound.T, rate, "libmp3lame", options={"id3v2_version": "0"})
    tags = APEv2()
    tags["BPM"], tags["initialkey"] = "odd", "Z"
    tags.save(path)
    run(described)
    where = "path LIKE '%ape.mp3'"
    differing = compare_tags(store_of(described), where).differing
    assert [(each.field, each.tag, each.relation) for each in differing] == [
        ("bpm", "odd", Relation.UNREADABLE),
        ("key", "Z", Relation.UNREADABLE),
    ]
    result = write_tags(store_of(described), WriteTagsRequest(key=True, where=where, write=True))
    assert [(each.field, each.old) for each in result.changes] == [("key", ["Z"])]
    assert not compare_tags(store_of(described), where).key[Relation.UNREADABLE]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_is_taken_back_whole(described):
    """Killed after some files: each file is as before or written whole, and undo gives back all."""
    before = {path: dict(mutagen.File(path)) for path in described.rglob("*.flac")}
    command = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from etl.pipelines.audio import write_tags as module\n"
        "plain = module.write_fields\n"
        "def slow(*given, **named):\n"
        "    plain(*given, **named)\n"
        "    print('written', flush=True)\n"
        "    time.sleep(0.3)\n"
        "module.write_fields = slow\n"
        "request = module.WriteTagsRequest(bpm=True, key=True, replaygain=True, write=True)\n"
        "module.write_tags(Path(sys.argv[1]), request)\n"
    )
    process = Copy([sys.executable, "-c", command, str(store_of(described))], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == b"written\n"
    process.kill()
    process.wait()
    process.stdout.close()
    changed = [path for path, tags in before.items() if dict(mutagen.File(path)) != tags]
    assert 3 <= len(changed) < 7
    time.sleep(0.1)
    with read_store(store_of(described)) as connection:
        ((run_id,),) = connection.sql("SELECT max(run_id) FROM tag_writes").fetchall()
    assert undo_tags(store_of(described), run_id).skipped == []
    assert {path: dict(mutagen.File(path)) for path in before} == before


def test_opus_has_its_own_gain():
    """In 1/256 dB to -23 LUFS; what is not known is not written."""
    row = {
        "bpm": None, "key": -1, "loudness_lufs": -9.5, "true_peak_dbtp": 0.5, "album_lufs": None,
        "album_peak_dbtp": None,
    }  # fmt: skip
    request = WriteTagsRequest(bpm=True, key=True, replaygain=True)
    assert tag_values(row, request, opus=True) == {"r128_track_gain": "-3456"}
    assert tag_values(row, request, opus=False) == {
        "replaygain_track_gain": "-8.50 dB",
        "replaygain_track_peak": "1.059254",
    }


def test_tags_are_compared_with_the_sound(described):
    """What was written agrees; an edited tempo and key are told with what they are of ours."""
    write_tags(store_of(described), WriteTagsRequest(bpm=True, key=True, write=True))
    compared = compare_tags(store_of(described), None)
    assert compared.key[Relation.SAME] == 7
    assert not compared.differing
    edited = described / "album1" / "1.flac"
    file = mutagen.File(edited)
    file["bpm"] = "not a number"
    file.save()
    compared = compare_tags(store_of(described), None)
    assert [(each.path, each.field, each.relation) for each in compared.differing] == [
        (str(edited), "bpm", Relation.UNREADABLE)
    ]


@pytest.mark.parametrize(
    ("tag", "bpm", "relation"),
    [
        ("126", 126.4, "same"), ("63", 126.4, "half"), ("252.5", 126.4, "double"), ("84", 126, "two thirds"),
        ("189", 126, "three halves"), ("42", 126, "third"), ("100", 126, "other"), ("x", 126, "unreadable"),
        ("126,4", 126.4, "same"), ("126 BPM", 126.4, "same"), ("0", 126, "without tag"),
        ("126", None, "not found in the sound"),
    ],
)  # fmt: skip
def test_a_tempo_is_told_by_its_ratio(tag, bpm, relation):
    """Half, double and the like are told apart from what is merely wrong."""
    assert tempo_relation(tag, bpm) == relation
    assert tempo_relation(None, bpm) == "without tag"


@pytest.mark.parametrize(
    ("tag", "key", "relation"),
    [
        ("Am", 21, "same"), ("C", 21, "relative"), ("A", 21, "parallel"), ("Em", 21, "fifth"),
        ("Dm", 21, "fifth"), ("F#m", 21, "other"), ("8A", 21, "same"), ("1m", 21, "same"),
        ("C Major", 0, "same"),
        ("Gb", 6, "same"), ("am", 21, "same"), ("Cmaj", 0, "same"), ("CM", 0, "same"), ("H", 0, "unreadable"),
        ("C", -1, "not found in the sound"), ("", 0, "without tag"),
    ],
)  # fmt: skip
def test_a_key_is_told_by_its_relation(tag, key, relation):
    """Relative, parallel and neighboring keys are told apart from what is merely wrong."""
    assert key_relation(tag, key) == relation


def test_every_camelot_and_open_key_code_is_a_key():
    """Both wheels name the 24 keys once each."""
    assert {read_key(f"{n}{letter}") for n in range(1, 13) for letter in "AB"} == set(range(24))
    assert {read_key(f"{n}{letter}") for n in range(1, 13) for letter in "dm"} == set(range(24))
    assert (read_key("8B"), read_key("1d"), read_key("5A"), read_key("10m")) == (0, 0, 12, 12)
