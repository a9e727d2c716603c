"""Compiled code on disk: shared by processes, rebuilt when damaged or out of date, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from etl.runtime.jit import kernel, plain
from etl.runtime.jit.intrinsics import (
    COPY_STEP,
    copy_bytes,
    copy_steps,
    highest,
    load_word,
    path_step,
    trailing_zeros,
)
from etl.runtime.jit.source import source_sum
from tests.support.forked import Ended, Runs, forked_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LITTLE = """
import sys
from numba.core import event
from etl.runtime.jit import kernel

@kernel
def half(n):
    return n // 2

@kernel
def steps(n):
    count = 0
    while n != 1:
        n = half(n) if n % 2 == 0 else 3 * n + 1
        count += 1
    return count

ours = []
class Listener(event.Listener):
    def on_start(self, happened):
        ours.append(happened.data["dispatcher"].py_func.__name__)
    def on_end(self, happened):
        pass
event.register("numba:compile", Listener())
print(steps(27), sorted(name for name in ours if name in ("half", "steps")))
"""


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """Start processes that have loaded numba, and compiled nothing of ours."""
    with forked_runs("etl.runtime.jit", "tests.support.numba_at_work") as started:
        yield started


@pytest.fixture
def little(runs, tmp_path) -> Callable[..., list[Ended]]:
    """Run processes at once that compile two functions, one of which calls the other."""
    script = tmp_path / "little.py"
    script.write_text(LITTLE, encoding="utf-8")
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    return lambda count=1, **environment: runs(script, kept | environment, count)


def answer(process: Ended) -> str:
    """Give what it printed; it must have ended well and said nothing else."""
    assert (process.code, process.err) == (0, "")
    return process.out.strip()


COMPILED, LOADED = "111 ['half', 'steps']", "111 []"


def test_code_is_compiled_once_and_rebuilt_where_a_file_is_damaged(little, tmp_path):
    """Cut short, overwritten, emptied: each is noticed, compiled anew and kept again."""
    assert answer(*little()) == COMPILED
    assert answer(*little()) == LOADED
    kept = sorted((tmp_path / "cache" / "music-etl").glob("*steps-*"))
    assert len(kept) == 1
    whole = kept[0].read_bytes()
    for damaged in (whole[:-100], whole[:200] + b"?" + whole[201:], b""):
        kept[0].write_bytes(damaged)
        assert answer(*little()).startswith("111 ['")
        assert kept[0].read_bytes() != damaged
    assert answer(*little()) == LOADED


def test_of_many_processes_at_once_one_compiles_each_function(little):
    """Six start together on an empty folder; the others wait for the code."""
    answers = [answer(process) for process in little(6)]
    compiled = "".join(answers)
    assert (compiled.count("'steps'"), compiled.count("'half'")) == (1, 1)
    assert all(line.startswith("111 ") for line in answers)


def test_where_the_home_cannot_be_written_a_temporary_folder_serves_and_one_line_says_so(little, tmp_path):
    """Without NUMBA_CACHE_DIR and with no home, code is kept for the next process all the same."""
    nowhere = {"NUMBA_CACHE_DIR": "", "HOME": "/dev/null", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)}
    for expected in (COMPILED, LOADED):
        (process,) = little(**nowhere)
        assert process.out.strip() == expected
        assert process.err.count("\n") == 1
        assert "NUMBA_CACHE_DIR" in process.err


def test_a_folder_that_others_can_write_is_never_read(little, tmp_path):
    """Somebody else's temporary folder of that name could hold any code; ours is not kept then."""
    (tmp_path / f"music-etl-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"music-etl-{os.getuid()}").chmod(0o777)
    nowhere = {"NUMBA_CACHE_DIR": "", "HOME": "/dev/null", "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)}
    (process,) = little(**nowhere)
    assert process.out.strip() == COMPILED
    assert process.err.count("\n") == 1


_FACTOR = 3


def _scaled(number: int) -> int:
    return number * _FACTOR


def _outer(number: int) -> int:
    return _scaled(number) + 1


def test_code_is_out_of_date_after_a_change_of_what_it_calls_or_of_a_constant(monkeypatch):
    """The sum over a kernel's source reaches through functions of the package to their constants."""
    monkeypatch.setattr("etl.runtime.jit.source._PACKAGE", "tests")
    before = source_sum(_outer)
    assert source_sum(_outer) == before
    monkeypatch.setitem(globals(), "_FACTOR", 4)
    assert source_sum(_outer) != before
    monkeypatch.setitem(globals(), "_FACTOR", 3)
    monkeypatch.setitem(globals(), "_scaled", lambda number: number)
    assert source_sum(_outer) != before


@kernel
def _by_machine(source, at, size, target):
    copy_bytes(target[0], 3, source, at, size)
    copy_steps(target[1], 3, source, at, size)
    word = load_word(source, at)
    return word, trailing_zeros(word)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 200])
