"""What is written before it is whole: its name, what is swept of it and what is not, its way to the disk."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from etl.runtime.disk import staging
from etl.runtime.disk.staging import flush, former_path, sweep, sync, sync_filesystem, temporary_path

DEAD = 4_194_000  # above what systems number processes by


def test_what_is_not_whole_lies_hidden_beside_the_target_under_our_number():
    """So that another run finds it if this one is killed."""
    new = temporary_path(Path("/a/b.csv"))
    assert new == Path(f"/a/.b.csv.{os.getpid()}.tmp")
    assert former_path(new) == Path(f"/a/.b.csv.{os.getpid()}.tmp.old")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_former_folder_goes_where_the_new_one_is_there_and_is_put_back_where_it_is_not(
    tmp_path, *, is_there
):
    """Killed after the second rename, or before it."""
    target, former = tmp_path / "ml", tmp_path / f".ml.{DEAD}.tmp.old"
    former.mkdir()
    (former / "x").write_text("old")
    if is_there:
        target.mkdir()
        (target / "x").write_text("new")
    sweep(target)
    assert [path.name for path in tmp_path.iterdir()] == ["ml"]
    assert (target / "x").read_text() == ("new" if is_there else "old")


def test_a_link_that_was_left_is_removed_and_what_it_leads_to_stays(tmp_path):
    """Whatever a killed process had staged."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x").touch()
    (tmp_path / f".ml.{DEAD}.tmp").symlink_to("far")
    sweep(tmp_path / "ml")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "x"]


@pytest.mark.parametrize(("seconds", "is_left"), [(-2.0, True), (0.0, False), (100.0, False)])
def test_a_file_older_than_the_process_of_its_number_was_left_by_another(tmp_path, seconds, *, is_left):
    """To a second: that is how exactly some file systems know times."""
    number = os.getppid()
    begun = psutil.Process(number).create_time() + seconds
    path = tmp_path / f".a.csv.{number}.tmp"
    path.touch()
    os.utime(path, (begun, begun))
    sweep(tmp_path / "a.csv")
    assert path.exists() != is_left


def test_a_file_and_a_folder_are_flushed_by_the_system(tmp_path, monkeypatch):
    """And closed again; what cannot be flushed is told."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    (tmp_path / "a").touch()
    sync(tmp_path / "a")
    sync(tmp_path)
    assert len(flushed) == 2
    for descriptor in flushed:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        sync(tmp_path / "a")


@pytest.mark.parametrize("is_known", [True, False])
def test_where_the_system_can_flush_the_disk_itself_it_does(monkeypatch, *, is_known):
    """A file system that does not know how is flushed as elsewhere."""
    asked: list[tuple[int, int]] = []
    flushed: list[int] = []

    def fcntl(descriptor: int, command: int) -> None:
        asked.append((descriptor, command))
        if not is_known:
            raise OSError(errno.ENOTTY, "not here")

    monkeypatch.setattr(staging, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl))
    monkeypatch.setattr(os, "fsync", flushed.append)
    flush(7)
    assert asked == [(7, 51)]
    assert flushed == ([] if is_known else [7])


class Program:
    """Stands for the C library: it has a ``syncfs`` that gives a code."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.asked: list[Path] = []

    def __call__(self, name: str | None, *, use_errno: bool) -> Program:
        """Load it."""
        assert (name, use_errno) == (None, True)
        return self

    def syncfs(self, descriptor: int) -> int:
        """Flush a file system."""
        self.asked.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        ctypes.set_errno(errno.EIO)
        return self.code


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux")
def test_a_file_system_is_flushed_at_once_and_a_failure_is_told(tmp_path, monkeypatch):
    """By the folder on it; a disk that is broken is not taken for one that is flushed."""
    sync_filesystem(tmp_path)  # the real one
    works, fails = Program(0), Program(-1)
    monkeypatch.setattr(ctypes, "CDLL", works)
    sync_filesystem(tmp_path)
    assert works.asked == [tmp_path]
    monkeypatch.setattr(ctypes, "CDLL", fails)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
        sync_filesystem(tmp_path)
    assert caught.value.filename == str(tmp_path)
    assert fails.asked == [tmp_path]


def test_without_a_flush_of_one_file_system_all_are_flushed_and_then_the_folder(tmp_path, monkeypatch):
    """As on macOS, whose flush of all does not wait for the disk."""
    order: list[str] = []

    def no_program(name: str | None, **_: object) -> None:
        raise AttributeError(name)

    monkeypatch.setattr(ctypes, "CDLL", no_program)
    monkeypatch.setattr(os, "sync", lambda: order.append("all"))
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: order.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    sync_filesystem(tmp_path, [tmp_path / "absent"])
    assert order == ["all", str(tmp_path)]


def test_where_files_are_text_or_binary_one_is_flushed_as_binary_and_open_for_writing(tmp_path, monkeypatch):
    """As on Windows, which flushes nothing that is open for reading alone."""
    binary, opened = 1 << 28, []
    real = os.open

    def recorded(path: Path, flags: int) -> int:
        opened.append(flags)
        return real(path, flags & ~binary)

    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "O_BINARY", binary, raising=False)
    monkeypatch.setattr(os, "open", recorded)
    sync(tmp_path / "a")
    assert opened == [os.O_RDWR | binary]
