"""Identity: a track is its sound, whatever its tags, its name and its place."""

from __future__ import annotations

import shutil

import mutagen
import pytest

from etl.pipelines.audio.check import check_library
from etl.pipelines.audio.run import LibraryStage
from etl.runtime.disk.hashing import content_hash
from etl.store.database import open_store, read_store
from tests.support.library import write
from tests.support.tracks import run, store_of


def retag(path, **tags):
    """Write tags with mutagen, as a tagger does."""
    file = mutagen.File(path)
    for name, value in tags.items():
        file[name] = value
    file.save()


def rows(folder, sql):
    """Ask the store of a folder."""
    with read_store(store_of(folder)) as connection:
        return connection.sql(sql).fetchall()


def test_a_tagger_that_goes_over_the_library_costs_no_description(described):
    """Every file is changed, and every track is known by its sound; the new tags are read."""
    for path in described.rglob("*.flac"):
        retag(path, comment="touched " * 500, album="One")
    before = rows(described, "SELECT track_id, content_hash FROM files ORDER BY path")
    done = run(described)
    assert done.scan is not None
    assert done.scan.changed == 7
    assert done.sonic is not None
    assert (done.sonic.described, done.sonic.known) == (0, 6)
    assert rows(described, "SELECT track_id, content_hash FROM files ORDER BY path") == before
    assert rows(described, "SELECT count(*) FROM library WHERE album = 'One' AND bpm IS NOT NULL") != [(0,)]


@pytest.mark.parametrize("force", [False, True])
def test_a_scan_alone_finds_that_the_sound_is_the_same(described, force):
    """What a tagger went over stays described; a file that has other sound of the same length does not."""
    paths = sorted(described.rglob("*.flac"))
    for path in paths:
        retag(path, comment="touched " * 500)
    data = bytearray(paths[-1].read_bytes())
    data[-1] ^= 1
    paths[-1].write_bytes(data)
    done = run(described, LibraryStage.SCAN, force=force)
    assert (done.status.analyzed, done.status.pending) == (6, 1)
    assert rows(described, "SELECT path FROM files WHERE kind = 'flac' AND content_hash IS NULL") == [
        (str(paths[-1]),)
    ]
    artifacts = run(described, LibraryStage.ARTIFACTS).artifacts
    assert artifacts is not None
    assert (artifacts.tracks, artifacts.pending) == (6, 1)


def test_a_track_that_is_retagged_and_renamed_keeps_its_identity(described):
    """New name, new folder and new title: the same track, with its new title and its old description."""
    before = rows(described, "SELECT track_id, content_hash FROM library WHERE title = 'Song 1'")
    path = (described / "album1" / "1.flac").rename(described / "anew.flac")
    retag(path, title="Another title of quite another length")
    done = run(described)
    assert done.scan is not None
    assert (done.scan.moved, done.scan.new, done.scan.changed, done.scan.gone) == (1, 0, 0, 0)
    assert done.sonic is not None
    assert done.sonic.described == 0
    found = rows(
        described,
        "SELECT track_id, content_hash FROM library WHERE title LIKE 'Another title%' AND mode IS NOT NULL",
    )
    assert found == before
    assert rows(described, "SELECT count(*) FROM library WHERE title = 'Song 1'") == [(0,)]
    assert check_library(store_of(described)) == []


def test_two_copies_that_move_together_keep_their_identities(library):
    """Each goes with its name."""
    for name in ("x", "y"):
        shutil.copy(library.folder / "album0" / "0.flac", library.folder / "album0" / f"{name}.flac")
        retag(library.folder / "album0" / f"{name}.flac", title=name)
    library.scan()
    library.hash_all()
    before = library.ids()
    (library.folder / "album0").rename(library.folder / "elsewhere")
    for path in (library.folder / "elsewhere").iterdir():
        retag(path, comment="and retagged")
    assert library.scan().moved == 3
    assert library.ids() == before


def test_a_moved_file_is_not_read(library, monkeypatch):
    """Name, size and time are those of a file that is missing: its hash is its own."""
    library.scan()
    before = library.ids()
    (library.folder / "album0").rename(library.folder / "elsewhere")
    monkeypatch.setattr("etl.pipelines.audio.moves.audio_payload", lambda path: pytest.fail(str(path)))
    assert library.scan().moved == 1
    assert library.ids() == before


