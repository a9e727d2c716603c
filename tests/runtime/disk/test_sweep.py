"""What killed processes leave beside a target goes, whatever its name; what living ones write stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from etl.runtime.disk.files import atomic_path
from etl.runtime.disk.folders import atomic_folder
from tests.support.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEAD = 4_194_000  # above what systems number processes by


def write(target: Path) -> None:
    """Write a file, or a folder where the name has no ending."""
    if target.suffix:
        with atomic_path(target) as path:
            path.write_text("new")
    else:
        with atomic_folder(target, frozenset({"x"})) as folder:
            (folder / "x").write_text("new")


def names(folder: Path) -> list[str]:
    """Names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["ml", "a.csv", "ml[1]", "a[1].csv", "m*?", "ünï.csv", "a.b.c.csv"])
def test_leftovers_of_dead_processes_are_removed(tmp_path, name):
    """Files and folders alike, also where the name would be a pattern."""
    (tmp_path / f".{name}.{DEAD}.tmp").mkdir()
    (tmp_path / f".{name}.{DEAD + 1}.tmp").touch()
    write(tmp_path / name)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["ml", "a.csv"])
def test_a_number_that_a_later_process_was_given_protects_nothing(tmp_path, name):
    """What is older than the process of that number was written by an earlier one."""
    stale = tmp_path / f".{name}.{os.getppid()}.tmp"
    stale.mkdir()
    os.utime(stale, (1, 1))
    write(tmp_path / name)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["ml", "a.csv"])
def test_what_a_living_process_writes_stays(tmp_path, name):
    """Two runs may write the same target at once; neighbours with longer names are not theirs."""
    others = [f".{name}.{os.getppid()}.tmp", f".{name}.bak.{DEAD}.tmp", f".{name}.notes.tmp", f".{name}.tmp"]
    for other in others:
        (tmp_path / other).touch()
    write(tmp_path / name)
    assert names(tmp_path) == sorted([name, *others])


KILLED = """
import os, signal, sys
from pathlib import Path
from etl.runtime.disk import folders
target = Path(sys.argv[1])
rename = Path.rename
def killing(self, to):
    if self.name.endswith(".tmp"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, to)
Path.rename = killing
with folders.atomic_folder(target, frozenset({"x"})) as folder:
    (folder / "x").write_text("second")
"""


def test_a_folder_set_aside_by_a_killed_process_is_put_back(tmp_path):
    """Killed between the two renames it lies hidden; the next export finds it."""
    target = tmp_path / "ml[1]"
    write(target)
    done = subprocess.run([sys.executable, "-c", KILLED, target], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    with pytest.raises(ZeroDivisionError), atomic_folder(target, frozenset({"x"})):
        raise ZeroDivisionError
    assert names(tmp_path) == ["ml[1]"]
    assert (target / "x").read_text() == "new"
