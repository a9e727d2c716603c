"""Worker processes: a bad item costs itself, nothing else."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from etl.runtime.errors import EtlError
from etl.runtime.workers import run_isolated
from tests.support.places import ROOT


def misbehave(item: str) -> str:
    """Do what the item says."""
    if item == "crash":
        ctypes.string_at(0)
    if item == "hang":
        time.sleep(600)
    if item == "exit":
        os._exit(3)
    if item == "grow":
        block = bytearray(600_000_000)
        time.sleep(5)
        return str(len(block))
    if item == "refuse":
        raise EtlError("no audio here")
    if item == "raise":
        raise ValueError("bad value")
    return item.upper()


@pytest.mark.parametrize("workers", [1, 3])
def test_bad_items_fail_alone_with_a_reason(workers):
    """Crash, exit, time-out, memory and exceptions each give a reason; all other items succeed."""
    good = [f"item {number}" for number in range(8)]
    bad = ["crash", "hang", "exit", "grow", "refuse", "raise"]
    items = [*good[:4], *bad, *good[4:]]
    outcomes = {
        outcome.item: outcome
        for ended in run_isolated(
            misbehave, items, workers=workers, timeout_seconds=3.0, memory_bytes=400_000_000
        )
        for outcome in ended
    }
    assert set(outcomes) == set(items)
    assert {item: outcomes[item].result for item in good} == {item: item.upper() for item in good}
    reasons = {item: outcomes[item].problem or "" for item in bad}
    assert "SIGSEGV" in reasons["crash"]
    assert "longer than 3 s" in reasons["hang"]
    assert "code 3" in reasons["exit"]
    assert "memory" in reasons["grow"]
    assert reasons["refuse"] == "no audio here"
    assert reasons["raise"] == "ValueError: bad value"


def test_no_items_need_no_workers():
    """Nothing to do gives nothing."""
    assert list(run_isolated(misbehave, [], workers=2, timeout_seconds=1, memory_bytes=10**9)) == []


def test_the_caller_is_heard_while_all_workers_are_busy():
    """Between outcomes come empty looks, in which finished work can be committed."""
    looks = run_isolated(misbehave, ["a", "hang"], workers=2, timeout_seconds=3, memory_bytes=10**9)
    ended = list(looks)
    assert [] in ended
    assert sorted(outcome.item for part in ended for outcome in part) == ["a", "hang"]


def test_an_interrupt_does_not_reach_workers_that_start(capfd):
    """Ctrl-C goes to the whole process group; the parent decides, and starting workers print no traceback."""
    looks = run_isolated(misbehave, ["a", "b"], workers=2, timeout_seconds=60, memory_bytes=10**9)
    next(looks)
    children = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(children) == 2
    for child in children:
        child.send_signal(signal.SIGINT)
    assert sorted(outcome.result or "" for ended in looks for outcome in ended) == ["A", "B"]
    assert "Traceback" not in capfd.readouterr().err


def test_workers_end_with_a_killed_parent(tmp_path):
    """SIGKILL of the parent leaves no worker behind, not even one that hangs."""
    script = """
import sys, time
from etl.runtime.workers import run_isolated
if __name__ == "__main__":
    for _ in run_isolated(time.sleep, [600, 600], workers=2, timeout_seconds=900, memory_bytes=10**10):
        print("up", flush=True)
"""
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    for _ in range(20):
        parent.stdout.readline()
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_stopping_early_ends_the_workers():
    """A consumer that stops leaves no process behind."""
    outcomes = run_isolated(
        misbehave, ["a", "b", "hang", "hang"], workers=2, timeout_seconds=60, memory_bytes=10**9
    )
    assert next(filter(None, outcomes))[0].result in {"A", "B"}
    start = time.monotonic()
    outcomes.close()
    assert time.monotonic() - start < 30