def test_another_track_in_the_place_of_one_that_is_gone_is_not_taken_for_it(library):
    """Equal lengths are not enough: the sound decides."""
    library.scan()
    library.hash_all()
    before = library.ids()
    write(library.folder / "album0" / "other.flac", 0, title="Other")
    data = bytearray((library.folder / "album0" / "other.flac").read_bytes())
    data[-1] ^= 1
    (library.folder / "album0" / "other.flac").write_bytes(data)
    (library.folder / "album0" / "0.flac").unlink()
    found = library.scan()
    assert (found.moved, found.new, found.gone) == (0, 1, 1)
    assert library.ids()["Other"] not in before.values()


@pytest.fixture
def earlier(described):
    """Give a described folder whose store knows files by all their bytes, as earlier stores do."""
    with open_store(store_of(described)) as connection:
        connection.execute("UPDATE files SET tag_version = NULL")
        for path, now in connection.sql(
            "SELECT path, content_hash FROM files WHERE content_hash IS NOT NULL"
        ).fetchall():
            old = content_hash(path)
            connection.execute(
                "UPDATE files SET content_hash = ?, audio_bytes = NULL WHERE path = ?",
                [old, path],
            )
            connection.execute(
                "UPDATE sonic_features SET content_hash = ? WHERE content_hash = ?", [old, now]
            )
            connection.execute("UPDATE ledger SET item = ? WHERE item = ?", [old, now])
    return described


def test_an_earlier_store_is_keyed_anew_without_decoding(earlier):
    """Descriptions and ledger follow their files to the hash of the sound; tags are read again."""
    before = rows(earlier, "SELECT title, track_id, bpm FROM library ORDER BY path")
    attempts = rows(earlier, "SELECT count(*), sum(attempts) FROM ledger")
    done = run(earlier)
    assert done.scan is not None
    assert (done.scan.reread, done.scan.changed, done.scan.new) == (9, 0, 0)
    assert done.sonic is not None
    assert (done.sonic.described, done.sonic.known) == (0, 6)
    assert rows(earlier, "SELECT title, track_id, bpm FROM library ORDER BY path") == before
    assert rows(earlier, "SELECT count(*), sum(attempts) FROM ledger") == attempts
    assert rows(earlier, "SELECT count(*) FROM files WHERE kind IS NOT NULL AND audio_bytes IS NULL") == [
        (0,)
    ]
    assert check_library(store_of(earlier)) == []
    again = run(earlier)
    assert again.scan is not None
    assert again.scan.unchanged == 9


def test_copies_with_other_tags_become_one_recording(earlier):
    """Two descriptions of one sound in an earlier store are one afterwards."""
    copy = earlier / "retagged copy.flac"
    shutil.copy(earlier / "album0" / "0.flac", copy)
    retag(copy, title="Copy")
    with open_store(store_of(earlier)) as connection:
        old, new = content_hash(earlier / "album0" / "0.flac"), content_hash(copy)
        connection.execute(
            "INSERT INTO files BY NAME SELECT * REPLACE (? AS path, ? AS content_hash, ? AS track_id, "
            "? AS size_bytes, ? AS mtime_ns) FROM files WHERE path LIKE '%album0/0.flac'",
            [str(copy), new, "0" * 16, copy.stat().st_size, copy.stat().st_mtime_ns],
        )
        for table, key in (("sonic_features", "content_hash"), ("ledger", "item")):
            connection.execute(
                f"INSERT INTO {table} BY NAME SELECT * REPLACE (? AS {key}) FROM {table} WHERE {key} = ?",
                [new, old],
            )
    done = run(earlier)
    assert done.sonic is not None
    assert done.sonic.described == 0
    assert rows(earlier, "SELECT count(*), count(DISTINCT content_hash) FROM sonic_features") == [(6, 6)]
    assert rows(
        earlier, "SELECT count(*) FROM library WHERE bpm IS NOT NULL AND title IN ('Copy', 'Song 0')"
    ) == [(3,)]


def test_a_scan_that_ends_early_reads_the_tags_of_a_moved_track_next_time(library):
    """A file that was renamed and retagged is moved at once; its tags follow, whichever scan reads them."""
    library.scan()
    library.hash_all()
    path = (library.folder / "album2" / "2.flac").rename(library.folder / "album2" / "z.flac")
    retag(path, title="New title")
    write(library.folder / "album0" / "first.flac", 7, title="First")
    found = library.scan(limit=1)
    assert (found.moved, found.tracks) == (1, 1)
    assert "Song 2" in library.ids()
    assert library.scan().reread == 1
    assert {"New title", "First"} <= library.ids().keys()