def test_instructions_of_the_machine_do_what_their_plain_twins_do(size):
    """Copies of any length, words at odd places, zeros at the end of numbers."""
    random = np.random.default_rng(size)
    source = random.integers(0, 256, 300, np.uint8)
    for at, low in ((0, 1), (13, 128), (57, 0)):
        source[at] = low
        source[at + 1] = 4
        target = np.zeros((2, 300 + COPY_STEP), np.uint8)
        word, zeros = _by_machine(source, at, size, target)
        expected = np.zeros(300 + COPY_STEP, np.uint8)
        plain.copy_bytes(expected, 3, source, at, size)
        np.testing.assert_array_equal(target[0], expected)
        np.testing.assert_array_equal(target[1][: 3 + size], expected[: 3 + size])
        assert word == plain.load_word(source, at)
        assert zeros == plain.trailing_zeros(np.uint64(word))


@kernel
def _step_by_machine(sums, high, change, base, terms, places):  # noqa: PLR0917 -- a kernel
    path_step(sums, 40, 3, high, change, base, terms, places)
    return highest(sums, 8, 8 + plain.LANES), highest(sums, 5, 5 + 3 * plain.LANES)


def test_a_step_of_a_path_is_that_of_its_plain_twin():
    """Sixteen states at odd places; the better of staying and changing; and the highest of some states."""
    random = np.random.default_rng(5)
    for _ in range(50):
        sums, terms = (random.normal(0, 1, 64).astype(np.float32) for _ in range(2))
        numbers: Any = random.normal(0, 1, 3).astype(np.float32)
        high, change, base = numbers
        first, second, third, fourth = (int(place) for place in random.integers(0, 49, 4))
        places = (first, second, third, fourth)
        expected = sums.copy()
        plain.path_step(expected, 40, 3, high, change, base, terms, places)
        tops = _step_by_machine(sums, high, change, base, terms, places)
        np.testing.assert_array_equal(sums, expected)
        assert (
            tops
            == (plain.highest(sums, 8, 24), plain.highest(sums, 5, 53))
            == (max(sums[8:24]), max(sums[5:53]))
        )


def test_without_the_parts_of_numba_that_may_change_kernels_run_all_the_same(tmp_path):
    """With no own cache and no instructions of the machine, lines of CSV and words come out the same."""
    code = (
        "import sys\n"
        "sys.modules['etl.runtime.jit.llvm'] = sys.modules['etl.runtime.jit.dispatcher'] = None\n"
        "import numpy as np\n"
        "from etl.chords.word_kernel import number_words\n"
        "text = np.frombuffer(b'C F C longer-than-seven G', np.uint8)\n"
        "words, ends, spans = number_words(text, np.array([0, len(text)]), np.uint64(1 << 40 | 1))\n"
        "print(words.tolist(), spans.tolist())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[0, 1, 0, 2, 3] [[0, 1], [2, 3], [6, 23], [24, 25]]\n"
