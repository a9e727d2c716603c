"""Drives that are not mounted: an empty folder is not a library whose tracks are all gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.cli.main import app
from etl.runtime.disk.drives import Drive, drive_of
from etl.runtime.errors import EtlError
from etl.store.database import open_store
from etl.store.descriptions import clear_descriptions
from tests.support.library import write
from tests.support.tracks import run, store_of


def empty(folder: Path, *, keep: int = 0) -> Path:
    """Take what is in a folder away, but for some of it, as unmounting does; give where it is."""
    away = folder.parent / f"{folder.name} away"
    away.mkdir()
    for entry in sorted(folder.iterdir())[keep:]:
        entry.rename(away / entry.name)
    return away


def bring_back(folder: Path, away: Path) -> None:
    """Mount it again."""
    for entry in away.iterdir():
        entry.rename(folder / entry.name)


@pytest.mark.parametrize("keep", [0, 1])
def test_a_root_with_none_or_under_half_of_its_tracks_is_refused(library, keep):
    """Nothing is changed; the error says how many are left and what to do; back again, all is as before."""
    library.scan()
    library.hash_all()
    before = library.rows("SELECT path, track_id, content_hash, gone_at FROM files ORDER BY path")
    away = empty(library.folder, keep=keep)
    with pytest.raises(EtlError, match=f"held 3 tracks; {keep} of them are left.*\n.*--allow-gone"):
        library.scan()
    with pytest.raises(EtlError, match="held 3 tracks"):
        library.compare()
    assert library.rows("SELECT path, track_id, content_hash, gone_at FROM files ORDER BY path") == before
    bring_back(library.folder, away)
    assert library.scan().unchanged == 3


def test_half_of_the_tracks_may_be_deleted(library):
    """Four tracks, of which two are gone, are believed; so are all where that is said to be right."""
    write(library.folder / "album3" / "3.flac", 3)
    library.scan()
    shutil.rmtree(library.folder / "album0")
    shutil.rmtree(library.folder / "album1")
    assert library.scan().gone == 2
    empty(library.folder)
    assert library.scan(allow_gone=True).gone == 2


def test_what_comes_back_as_it_was_is_not_read_again(library):
    """Its hash, tags and identity are those that it had; tags and sound are read of what has another time."""
    library.scan()
    library.hash_all()
    before = library.rows("SELECT path, track_id, content_hash, audio_bytes FROM files ORDER BY path")
    away = empty(library.folder)
    assert library.scan(allow_gone=True).gone == 3
    assert library.ids() == {}
    bring_back(library.folder, away)
    (library.folder / "album2" / "2.flac").touch()
    found = library.scan()
    assert (found.returned, found.new, found.changed, found.tracks) == (2, 1, 0, 1)
    after = library.rows("SELECT path, track_id, content_hash, audio_bytes FROM files ORDER BY path")
    assert after == before
    assert len(library.ids()) == 3


def test_one_of_several_roots_is_enough_to_be_refused(library, tmp_path):
    """Also where a folder above them is scanned, for each place that was scanned is remembered."""
    for seed in range(5, 12):
        write(tmp_path / "other" / f"{seed}.flac", seed)
    library.scan(library.folder, tmp_path / "other")
    away = empty(library.folder)
    with pytest.raises(EtlError, match=f"{library.folder} held 3 tracks"):
        library.scan(library.folder, tmp_path / "other")
    away.rename(tmp_path.parent / "far away")
    with pytest.raises(EtlError, match=f"{library.folder} held 3 tracks"):
        library.scan(tmp_path)


def test_an_inventory_of_files_that_are_away_is_refused(library, tmp_path):
    """A list of which over half of the tracks are not there is a drive that is not."""
    (tmp_path / "list.csv").write_text("path\n" + "".join(f"music/album{n}/{n}.flac\n" for n in range(3)))
    library.scan(tmp_path / "list.csv")
    empty(library.folder)
    with pytest.raises(EtlError, match=r"list\.csv held 3 tracks; 0 of them"):
        library.scan(tmp_path / "list.csv")


def test_what_is_left_out_on_purpose_is_not_missed(library):
    """Tracks that a pattern excludes leave the library, and come back without it."""
    library.scan()
    assert library.scan(exclude=("album*",)).gone == 3
    assert library.scan().returned == 3


def test_an_identity_does_not_move_to_a_backup(library, tmp_path):
    """A copy that is scanned for the first time is another track, whether the original is away or deleted."""
    library.scan()
    library.hash_all()
    before = library.ids()
    shutil.copytree(library.folder, tmp_path / "backup")
    away = empty(library.folder)
    with pytest.raises(EtlError, match="held 3 tracks"):
        library.scan(library.folder, tmp_path / "backup")
    library.scan(library.folder, tmp_path / "backup", allow_gone=True)
    assert not set(library.ids().values()) & set(before.values())
    bring_back(library.folder, away)
    library.scan(library.folder)
    ids = library.rows("SELECT track_id FROM library WHERE path LIKE '%/music/%'")
    assert {track_id for (track_id,) in ids} == set(before.values())


def test_an_identity_moves_between_roots_that_are_known_and_sound(library, tmp_path):
    """A track that goes from one folder of the library to another keeps it."""
    write(tmp_path / "inbox" / "new.flac", 9, title="New")
    write(tmp_path / "inbox" / "other.flac", 8, title="Other")
    library.scan(library.folder, tmp_path / "inbox")
    library.hash_all()
    before = library.ids()
    (tmp_path / "inbox" / "new.flac").rename(library.folder / "renamed.flac")
    assert library.scan(library.folder, tmp_path / "inbox").moved == 1
    assert library.ids() == before


def test_a_link_to_a_drive_that_is_away_leads_to_nothing_that_is_gone(library, tmp_path):
    """What was found behind a link that now leads nowhere is not known to be gone."""
    write(tmp_path / "drive" / "9.flac", 9)
    (library.folder / "link").symlink_to(tmp_path / "drive")
    assert library.scan(follow_links=True).new == 4
    (tmp_path / "drive").rename(tmp_path / "drive away")
    found = library.scan(follow_links=True)
    assert (found.unchanged, found.gone) == (3, 0)


def test_a_drive_below_a_root_is_missed_by_itself(library):
    """Its share of the library may be small: it is remembered as a place of its own."""
    memory = Path("/dev/shm")  # noqa: S108 -- a drive of its own, on Linux
    if not memory.is_dir() or memory.stat().st_dev == library.folder.stat().st_dev:
        pytest.skip("there is no second drive here")
    drive = memory / f"drive-{library.folder.stat().st_ino}"
    write(drive / "9.flac", 9)
    try:
        (library.folder / "drive").symlink_to(drive)
        assert library.scan(follow_links=True).new == 4
        (drive / "9.flac").unlink()
        with pytest.raises(EtlError, match="/drive held 1 track; 0 of them"):
            library.scan(follow_links=True)
    finally:
        shutil.rmtree(drive)


def test_the_drive_of_a_folder_is_the_innermost(tmp_path):
    """Mount points within mount points; a name that only begins alike is another folder."""
    drives = [Drive("/", "a"), Drive(str(tmp_path), "b"), Drive(f"{tmp_path}/x", "c")]
    for folder, device in (("x/y", "c"), ("x", "c"), ("xy", "b"), ("", "b"), ("..", "a")):
        found = drive_of(tmp_path / folder, drives)
        assert found is not None
        assert found.device == device


def test_descriptions_of_tracks_that_are_away_are_spared_for_30_days(described):
    """They are kept for a drive that may come back, and deleted when that is long ago."""
    empty(described)
    run(described, allow_gone=True)
    with open_store(store_of(described)) as connection:
        assert clear_descriptions(connection, older_than_days=0.0, unused=True) == 0
        connection.execute("UPDATE files SET gone_at = gone_at - INTERVAL 31 DAY")
        assert clear_descriptions(connection, older_than_days=0.0, unused=True) > 5


def test_the_command_tells_and_exits_with_1(described):
    """The option is named; with it, the tracks are gone."""
    empty(described)
    arguments = ["library", "scan", str(described), "--db", str(store_of(described))]
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, EtlError)
    assert refused.exception.exit_code == 1
    assert "9 gone" in CliRunner().invoke(app, [*arguments, "--allow-gone"]).output


def test_a_known_root_that_does_not_exist_is_refused_or_gone(library, tmp_path):
    """A drive that is unplugged may take its folder with it; another path that does not exist is an error."""
    library.scan()
    library.folder.rename(tmp_path / "away")
    with pytest.raises(EtlError, match="held 3 tracks; 0 of them are left"):
        library.scan()
    assert library.scan(allow_gone=True).gone == 3
    with pytest.raises(EtlError, match="typo does not exist"):
        library.scan(tmp_path / "typo")


def test_a_root_that_was_renamed_keeps_its_tracks(library, tmp_path):
    """By its new name, retagged or not; files of the old name are none any more."""
    library.scan()
    library.hash_all()
    before = library.ids()
    renamed = library.folder.rename(tmp_path / "renamed")
    (renamed / "album2" / "2.flac").touch()
    found = library.scan(renamed)
    assert (found.moved, found.new, found.gone) == (3, 0, 0)
    assert library.ids() == before


def test_a_root_whose_drive_is_away_is_not_taken_for_renamed(library, tmp_path, monkeypatch):
    """Its folder is gone with its drive: a copy elsewhere is another track."""
    mounted = [Drive("/", "a"), Drive(str(library.folder), "b")]
    for module in ("etl.pipelines.audio.difference", "etl.sources.folders.losses"):
        monkeypatch.setattr(f"{module}.mounted_drives", lambda: mounted)
    library.scan()
    library.hash_all()
    before = library.ids()
    shutil.copytree(library.folder, tmp_path / "backup")
    library.folder.rename(tmp_path / "away")
    mounted.pop()
    assert library.scan(tmp_path / "backup").new == 3
    assert set(before.values()) <= {track_id for (track_id,) in library.rows("SELECT track_id FROM tracks")}
