"""A block of songs as work: the same on any thread and in any process."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time

import pytest

from etl.chords.keys import KeyMethod
from etl.chords.romantext import RomanStyle
from etl.exports.data3 import SONG_COLUMNS
from etl.pipelines.data3.block import JOB, BlockWork, analyze_block
from etl.runtime.limits import Limits
from etl.runtime.resources import resource
from etl.runtime.work.crew import CrewKind, crew
from etl.sources.chords.blocks import read_blocks
from etl.sources.chords.files import open_source

SAMPLE = resource("sample/billboard_chordonomicon.csv")


@pytest.fixture(scope="module")
def blocks():
    """Four or so blocks of the bundled songs."""
    source = open_source(SAMPLE, SONG_COLUMNS, required=("id", "chords"))
    cut = list(read_blocks([source], limits=Limits(block_bytes=SAMPLE.stat().st_size // 4)))
    assert len(cut) > 2
    return cut


def work(style: RomanStyle = RomanStyle.ROMANTEXT) -> BlockWork:
    """Everything that a build may want of a block."""
    return BlockWork(method=KeyMethod.TRAINED, style=style, statistics=True, section_keys=True)


@pytest.mark.parametrize("kind", [CrewKind.THREADS, CrewKind.PROCESSES])
def test_a_block_gives_the_same_wherever_it_is_analyzed(blocks, kind):
    """Bytes, frames and numerals are those of this thread, whose glossary knows other blocks already."""
    here = work()
    expected = [analyze_block(block, here) for block in blocks]
    with crew(workers=2, kind=kind) as members:
        outcomes = list(members.map(JOB, blocks, in_flight=4, shared=here))
    for want, outcome in zip(expected, outcomes, strict=True):
        given = outcome.unwrap()
        assert bytes(given.lines) == bytes(want.lines)
        assert given.harmony.songs.equals(want.harmony.songs)
        assert list(given.harmony.numerals.texts) == list(want.harmony.numerals.texts)
        assert given.rejects.equals(want.rejects)


def test_the_time_of_a_block_is_that_of_its_stages(blocks):
    """Each takes some, and all together no more than the block."""
    started = time.perf_counter()
    seconds = analyze_block(blocks[0], work()).seconds
    lasted = time.perf_counter() - started
    assert list(seconds) == ["parse", "analyze", "format"]
    assert min(seconds.values()) > 0
    assert sum(seconds.values()) < lasted


def test_what_a_build_has_learnt_stays_at_home(blocks):
    """The common part of the work stays small however much its glossary has learnt; buffers stay too."""
    learnt = work()
    analyzed = analyze_block(blocks[0], learnt)
    assert len(pickle.dumps(learnt)) < len(pickle.dumps(work())) + 500
    assert len(pickle.dumps(analyzed.buffer)) < 200


def test_two_builds_share_nothing(blocks):
    """A glossary begins empty: what one build met has no number in the next."""
    first, second = work(), work()
    analyze_block(blocks[0], first)
    assert first.notations.glossary(blocks[0]).numeral(0)
    with pytest.raises(IndexError):
        second.notations.glossary(blocks[0]).numeral(0)


def test_scipy_can_be_imported_while_a_build_lasts(tmp_path):
    """What makes loading faster leaves nothing behind: `scipy.linalg` and `cffi` work inside a build."""
    code = f"""
import pathlib
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from etl.runtime.jit import without_matrix_products

class Imports:
    solved = None
    def show(self, snapshot):
        import cffi, scipy.linalg
        assert cffi.FFI().sizeof("int") == 4
        self.solved = scipy.linalg.solve([[2.0]], [4.0])
    def say(self, line): pass
    def close(self, snapshot): pass

without_matrix_products()
renderer = Imports()
build(Data3Build((pathlib.Path({str(SAMPLE)!r}),), pathlib.Path('d.csv'), None), [renderer])
print(renderer.solved)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.returncode) == ("[2.]\n", 0), ended.stderr
