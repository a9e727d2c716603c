"""The state that a run leaves for `etl status`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from etl.runtime.live import LiveView, read_status, status_path

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_state_is_there_while_the_run_lasts_and_gone_afterwards(tmp_path: Path) -> None:
    """Another process finds it beside the store."""
    path = status_path(tmp_path / "music.duckdb")
    with LiveView("etl something", status_file=path) as view:
        view.show({"stage": "asking", "ids": 7}, {})
        state = read_status(path)
        assert state is not None
        assert (state["command"], state["pid"], state["ids"]) == ("etl something", os.getpid(), 7)
    assert not path.exists()


def test_state_of_a_dead_process_is_no_state(tmp_path: Path) -> None:
    """What a killed run left is not taken for a running one."""
    path = tmp_path / "status.json"
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    path.write_text(json.dumps({"pid": int(dead.stdout), "time": "2026-01-01T00:00:00+00:00"}))
    assert read_status(path) is None


def test_state_of_an_older_process_with_the_same_number_is_no_state(tmp_path: Path) -> None:
    """A process that began after the state was written did not write it."""
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"pid": os.getpid(), "time": "2000-01-01T00:00:00+00:00"}))
    assert read_status(path) is None


def test_broken_state_is_no_state(tmp_path: Path) -> None:
    """Nothing that stands in the file can make `etl status` fail."""
    path = tmp_path / "status.json"
    for text in ("", "{", "[]", "{}", '{"pid": "x", "time": 1}', '{"pid": 1}'):
        path.write_text(text)
        assert read_status(path) is None


def test_json_lines_come_with_each_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new stage is written at once, more of the same only every few seconds."""
    with LiveView("etl something", status_file=tmp_path / "s.json", log_json=True) as view:
        for stage in ("planning", "asking", "asking", "asking", "done"):
            view.show({"stage": stage}, {"stage": stage})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["stage"] for line in lines] == ["planning", "asking", "done"]
