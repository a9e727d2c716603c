"""What Linux has and other systems lack: the core runs without it, and uses what they have instead."""

from __future__ import annotations

import ast
import ctypes
import io
import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from etl.cli import main
from etl.runtime.disk import files, staging, uncached
from etl.runtime.disk.staging import sync, sync_filesystem
from etl.runtime.jit import cache
from etl.runtime.work.launcher import Launcher
from etl.store import run_lock
from tests.support.command_line import run_here
from tests.support.places import ROOT
from tests.support.tracks import write_track

LINUX_ALONE = (
    "O_CLOEXEC", "O_DIRECT", "O_DIRECTORY", "O_NONBLOCK", "chown", "geteuid", "getuid", "posix_fadvise",
    "pread", "pwrite", "sched_getaffinity", "sync",
)  # fmt: skip
POSIX_MODULES = frozenset({"fcntl", "forkserver", "grp", "pwd", "resource", "termios", "tty"})
SONGS = "id,chords\na,C F G C\nb,Amin Dmin E7 Amin\n"


@pytest.fixture
def bare(monkeypatch, tmp_path):  # noqa: ARG001 - pytest makes the folder first, which takes a user id
    """Take away what Windows and macOS do not have."""
    for name in LINUX_ALONE:
        monkeypatch.delattr(os, name, raising=False)
    for module in ("fcntl", "resource"):
        monkeypatch.setitem(sys.modules, module, None)
    library = ctypes.CDLL

    def no_program(name: str | None, *arguments: object, **options: object) -> object:
        if name is None:
            raise TypeError
        return library(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ctypes, "CDLL", no_program)
    monkeypatch.setattr(staging, "fcntl", None)
    monkeypatch.setattr(cache, "fcntl", None)
    monkeypatch.setattr(run_lock, "_HAS_LOCKS", False)
    monkeypatch.setattr(uncached, "_FLAGS", 0)
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])


@pytest.fixture
def flushed(monkeypatch):
    """List the paths that are flushed."""
    paths = []
    place = "/proc/self/fd/{}"
    monkeypatch.setattr(os, "fsync", lambda file: paths.append(str(Path(place.format(file)).readlink())))
    return paths


@pytest.mark.usefixtures("bare")
def test_a_build_an_export_and_a_scan_run_on_a_bare_system(tmp_path, monkeypatch):
    """The files are whole, and no lock is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs.csv").write_text(SONGS, encoding="utf-8")
    write_track(tmp_path / "music" / "1.flac", 1)
    store = ("--db", "m.duckdb")
    run_here("build", "data3", "songs.csv", "--npz", "data3.npz", *store)
    run_here("export", "data3", "-o", "again.csv", *store)
    assert "1 new" in run_here("library", "scan", "music", *store)
    built = (tmp_path / "data3.csv").read_bytes()
    assert built.count(b"\n") == 3
    assert (tmp_path / "again.csv").read_bytes() == built
    assert not list(tmp_path.glob("*.lock"))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("bare")
def test_without_locks_of_the_system_a_run_keeps_others_out(tmp_path):
    """The process that the file names is looked up; what a killed one left is no lock."""
    database = tmp_path / "m.duckdb"
    refused = pytest.raises(run_lock.RunLockedError, match="first")
    with run_lock.run_lock(database, "first"), refused, run_lock.run_lock(database, "second"):
        pass
    with run_lock.run_lock(database, "third"):
        pass
    run_lock.run_lock_path(database).write_text('{"pid": 4194305, "started": 1.0, "command": "killed"}')
    with run_lock.run_lock(database, "fourth"):
        pass


@pytest.mark.usefixtures("bare")
def test_without_pwrite_a_file_holds_what_was_written(tmp_path):
    """Pages, ends and what follows a seek."""
    pages = os.urandom(40_000)
    with uncached.UncachedFile(tmp_path / "a", lambda error: error, buffer_bytes=8192) as file:
        file.write(pages)
        file.seek(10)
        file.write(b"here")
        file.sync()
    assert (tmp_path / "a").read_bytes() == pages[:10] + b"here" + pages[14:]


@pytest.mark.usefixtures("bare")
def test_without_forks_workers_are_spawned():
    """No server is started ahead of them."""
    launcher = Launcher()
    launcher.start()
    assert launcher._context.get_start_method() == "spawn"


def test_macos_flushes_past_the_memory_of_the_disk(monkeypatch, tmp_path, flushed):
    """By F_FULLFSYNC, or as usual where the file system does not know it."""
    (tmp_path / "a").write_bytes(b"a")
    commands = []
    monkeypatch.setattr(
        staging, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=lambda _, command: commands.append(command))
    )
    sync(tmp_path / "a")
    assert (commands, flushed) == ([51], [])

    def unknown(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(staging, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=unknown))
    sync(tmp_path / "a")
    assert flushed == [str(tmp_path / "a")]


@pytest.mark.usefixtures("bare")
def test_without_sync_each_file_is_flushed_and_no_folder_opened(tmp_path, flushed):
    """As on Windows."""
    (tmp_path / "a").write_bytes(b"a")
    sync_filesystem(tmp_path, [tmp_path / "a"])
    sync(tmp_path)
    assert flushed == [str(tmp_path / "a")]


def test_windows_writes_bytes_to_standard_output_as_they_are(monkeypatch):
    """Line ends stay, and text is UTF-8 whatever the code page."""
    modes = []
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(setmode=lambda *mode: modes.append(mode)))
    files._keep_line_ends(1)
    assert modes == [(1, 0x8000)]
    monkeypatch.setattr(sys, "platform", "win32")
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    main._escape_what_consoles_lack()
    out.write("日本")
    out.flush()
    assert out.buffer.getvalue().decode() == "日本"


def test_no_module_needs_a_module_of_posix():
    """They are imported where they are used, or by attempt; all else could not even start elsewhere."""
    for path in ROOT.joinpath("etl").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not any(f"import {name}" in text for name in POSIX_MODULES):
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import) or (
                isinstance(node, ast.ImportFrom) and node.module == "multiprocessing"
            ):
                assert not POSIX_MODULES & {alias.name for alias in node.names}, path
