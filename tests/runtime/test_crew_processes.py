"""Processes of a crew: what they inherit, and when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from etl.runtime.work.cores import default_workers
from etl.runtime.work.crew import CrewKind, crew
from tests.support.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

JOBS = "tests.runtime.crew_jobs"


def run_script(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """Start a program of its own."""
    (folder / "parent.py").write_text(script)
    return subprocess.Popen(
        [sys.executable, str(folder / "parent.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def wait_until(holds, seconds: float = 30.0) -> None:
    """Wait until something holds."""
    due = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < due
        time.sleep(0.02)


def are_there(marks: list[Path]) -> bool:
    """Whether processes are at work on all of some files."""
    return all(mark.exists() and mark.read_text() for mark in marks)


def set_when(event: threading.Event, holds) -> None:
    """Set an event as soon as something holds."""
    wait_until(holds)
    event.set()


def test_processes_have_one_numerical_thread_each(monkeypatch):
    """They do not fight over the cores; the program itself keeps what it had."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    with crew(workers=1) as members:
        outcomes = list(members.map(f"{JOBS}:environment", variables, in_flight=3))
    assert [outcome.unwrap() for outcome in outcomes] == ["1"] * len(variables)
    assert not any(name in os.environ for name in variables)


def test_modules_are_imported_once_for_all_processes(tmp_path: Path):
    """By the server that they are forked from, which can start before there is work."""
    script = f"""
from etl.runtime.work.crew import crew
if __name__ == "__main__":
    with crew(workers=2, preload=("sqlite3",)) as members:
        members.start()
        outcomes = members.map("{JOBS}:is_loaded", ["sqlite3", "turtle"], in_flight=2)
        print([outcome.unwrap() for outcome in outcomes])
"""
    parent = run_script(tmp_path, script)
    out, err = parent.communicate(timeout=60)
    assert (out.decode().strip(), err) == ("[True, False]", b"")


def test_the_program_itself_is_not_imported_again(tmp_path: Path):
    """A script needs no guard, and processes do not wait for what it imports."""
    script = f"""
from etl.runtime.work.crew import crew
print("here")
with crew(workers=2) as members:
    print([outcome.unwrap() for outcome in members.map("{JOBS}:double", [1, 2], in_flight=2)])
"""
    out, err = run_script(tmp_path, script).communicate(timeout=60)
    assert (out.decode().split("\n"), err) == (["here", "[2, 4]", ""], b"")


def test_processes_live_as_long_as_the_crew():
    """From one job to the next, and no longer."""
    with crew(workers=2) as members:
        before = {o.unwrap() for o in members.map(f"{JOBS}:process_id", range(20), in_flight=4)}
        after = {o.unwrap() for o in members.map(f"{JOBS}:process_id", range(20), in_flight=4)}
    assert len(before | after) <= 2
    assert os.getpid() not in before
    wait_until(lambda: not any(psutil.pid_exists(number) for number in before))


def test_an_interrupt_does_not_reach_processes(capfd):
    """Ctrl-C goes to the whole process group; the parent decides, and those that start print no traceback."""
    with crew(workers=2) as members:
        outcomes = members.map(f"{JOBS}:process_id", range(50), in_flight=4)
        for outcome in outcomes:
            os.kill(outcome.unwrap(), signal.SIGINT)
            break
        assert len(list(outcomes)) == 49
    assert "Traceback" not in capfd.readouterr().err


def test_what_processes_write_to_standard_error_is_not_shown(capfd):
    """Native decoders write through whatever the parent shows there."""
    with crew(workers=1) as members:
        list(members.map(f"{JOBS}:write_errors", ["header missing"], in_flight=1))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ordered", [True, False])
def test_stop_kills_what_is_at_work(tmp_path: Path, ordered: bool):
    """At once, though an item would take an hour; what has been finished is given."""
    stop = threading.Event()
    marks = [tmp_path / f"mark{number}" for number in range(2)]
    with crew(workers=2, stop=stop, look_seconds=0.05) as members:
        outcomes = members.map(f"{JOBS}:mark", map(str, marks), in_flight=4, ordered=ordered)
        threading.Thread(target=set_when, args=(stop, lambda: are_there(marks))).start()
        assert list(outcomes) == []
        processes = [int(mark.read_text()) for mark in marks]
        wait_until(lambda: not any(psutil.pid_exists(number) for number in processes), 5)


def test_a_consumer_that_stops_early_kills_what_is_at_work(tmp_path: Path):
    """No process is left behind."""
    marks = [tmp_path / f"mark{number}" for number in range(2)]
    with crew(workers=3, look_seconds=0.05) as members:
        outcomes = members.map(f"{JOBS}:process_id_or_mark", ["", *map(str, marks)], in_flight=3)
        processes = [next(outcomes).unwrap()]
        wait_until(lambda: are_there(marks))
    processes += [int(mark.read_text()) for mark in marks]
    assert not any(psutil.pid_exists(number) for number in processes)


def test_ctrl_c_ends_the_program_while_items_take_long(tmp_path: Path):
    """Within seconds, and with nothing left behind."""
    marks = [tmp_path / f"mark{number}" for number in range(2)]
    script = f"""
from etl.runtime.work.crew import crew
if __name__ == "__main__":
    try:
        with crew(workers=2) as members:
            list(members.map("{JOBS}:mark", {[str(mark) for mark in marks]}, in_flight=4))
    except KeyboardInterrupt:
        print("interrupted")
"""
    parent = run_script(tmp_path, script)
    wait_until(lambda: are_there(marks))
    processes = [int(mark.read_text()) for mark in marks]
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=20)
    assert (out, err) == (b"interrupted\n", b"")
    wait_until(lambda: not any(psutil.pid_exists(number) for number in processes), 10)


def test_processes_end_with_a_killed_parent(tmp_path: Path):
    """SIGKILL of the parent leaves none behind, not even one that hangs, nor the server."""
    marks = [tmp_path / f"mark{number}" for number in range(2)]
    script = f"""
from etl.runtime.work.crew import crew
from tests.support.places import ROOT

if __name__ == "__main__":
    with crew(workers=2) as members:
        list(members.map("{JOBS}:mark", {[str(mark) for mark in marks]}, in_flight=4))
"""
    parent = run_script(tmp_path, script)
    wait_until(lambda: are_there(marks))
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 3
    parent.kill()
    parent.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_a_source_that_hangs_does_not_hold_up_the_end():
    """A disk that does not answer can be left."""
    gate, answers = threading.Event(), []

    def items():
        yield 1
        answers.append(gate.wait(30))

    with crew(workers=1, kind=CrewKind.THREADS) as members:
        outcomes = members.map(f"{JOBS}:double", items(), in_flight=5)
        assert next(outcomes).unwrap() == 2
        outcomes.close()
        assert answers == []
    gate.set()


def test_default_workers_are_the_cores_of_this_process():
    """At least one."""
    assert default_workers() >= 1
