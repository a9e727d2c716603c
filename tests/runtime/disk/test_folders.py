"""Folders that appear only when whole: what is ours is replaced, what is not is never lost."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from etl.runtime.disk.folders import atomic_folder, check_replaceable
from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from pathlib import Path

OWNED = frozenset({"a.csv", "b.csv"})


def write(target: Path, text: str = "new") -> None:
    """Write a folder of the files that it is made of."""
    with atomic_folder(target, OWNED) as folder:
        for name in OWNED:
            (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    """Read all files below a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_former_folder_is_replaced_and_nothing_stays_beside_it(tmp_path):
    """Its parents are made; until the block ends it is what it was."""
    target = tmp_path / "deep" / "ml"
    write(target, "first")
    with atomic_folder(target, OWNED) as folder:
        (folder / "a.csv").write_text("second")
        assert contents(target) == {"a.csv": "first", "b.csv": "first"}
    assert contents(target.parent) == {"ml/a.csv": "second"}
    assert list(target.parent.iterdir()) == [target]


def test_an_empty_folder_is_ours(tmp_path):
    """It holds nothing that could be lost."""
    (tmp_path / "ml").mkdir()
    check_replaceable(tmp_path / "ml", OWNED, force=False)
    write(tmp_path / "ml")
    assert [path.name for path in tmp_path.iterdir()] == ["ml"]


@pytest.mark.parametrize("others", [{"a.csv"}, {"a.csv", "b.csv", "notes"}, {"notes"}])
def test_what_is_not_ours_is_moved_aside_each_time_under_another_name(tmp_path, others):
    """Also where it has some of the names, or all of them and more."""
    for text in ("first", "second"):
        target = tmp_path / "ml"
        if target.exists():
            for name in OWNED:
                (target / name).unlink()
        target.mkdir(exist_ok=True)
        for name in others:
            (target / name).write_text(text)
        write(target)
    assert contents(tmp_path / "ml") == dict.fromkeys(OWNED, "new")
    assert contents(tmp_path / "ml.before-1") == dict.fromkeys(others, "first")
    assert contents(tmp_path / "ml.before-2") == dict.fromkeys(others, "second")


def test_only_force_lets_others_be_moved_aside_and_nothing_replaces_a_file(tmp_path):
    """What is not there, or was written before, needs no force."""
    check_replaceable(tmp_path / "absent", OWNED, force=False)
    write(tmp_path / "ml")
    check_replaceable(tmp_path / "ml", OWNED, force=False)
    (tmp_path / "ml" / "notes").touch()
    with pytest.raises(EtlError, match="not a former export"):
        check_replaceable(tmp_path / "ml", OWNED, force=False)
    check_replaceable(tmp_path / "ml", OWNED, force=True)
    with pytest.raises(EtlError, match="is a file"):
        check_replaceable(tmp_path / "ml" / "notes", OWNED, force=True)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(errno.EIO, "broken")])
def test_any_failure_keeps_the_former_folder_and_no_other(tmp_path, error):
    """Only what the system refuses is said of the folder."""
    write(tmp_path / "ml", "old")

    def fail() -> None:
        with atomic_folder(tmp_path / "ml", OWNED) as folder:
            (folder / "a.csv").write_text("half")
            raise error

    with pytest.raises(EtlError if isinstance(error, OSError) else type(error)):
        fail()
    assert contents(tmp_path) == {"ml/a.csv": "old", "ml/b.csv": "old"}


def test_a_link_to_a_folder_stays(tmp_path):
    """What it leads to is replaced."""
    write(tmp_path / "far", "old")
    (tmp_path / "ml").symlink_to("far")
    write(tmp_path / "ml")
    assert (tmp_path / "ml").is_symlink()
    assert contents(tmp_path / "far") == dict.fromkeys(OWNED, "new")


def test_all_is_on_the_disk_before_the_folder_has_its_name_and_then_its_name(tmp_path, monkeypatch):
    """Else a power cut leaves a folder of empty files."""
    order: list[tuple[str, bool]] = []
    target = tmp_path / "ml"
    real = os.fsync

    def fsync(descriptor: int) -> None:
        same = [
            path
            for path in (tmp_path, *tmp_path.rglob("*"))
            if path.stat().st_ino == os.fstat(descriptor).st_ino
        ]
        order.append((same[0].name, target.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write(target)
    new = f".ml.{os.getpid()}.tmp"
    assert sorted(order[:2]) == [("a.csv", False), ("b.csv", False)]
    assert order[2:] == [(new, False), (tmp_path.name, True)]
