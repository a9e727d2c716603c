"""The work on one block of songs: parse, analyze, format. It may run on any thread, process or machine."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.analysis import Harmony, analyze
from etl.exports.data3 import LineBuffer, LineBuffers, write_data3
from etl.exports.song_names import NO_NAMES, Names, with_names
from etl.pipelines.data3.notations import SourceNotations
from etl.sources.chords.rows import parse_block, song_rejects

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from etl.chords.keys import KeyMethod
    from etl.chords.romantext import RomanStyle
    from etl.sources.chords.blocks import Block
    from etl.sources.chords.seen_ids import SeenIds

JOB: Final = "etl.pipelines.data3.block:analyze_block"
"""What a crew is told to do with each block."""


@dataclass(frozen=True)
class BlockWork:
    """What all blocks of a build have in common.

    Attributes
    ----------
    method
        How keys are found.
    style
        How numerals are spelled.
    statistics, section_keys
        Whether to compute what only the store and the matrices need.
    names
        Artist and song names that are known.
    notations, buffers
        What the inputs are spelled in and what the build has learnt about their tokens, and memory to write
        lines to. What was learnt and the memory serve one process: in another they begin empty.
    """

    method: KeyMethod
    style: RomanStyle
    statistics: bool
    section_keys: bool
    names: Names = NO_NAMES
    notations: SourceNotations = field(default_factory=SourceNotations)
    buffers: LineBuffers = field(default_factory=LineBuffers)


@dataclass(frozen=True)
class AnalyzedBlock:
    """What came of a block.

    Attributes
    ----------
    records
        Rows that it had.
    harmony
        The songs.
    rejects
        The rows that were refused.
    lines
        UTF-8 of the data3 lines, a part of ``buffer``, which is to be put back when they are written.
    seconds
        Of each stage.
    """

    records: int
    harmony: Harmony
    rejects: pl.DataFrame
    lines: NDArray[np.uint8]
    buffer: LineBuffer
    seconds: dict[str, float]


def analyze_block(block: Block, work: BlockWork) -> AnalyzedBlock:
    """Parse, analyze and format one block."""
    buffer = work.buffers.take()
    started = time.perf_counter()
    rows = parse_block(block)
    parsed = time.perf_counter()
    harmony = analyze(
        with_names(rows.songs, work.names),
        method=work.method,
        glossary=work.notations.glossary(block),
        statistics=work.statistics,
        section_keys=work.section_keys,
    )
    analyzed = time.perf_counter()
    lines = write_data3(harmony.songs, harmony.vocabulary, harmony.numerals.texts, buffer, work.style)
    formatted = time.perf_counter()
    seconds = {"parse": parsed - started, "analyze": analyzed - parsed, "format": formatted - analyzed}
    return AnalyzedBlock(rows.records, harmony, rows.rejects, lines, buffer, seconds)


def without_repeats(block: Block, analyzed: AnalyzedBlock, seen: SeenIds, style: RomanStyle) -> AnalyzedBlock:
    """Refuse the songs whose id an earlier block had; numbers of rows are ids within their source alone."""
    songs = analyzed.harmony.songs
    repeated = seen.repeated(songs["id"]) if block.source.has_ids else None
    if repeated is None:
        return analyzed
    refused = songs.filter(repeated).with_columns(problem=pl.lit("duplicate id"))
    kept = songs.filter(~repeated)
    harmony = analyzed.harmony
    return replace(
        analyzed,
        harmony=replace(harmony, songs=kept),
        rejects=pl.concat([analyzed.rejects, song_rejects(block.source, refused)]).sort("line"),
        lines=write_data3(kept, harmony.vocabulary, harmony.numerals.texts, analyzed.buffer, style),
    )
