"""Memory: the search for garbage can wait, and freed memory goes back."""

from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from etl.runtime.work.crew import crew
from etl.runtime.work.garbage import without_cycle_collection
from etl.runtime.work.memory import give_back_memory
from tests.support.command_line import environment


def test_cycle_collection_is_paused_and_comes_back():
    """Also after an error."""
    with suppress(ValueError), without_cycle_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_workers_search_for_garbage_rarely():
    """Python does after each 700 new objects, through all that is loaded."""
    with crew(workers=1) as members:
        (outcome,) = members.map("tests.runtime.crew_jobs:new_objects_searched", [0], in_flight=1)
    assert outcome.unwrap() >= 10_000


def test_cycle_collection_that_was_off_stays_off():
    """Nobody asked for it."""
    gc.disable()
    try:
        with without_cycle_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone keeps memory")
def test_freed_memory_goes_back_to_the_system():
    """What lies below a block in use too."""
    blocks = [bytes(100_000) for _ in range(1000)]
    kept = blocks[::100]
    full = psutil.Process().memory_info().rss
    del blocks
    give_back_memory()
    assert len(kept) == 10
    assert psutil.Process().memory_info().rss < full - 50_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone keeps memory")
def test_kept_memory_is_used_again():
    """The system gives no new pages for a block as large as one that was freed."""
    script = (
        "import resource\n"
        "from etl.runtime.work.memory import keep_freed_memory\n"
        "def pages():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    bytearray(5_000_000), bytearray(25_000_000)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "keep_freed_memory()\n"
        "print(pages() > 100, pages() < 100)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"]
