"""The size of blocks follows the time that they take, within a cap of memory."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.runtime.limits import Limits
from etl.sources.chords.block_size import MEMORY_FACTOR, BlockSize
from etl.sources.chords.blocks import read_blocks
from etl.sources.chords.files import open_source

MB = 1_000_000


def tell(size: BlockSize, seconds: float, blocks: int = 5) -> None:
    """Have some blocks of the present size take so long."""
    for _ in range(blocks):
        size.took(size.bytes, seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.1, 4 * MB), (0.5, 4 * MB), (0.6, 2 * MB), (0.05, 8 * MB), (100, 2 * MB), (0.001, 8 * MB)],
)
def test_blocks_that_take_too_long_or_too_short_change_the_next(seconds, expected):
    """Within the aim nothing changes; the size changes by no more than two times at once."""
    size = BlockSize(Limits(block_bytes=4 * MB), in_flight=4)
    tell(size, seconds)
    assert size.bytes == expected


def test_one_slow_block_changes_nothing():
    """The median decides."""
    size = BlockSize(Limits(block_bytes=4 * MB), in_flight=4)
    tell(size, 9.0, blocks=2)
    tell(size, 0.3, blocks=3)
    assert size.bytes == 4 * MB


def test_blocks_that_were_cut_before_a_change_tell_nothing_of_it():
    """As many as may be in flight."""
    size = BlockSize(Limits(block_bytes=4 * MB), in_flight=4)
    tell(size, 1.0)
    assert size.bytes == 2 * MB
    for _ in range(4):
        size.took(4 * MB, 9.0)
    tell(size, 0.3)
    assert size.bytes == 2 * MB


def test_the_size_settles_at_the_aim():
    """At a steady speed of 1 MB/s blocks come to take between 0.1 and 0.5 s, and stay there."""
    size = BlockSize(Limits(block_bytes=20 * MB), in_flight=4)
    seen = []
    for _ in range(100):
        seen.append(size.bytes)
        size.took(size.bytes, size.bytes / MB)
    assert 0.1 * MB <= seen[-1] <= 0.5 * MB
    assert len(set(seen[-10:])) == 1


def test_the_first_blocks_tell_nothing():
    """They load and compile code."""
    size = BlockSize(Limits(block_bytes=4 * MB), in_flight=4, untimed=2)
    tell(size, 14.0, blocks=2)
    tell(size, 0.3, blocks=5)
    assert size.bytes == 4 * MB


@pytest.mark.parametrize("memory", [100 * MB, 1000 * MB])
def test_memory_caps_the_size(memory):
    """All blocks at work keep within it together, at first and later."""
    size = BlockSize(Limits(memory_bytes=memory, block_bytes=16 * MB), in_flight=4)
    for _ in range(10):
        assert 4 * size.bytes * MEMORY_FACTOR <= memory
        tell(size, 0.01)


def test_rows_of_a_parquet_file_are_counted_by_their_length(tmp_path):
    """A block of long rows has few of them, one of short rows many."""
    path = tmp_path / "songs.parquet"
    chords = ["C " * 5000] * 2000 + ["C"] * 20_000
    pq.write_table(pa.table({"id": [str(i) for i in range(len(chords))], "chords": chords}), path)
    limits = Limits(block_bytes=2 * MB, parquet_rows=100)
    blocks = list(read_blocks([open_source(path, ["id", "chords"])], limits=limits))
    rows = [block.data.num_rows for block in blocks if isinstance(block.data, pa.Table)]
    assert sum(rows) == len(chords)
    assert set(rows[:9]) == {200}
    assert rows[-1] == 20_000
    assert sum(block.bytes_read for block in blocks) == pytest.approx(path.stat().st_size, rel=0.01)
    assert [block.first_line for block in blocks[:3]] == [1, 201, 401]
