"""Renames on disk: all or none, never over another file, and back again, whenever the process ends."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg,arg-type"

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from etl.pipelines.midi import rename_journal as midi_journal
from etl.pipelines.midi.rename import rename_library, sanitize_in_place
from etl.pipelines.midi.rename_journal import Rename, Undone, carry_out, recover_unfinished, undo
from etl.runtime.errors import EtlError
from etl.store.bursts import writing
from tests.support.empty_store import empty_store
from tests.support.forked import forked_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def contents(folder: Path) -> dict[str, str]:
    """Read what lies in a folder, hidden files too."""
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if ".duckdb" not in path.name}


def swap(folder: Path) -> list[Rename]:
    """Make three files, and plan to turn their names round."""
    for name in "abc":
        (folder / name).write_text(name)
    return [Rename(str(folder / old), str(folder / new)) for old, new in ("ab", "bc", "ca")]


KILLED = """
import os, signal
from pathlib import Path
from etl.pipelines.midi import rename_journal as midi_journal
from etl.pipelines.midi.rename_journal import Rename, carry_out, undo
folder, moves, way = Path(os.environ["FOLDER"]), int(os.environ["MOVES"]), os.environ["WAY"]
move = midi_journal._move
def counted(source, target):
    global moves
    if moves == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    moves -= 1
    move(source, target)
plan = [Rename(str(folder / old), str(folder / new)) for old, new in ("ab", "bc", "ca")]
if way == "undo":
    run = carry_out(folder / "m.duckdb", "midi rename", plan, dry_run=False).run_id
    midi_journal._move = counted
    undo(folder / "m.duckdb", run)
else:
    midi_journal._move = counted
    carry_out(folder / "m.duckdb", "midi rename", plan, dry_run=False)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Iterator[Callable[[Path, int, str], None]]:
    """Run the script in a folder, in a process that is killed."""
    script = tmp_path_factory.mktemp("script") / "killed.py"
    script.write_text(KILLED)
    with forked_runs("etl.pipelines.midi.rename_journal", "etl.store.bursts") as runs:

        def run(folder: Path, moves: int, way: str) -> None:
            (done,) = runs(script, {"FOLDER": str(folder), "MOVES": str(moves), "WAY": way})
            assert done.code == -signal.SIGKILL, done

        yield run


@pytest.mark.parametrize("way", ["rename", "undo"])
@pytest.mark.parametrize("moves", range(6))
def test_a_kill_between_any_two_moves_leaves_all_or_none(tmp_path: Path, killed, moves: int, way: str):
    """Names that go round in a ring end as before or as planned, as the journal says, and can be undone."""
    swap(tmp_path)
    before, after = {"a": "a", "b": "b", "c": "c"}, {"a": "c", "b": "a", "c": "b"}
    empty_store(tmp_path / "m.duckdb")
    killed(tmp_path, moves, way)
    with writing(tmp_path / "m.duckdb", "midi run", {}) as store:
        recover_unfinished(store)
        with store.reading() as connection:
            states = {row[0] for row in connection.sql("SELECT status FROM midi_renames").fetchall()}
    assert contents(tmp_path) == (after if states == {"done"} else before)
    assert states in ({"done"}, {"undone"})
    if states == {"done"}:
        undo(tmp_path / "m.duckdb", 1)
        assert contents(tmp_path) == before


@pytest.mark.parametrize("failing", range(6))
def test_a_rename_that_fails_takes_the_others_back(tmp_path: Path, monkeypatch, failing: int):
    """An error in the middle leaves all names as they were, at once, and says which file it was."""
    plan = swap(tmp_path)
    honest, calls = midi_journal._move, iter(range(100))

    def move(source, target):
        if next(calls) == failing:
            raise PermissionError(13, "Permission denied", source)
        honest(source, target)

    monkeypatch.setattr(midi_journal, "_move", move)
    with pytest.raises(EtlError, match="Permission denied"):
        carry_out(tmp_path / "m.duckdb", "midi rename", plan, dry_run=False)
    assert contents(tmp_path) == {"a": "a", "b": "b", "c": "c"}


