"""Compressed chord files: what plain ones give, or nothing at all."""

from __future__ import annotations

import bz2
import gzip
import random
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": lambda data: bz2.compress(data, 1),  # in pieces of 100 kB
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", COMPRESSORS)
def test_compressed_files_give_what_plain_ones_give(chords, kind):
    """Also where a file is several compressed parts one after the other."""
    plain = chords.file("in.csv", *(chords.row(i) for i in range(60)))
    chords.build(plain)
    expected = chords.output.read_bytes()
    data = plain.read_bytes()
    path = chords.folder / f"in.csv.{kind}"
    for content in (COMPRESSORS[kind](data), COMPRESSORS[kind](data[:999]) + COMPRESSORS[kind](data[999:])):
        path.write_bytes(content)
        chords.build(path)
        assert chords.output.read_bytes() == expected


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("harm", ["truncated", "corrupt", "followed by junk"])
@pytest.mark.parametrize("stored", [False, True])
def test_damaged_compressed_files_leave_the_former_output(chords, kind, harm, stored):
    """Half a file is no data set: nothing is written, with or without a store."""
    chords.cut(1 << 14)
    randomness = random.Random(0)
    rows = [f"{i},C F,,{randomness.randbytes(60).hex()},,,artist,,," for i in range(2_000)]
    data = COMPRESSORS[kind](chords.file("in.csv", *rows).read_bytes())
    at = len(data) * 9 // 10
    harmed = {
        "truncated": data[:at],
        "corrupt": data[:at] + b"\xff" * (len(data) - at),
        "followed by junk": data + b"junkjunkjunk",
    }[harm]
    path = chords.folder / f"in.csv.{kind}"
    path.write_bytes(harmed)
    chords.output.write_text("former")
    with pytest.raises(EtlError, match="is damaged") as raised:
        chords.build(path, database=chords.database if stored else None)
    assert raised.value.exit_code == ExitCode.BAD_DATA
    assert chords.output.read_text() == "former"
