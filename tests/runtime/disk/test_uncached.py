"""Files written past the page cache."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from hypothesis import given, settings, strategies as st

from etl.runtime.disk.uncached import UncachedFile
from tests.support.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096
SIZES = (0, 1, 7, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 10_000)


def told(error: OSError) -> Exception:
    """Make of an error what the tests expect."""
    return RuntimeError(f"told: {error.strerror}")


def opened(path: Path) -> UncachedFile:
    """Open a file as the program does."""
    return UncachedFile(path, told)


def opened_small(path: Path) -> UncachedFile:
    """Open a file with buffers of two pages, so that little is much."""
    return UncachedFile(path, told, buffer_bytes=2 * PAGE)


def pattern(size: int, start: int = 0) -> bytes:
    """Give bytes that tell where they belong."""
    return bytes((start + at) % 251 for at in range(size))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SIZES), max_size=8))
def test_all_that_is_written_is_there_in_order(tmp_path_factory, sizes):
    """Pieces of any size, whole pages or not."""
    path = tmp_path_factory.mktemp("direct") / "a.bin"
    expected = b""
    with opened_small(path) as file:
        for size in sizes:
            piece = pattern(size, len(expected))
            assert file.write(piece) == size
            expected += piece
            assert file.tell() == len(expected)
    assert path.read_bytes() == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30_000), st.sampled_from(SIZES)), max_size=8))
def test_seeks_write_over_what_was_there(tmp_path_factory, steps):
    """As a plain file in memory does; zip archives need it."""
    path = tmp_path_factory.mktemp("direct") / "a.bin"
    plain = io.BytesIO()
    with opened_small(path) as file:
        for place, size in steps:
            for target in (file, plain):
                target.seek(place)
                target.write(pattern(size, place))
            assert file.tell() == plain.tell()
            assert file.seek(0, os.SEEK_END) == plain.seek(0, os.SEEK_END)
    assert path.read_bytes() == plain.getvalue()


def test_synced_bytes_are_on_disk(tmp_path):
    """Before the file is closed, and more may follow."""
    path = tmp_path / "a.bin"
    with opened(path) as file:
        file.write(b"first")
        file.sync()
        assert path.read_bytes() == b"first"
        file.write(b"second")
    assert path.read_bytes() == b"firstsecond"


def test_large_pieces_are_whole(tmp_path):
    """Several full buffers at once."""
    path, piece = tmp_path / "a.bin", pattern(1 << 20) * 21
    with opened(path) as file:
        file.write(b"x")
        file.write(memoryview(piece))
    assert path.read_bytes() == b"x" + piece


def test_without_direct_writes_the_file_is_the_same(tmp_path, monkeypatch):
    """Where the system has none, where a file system has none, and where it refuses one."""
    expected = pattern(50_001)
    real = os.pwrite

    def refuse(descriptor: int, data: memoryview, offset: int) -> int:
        if len(data) == 2 * PAGE and not refused:
            refused.append(offset)
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(descriptor, data, offset)

    refused: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with opened_small(tmp_path / "a.bin") as file:
            file.write(expected)
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    with opened_small(tmp_path / "b.bin") as file:
        file.write(expected)
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes() == expected


def test_an_error_on_the_thread_is_raised_as_told(tmp_path):
    """At the latest on closing; the descriptors are closed all the same."""
    script = (
        "import resource, sys; from tests.runtime.disk.test_uncached import opened\n"
        "from pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))\n"
        "file = opened(Path(sys.argv[1]))\n"
        "try:\n    file.write(bytes(9 << 20)); file.close()\n"
        "except RuntimeError as error: print(error, file.closed)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.bin"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ended.stdout == "told: File too large True\n", ended.stderr
