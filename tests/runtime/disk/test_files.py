"""Files that appear only when whole."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from etl.runtime.disk import targets
from etl.runtime.disk.files import atomic_file, atomic_path
from etl.runtime.disk.targets import check_writable, is_stream, write_error
from etl.runtime.errors import EtlError


def test_file_appears_only_at_the_end(tmp_path):
    """Until the block ends the target is what it was."""
    target = tmp_path / "new" / "a.bin"
    with atomic_file(target) as file:
        file.write(b"x" * 100_000)
        assert not target.exists()
    assert target.read_bytes() == b"x" * 100_000
    with atomic_path(target) as path:
        path.write_bytes(b"second")
        assert target.read_bytes() == b"x" * 100_000
    assert target.read_bytes() == b"second"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("opened", [atomic_file, atomic_path])
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(errno.EIO, "broken")])
def test_any_failure_keeps_the_old_file_and_no_other(tmp_path, opened, error):
    """The target is as it was and the temporary file is gone."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises((type(error), EtlError)), opened(target):
        raise error
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_failures_of_others_do_not_blame_the_open_file(tmp_path):
    """An error that is not this file's passes through as it is."""
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a.bin"):
        (tmp_path / "absent").read_bytes()


def test_write_that_fails_names_the_target(tmp_path):
    """A file that may not grow is reported by the path that the user gave, and goes away."""
    target = tmp_path / "a.bin"
    script = (
        "import resource, sys, pathlib; from etl.runtime.disk.files import atomic_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "with atomic_file(pathlib.Path(sys.argv[1])) as file: file.write(bytes(9000))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, target], capture_output=True, text=True, check=False
    )
    assert f"EtlError: writing {target} failed: File too large." in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_writable_makes_the_folder_and_leaves_no_file(tmp_path):
    """A target in a new folder is fine; a folder, or a path through a file, is not."""
    check_writable(tmp_path / "new" / "a.csv")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(EtlError, match="is a folder"):
        check_writable(tmp_path / "new")
    with pytest.raises(EtlError, match="cannot write"):
        check_writable(tmp_path / "file" / "a.csv")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk of t.csv"),
        (errno.EDQUOT, "no space left on the disk of t.csv"),
        (errno.EACCES, "cannot write t.csv"),
        (errno.EROFS, "cannot write t.csv"),
        (errno.EFBIG, "writing t.csv failed"),
    ],
)
def test_errors_say_what_to_do(number, words):
    """Each kind of failure has its own words and a hint."""
    error = write_error(Path("t.csv"), OSError(number, "reason"))
    assert words in str(error)
    assert error.hint


@pytest.mark.parametrize("opened", [atomic_file, atomic_path])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path, opened):
    """Also a link to a link, and one whose target is not there yet; the new file lies beside the old one."""
    (tmp_path / "far").mkdir()
    whole, link, twice = tmp_path / "far" / "a.bin", tmp_path / "link", tmp_path / "twice"
    link.symlink_to("far/a.bin")
    twice.symlink_to(link)
    for target, content in ((twice, b"first"), (link, b"second")):
        with opened(target) as output:
            output.write(content) if opened is atomic_file else output.write_bytes(content)
        assert whole.read_bytes() == content
    assert link.is_symlink()
    assert twice.is_symlink()
    assert not whole.is_symlink()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.bin", "far", "link", "twice"]


@pytest.mark.parametrize("opened", [atomic_file, atomic_path])
def test_a_pipe_is_written_through_and_its_reader_gets_all(tmp_path, opened):
    """A pipe stays a pipe; checking whether it can be written does not wait for its reader."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe)
    content = bytes(range(256)) * 4096  # more than a pipe holds
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        with opened(pipe) as output:
            output.write(content) if opened is atomic_file else output.write_bytes(content)
        assert read.result(timeout=30) == content
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("opened", [atomic_file, atomic_path])
def test_a_dash_is_standard_output_and_leaves_it_open(capfd, opened):
    """Not the stream for errors, and what is printed afterwards follows."""
    with opened(Path("-")) as output:
        output.write(b"first\n") if opened is atomic_file else output.write_bytes(b"first\n")
    os.write(1, b"second\n")
    assert capfd.readouterr() == ("first\nsecond\n", "")


@pytest.mark.parametrize("opened", [atomic_file, atomic_path])
def test_a_device_is_written_through_and_stays(tmp_path, opened):
    """A device node of our own, which takes everything and keeps nothing, is the same node afterwards."""
    device = tmp_path / "nothing"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_bytes(b"")
    except OSError:
        pytest.skip("needs the right to make device nodes")
    before = device.stat()
    with opened(device) as output:
        output.write(b"x" * 100_000) if opened is atomic_file else output.write_bytes(b"x" * 100_000)
    assert os.path.samestat(device.stat(), before)
    assert list(tmp_path.iterdir()) == [device]


def test_whatever_lies_in_dev_counts_as_a_device(tmp_path):
    """Standard output may lead to a plain file, which is written through all the same."""
    assert is_stream(Path("/dev/stdout"))
    assert is_stream(Path("/dev/../dev/fd/1"))
    assert not is_stream(tmp_path / "dev" / "stdout")
    assert not is_stream(tmp_path)


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="there is no disk in memory")  # noqa: S108
def test_a_disk_that_is_mounted_in_dev_has_files_like_any_other():
    """There they appear when whole, also in folders that are yet to be made."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        target = Path(folder, "new", "a.csv")
        assert not is_stream(target)
        with atomic_file(target) as file:
            file.write(b"x")
            assert not target.exists()
        assert target.read_bytes() == b"x"
    assert is_stream(Path("/dev/new/a.csv"))


def test_a_drive_that_is_not_mounted_is_no_place_for_a_new_folder(tmp_path, monkeypatch):
    """Folders are made in a drive that is there, and never in the place of one that is not."""
    monkeypatch.setattr(targets, "_DRIVES", (tmp_path / "media", tmp_path / "mnt", tmp_path / "media"))
    (tmp_path / "media" / "user").mkdir(parents=True)
    (tmp_path / "mnt").mkdir()
    for gone in ("media/user/STICK/a.csv", "mnt/stick/deep/a.csv"):
        with pytest.raises(EtlError, match="drive mounted"):
            check_writable(tmp_path / gone)
    (tmp_path / "mnt" / "stick").mkdir()
    check_writable(tmp_path / "mnt" / "stick" / "deep" / "a.csv")
    assert (tmp_path / "mnt" / "stick" / "deep").is_dir()
    assert sorted(path.name for path in (tmp_path / "media").rglob("*")) == ["user"]


@pytest.mark.parametrize("opened", [atomic_file, atomic_path])
def test_the_file_is_on_the_disk_before_it_has_its_name_and_then_its_name(tmp_path, monkeypatch, opened):
    """Else a power cut leaves an empty file under the name of a whole one."""
    order: list[tuple[str, bool]] = []
    target = tmp_path / "a.bin"
    real = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        order.append((kind, target.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with opened(target) as output:
        output.write(b"x") if opened is atomic_file else output.write_bytes(b"x")
    assert ("file", False) in order
    assert order[-1] == ("folder", True)
