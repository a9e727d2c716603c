"""A run in lines, for people and for programs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from etl.runtime.watch.lines import JsonLines, PlainLines
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.watch.renderers import renderers
from etl.runtime.watch.snapshot import from_json


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_people_get_a_line_after_two_seconds_and_then_every_ten():
    """Whole lines, without control characters."""
    clock, stream = Clock(), io.StringIO()
    watch = Watch("etl build", [Stage("analyze", "songs")], [PlainLines(stream)], clock=clock)
    watch.total("analyze", 1_000_000)
    for quarter in range(4 * 60):
        clock.now = 1000 + quarter / 4
        watch.advance("analyze", done=500)
        watch.refresh()
        assert bool(stream.getvalue()) == (quarter >= 8)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 6
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("etl build  2 s  CPU ")
    assert lines[0].endswith(" | 4,500/1,000,000 songs  0%  2,000/s  ETA 8 min 18 s")


def test_stages_that_have_not_begun_are_left_out_of_the_line():
    """And one that is complete has neither rate nor time left."""
    clock, stream = Clock(), io.StringIO()
    watch = Watch(
        "run",
        [Stage("find", "files"), Stage("import", "files"), Stage("store", "files")],
        [PlainLines(stream)],
        clock=clock,
    )
    watch.total("find", 2)
    for _ in range(2):
        clock.now += 1
        watch.advance("find", done=1)
        watch.advance("import", waiting=1)
        watch.advance("import", errors=1)
        watch.refresh()
    watch.note("2 failed")
    assert stream.getvalue().endswith("| find  2/2 files  100% | import  0 files  2 waiting  2 errors\n")


def test_a_quick_run_writes_nothing():
    """Neither while it lasts nor at its end."""
    stream = io.StringIO()
    with Watch("run", [Stage("a", "files")], [PlainLines(stream)]) as watch:
        watch.advance("a", done=1)
    assert stream.getvalue() == ""


def test_json_lines_hold_the_state_at_each_turn_and_every_five_seconds(capsys):
    """A stage that begins and a wait are written at once, more of the same only when it is time."""
    clock = Clock()
    stages = [Stage("plan", "ids"), Stage("ask", "ids")]
    watch = Watch("etl enrich", stages, [JsonLines()], clock=clock)
    for quarter in range(44):
        clock.now = 1000 + quarter / 4
        if quarter == 2:
            watch.advance("ask", done=1)
        if quarter == 3:
            watch.waiting_for("Spotify\n")
        watch.refresh()
    watch.say("Partial \x1b CSV")
    JsonLines().close(watch.snapshot())
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    states = [from_json(entry) for entry in entries if "message" not in entry]
    assert [state.elapsed_s for state in states] == [0, 0.5, 0.8, 5.8, 10.8, 10.8]
    assert [state.waits_for for state in states[1:3]] == [None, r"Spotify\n"]
    assert [entry["message"] for entry in entries if "message" in entry] == [r"Partial \x1b CSV"]


@pytest.mark.parametrize("log_json", [True, False])
def test_standard_output_is_for_json_lines_alone(log_json):
    """In a process of its own, whose standard error is no terminal."""
    code = (
        "import time\n"
        "from etl.runtime.watch.progress import Stage, Watch\n"
        "from etl.runtime.watch.renderers import renderers\n"
        f"shown = renderers(log_json={log_json})\n"
        "with Watch('run', [Stage('a', 'files')], shown, clock=lambda: time.perf_counter() * 100) as watch:\n"
        "    watch.say('hello')\n"
        "    time.sleep(0.6)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if log_json:
        assert all(isinstance(json.loads(line), dict) for line in done.stdout.splitlines())
        assert len(done.stdout.splitlines()) >= 3
        assert done.stderr == ""
    else:
        assert done.stdout == ""
        assert "hello\n" in done.stderr
        assert "run  " in done.stderr


def test_nothing_heavy_is_imported_where_there_is_no_terminal(tmp_path):
    """Rich, psutil and numpy wait until they are needed."""
    code = (
        "import sys, pathlib\n"
        "from etl.runtime.watch.progress import Stage, Watch\n"
        "from etl.runtime.watch.renderers import renderers\n"
        "with Watch('r', [Stage('a', 'b')], renderers(pathlib.Path(sys.argv[1]))) as watch:\n"
        "    watch.refresh()\n"
        "print(sorted({'rich', 'psutil', 'numpy', 'polars', 'duckdb'}.intersection(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.duckdb")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.stdout == "[]\n"


def test_without_a_terminal_a_command_writes_lines(monkeypatch, tmp_path):
    """JSON lines take their place on request; the store adds a status file."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert [type(shown).__name__ for shown in renderers()] == ["PlainLines"]
    assert [type(shown).__name__ for shown in renderers(tmp_path / "x", log_json=True)] == [
        "JsonLines",
        "StatusFile",
    ]