def test_no_file_is_renamed_over_another(tmp_path: Path):
    """A new name that is taken by the time it is needed stops the run; nothing is lost."""
    (tmp_path / "a").write_text("a")
    (tmp_path / "other").write_text("other")
    with pytest.raises(EtlError, match="there is a file of that name"):
        carry_out(
            tmp_path / "m.duckdb", "midi rename", [Rename(str(tmp_path / "a"), str(tmp_path / "other"))],
            dry_run=False,
        )  # fmt: skip
    assert contents(tmp_path) == {"a": "a", "other": "other"}


def test_a_file_that_is_gone_by_then_gives_its_name_to_no_other(tmp_path: Path):
    """What lies at its new name was never renamed: it stays there when the renames are taken back."""
    (tmp_path / "other").write_text("other")
    plan = [Rename(str(tmp_path / "gone"), str(tmp_path / "other"))]
    with pytest.raises(EtlError, match="gone cannot be renamed: No such file"):
        carry_out(tmp_path / "m.duckdb", "midi rename", plan, dry_run=False)
    assert contents(tmp_path) == {"other": "other"}


def test_undo_leaves_a_file_whose_old_name_is_taken(tmp_path: Path):
    """What came to the old path since is not overwritten; the rest goes back, the one when there is room."""
    plan = [swap(tmp_path)[0], Rename(str(tmp_path / "d"), str(tmp_path / "e"))]
    (tmp_path / "b").unlink()
    (tmp_path / "d").write_text("d")
    run = carry_out(tmp_path / "m.duckdb", "midi rename", plan, dry_run=False).run_id
    (tmp_path / "a").write_text("new")
    assert undo(tmp_path / "m.duckdb", run) == Undone(run, 1, 1)
    assert contents(tmp_path) == {"a": "new", "b": "a", "c": "c", "d": "d"}
    (tmp_path / "a").unlink()
    assert undo(tmp_path / "m.duckdb", run) == Undone(run, 1, 0)
    assert contents(tmp_path) == {"a": "a", "c": "c", "d": "d"}


def test_names_in_no_encoding_come_back(tmp_path: Path):
    """The very bytes of a name are restored."""
    name = os.fsdecode(b"caf\xe9 1.mid")
    (tmp_path / name).write_bytes(b"MThd")
    done = sanitize_in_place((tmp_path,), tmp_path / "m.duckdb", library=tmp_path / "library")
    assert [Path(file.new).name for file in done.files] == ["cafe_1.mid"]
    assert not (tmp_path / name).exists()
    undo(tmp_path / "m.duckdb", done.run_id)
    assert (tmp_path / name).read_bytes() == b"MThd"


def test_names_that_differ_by_case_only_are_told_apart(tmp_path: Path):
    """In place too: of two safe names that are one on a drive for samplers, the second changes."""
    (tmp_path / "Loop.mid").write_bytes(b"1")
    (tmp_path / "loop.mid").write_bytes(b"2")
    (tmp_path / "wrapped.RMI").write_bytes(b"3")
    done = sanitize_in_place((tmp_path,), tmp_path / "m.duckdb", library=tmp_path / "library")
    assert sorted(Path(file.new).name for file in done.files) == ["loop_1.mid", "wrapped.rmi"]


def test_a_missing_source_is_said(tmp_path: Path):
    """Nothing to rename because of a slip of the pen is no success."""
    with pytest.raises(EtlError, match="does not exist"):
        sanitize_in_place((tmp_path / "x",), tmp_path / "m.duckdb", library=tmp_path)


@pytest.mark.parametrize("template", ["{bpm", "{}", "{bpm:{key}}", "{name.x}", "}", "plain"])
def test_templates_that_cannot_be_read_are_refused(tmp_path: Path, template: str):
    """Whatever a template holds, the answer names the fields there are."""
    with pytest.raises(EtlError, match="template"):
        rename_library(tmp_path, tmp_path / "m.duckdb", template=template)
