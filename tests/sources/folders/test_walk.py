"""The walk over folders: everything once, in order, whatever is in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl.runtime.errors import EtlError
from etl.sources.folders.walk import File, Unreadable, check_sources, open_file, shown, walk, whole
from tests.support.open_files import has_open


def names(*sources: Path, follow_links: bool = True, exclude: tuple[Path, ...] = ()) -> list[str]:
    """Give the names of the files that are found, in order."""
    entries = walk(sources, follow_links=follow_links, exclude=exclude)
    return [Path(entry.location).name for entry in entries if isinstance(entry, File)]


def fill(top: Path, *paths: str) -> None:
    """Make files that hold their names."""
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(path)


def test_files_come_in_order_of_names(tmp_path: Path) -> None:
    """Files of a folder before its folders; each with its size and time."""
    fill(tmp_path, "b/two", "a/one", "z", "c")
    assert names(tmp_path) == ["c", "z", "one", "two"]
    (entry,) = walk([tmp_path / "b"], follow_links=True)
    status = (tmp_path / "b" / "two").stat()
    assert entry == File(str(tmp_path / "b" / "two"), status.st_size, status.st_mtime_ns)


def test_a_folder_is_walked_once(tmp_path: Path) -> None:
    """Links up, links to one another and sources within sources repeat nothing and end."""
    fill(tmp_path, "a/one", "b/two")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b" / "other").symlink_to("../a")
    (tmp_path / "again").symlink_to("a")
    assert sorted(names(tmp_path, tmp_path / "b", tmp_path)) == ["one", "two"]


def test_a_whole_path_has_no_dots_and_leads_to_the_same(tmp_path: Path) -> None:
    """Also where dots lead out of a link, to elsewhere than the text says."""
    fill(tmp_path, "far/packs/one", "far/in/x", "near/x")
    (tmp_path / "near" / "link").symlink_to("../far/in")
    assert whole(tmp_path / "near" / ".." / "far" / "packs") == str(tmp_path / "far" / "packs")
    assert whole(tmp_path / "near" / "link" / ".." / "packs") == str(tmp_path / "far" / "packs")
    assert whole(tmp_path / "near" / "link" / "x") == str(tmp_path / "near" / "link" / "x")
    assert names(tmp_path / "near" / "link" / ".." / "packs") == ["one"]


def test_links_to_folders_are_followed_where_that_is_wanted(tmp_path: Path) -> None:
    """A link that is a source always is, and so are links to files."""
    fill(tmp_path, "elsewhere/far", "in/near")
    (tmp_path / "in" / "link").symlink_to("../elsewhere")
    (tmp_path / "in" / "file").symlink_to("../elsewhere/far")
    assert names(tmp_path / "in") == ["file", "near", "far"]
    assert names(tmp_path / "in", follow_links=False) == ["file", "near"]
    assert names(tmp_path / "in" / "link", follow_links=False) == ["far"]


def test_an_excluded_folder_is_passed_by(tmp_path: Path) -> None:
    """However it is reached; not where it is a source itself, or is not there."""
    fill(tmp_path, "in/a", "ours/b")
    (tmp_path / "in" / "link").symlink_to("../ours")
    assert names(tmp_path, exclude=(tmp_path / "ours",)) == ["a"]
    assert names(tmp_path / "in", tmp_path / "ours", exclude=(tmp_path / "ours",)) == ["a", "b"]
    assert names(tmp_path / "in", exclude=(tmp_path / "nowhere",)) == ["a", "b"]


def test_pipes_devices_and_links_to_nothing(tmp_path: Path) -> None:
    """Nobody waits for a pipe; what cannot be looked at is told with the system's reason."""
    fill(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    entries = list(walk([tmp_path, tmp_path / "pipe", tmp_path / "gone"], follow_links=True))
    assert [Path(entry.location).name for entry in entries if isinstance(entry, File)] == ["a"]
    told = [(Path(e.location).name, e.reason) for e in entries if isinstance(e, Unreadable)]
    assert told == [
        ("gone", "No such file or directory"), ("loop", "Too many levels of symbolic links"),
        ("gone", "No such file or directory"),
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """What lies beside it is found."""
    fill(tmp_path, "a", "secret/b")
    (tmp_path / "secret").chmod(0)
    try:
        entries = list(walk([tmp_path], follow_links=True))
    finally:
        (tmp_path / "secret").chmod(0o700)
    (told,) = (entry for entry in entries if isinstance(entry, Unreadable))
    assert (Path(told.location).name, told.is_folder, told.reason) == ("secret", True, "Permission denied")
    assert len(entries) == 2


def test_a_folder_that_is_gone_by_then_is_told(tmp_path: Path) -> None:
    """A folder removed during the walk is no error of the walk."""
    fill(tmp_path, "a", "b/c")
    walked = walk([tmp_path], follow_links=True)
    next(walked)
    (tmp_path / "b" / "c").unlink()
    (tmp_path / "b").rmdir()
    (told,) = walked
    assert isinstance(told, Unreadable)
    assert (told.is_folder, isinstance(told.error, FileNotFoundError)) == (True, True)


def test_names_in_no_encoding_can_be_opened_and_shown(tmp_path: Path) -> None:
    """The location opens the file; as text, its stray bytes are escapes."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_text("x")
    (entry,) = walk([tmp_path], follow_links=True)
    assert shown(entry.location) == f"{tmp_path}/caf\\xe9"
    with open_file(entry.location) as file:
        assert file.read() == b"x"
    assert shown("Bj\xf6rk") == "Bj\xf6rk"


def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening it is an error at once, and leaves nothing open: a library may hold thousands of them."""
    os.mkfifo(tmp_path / "a.mid")
    for path in (tmp_path / "a.mid", tmp_path):
        with pytest.raises(OSError, match="no longer a file"):
            open_file(str(path))
        assert not has_open(path)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    """The first that is not there, or is below a file."""
    fill(tmp_path, "a")
    check_sources([tmp_path, tmp_path / "a"])
    for missing in (tmp_path / "x", tmp_path / "a" / "b"):
        with pytest.raises(EtlError, match=f"{missing} does not exist"):
            check_sources([tmp_path, missing])
