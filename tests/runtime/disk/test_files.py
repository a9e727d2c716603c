"""Files that appear only when whole."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from etl.runtime.disk.files import atomic_file, atomic_path, check_writable, write_error
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
