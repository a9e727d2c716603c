"""Compiled: the notes of a file by their starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def by_start(read: NDArray[Any], count: int, notes: NDArray[Any], first: int) -> None:
    """``notes[first : first + count]`` become the first ``count`` notes read, by start, ties as they are.

    Each track is in order already, so that tracks are merged two by two.
    """
    ticks, order = np.empty(count, np.int64), np.arange(count)
    merged_ticks, merged_order = np.empty(count, np.int64), np.empty(count, np.int64)
    ends = np.empty(count, np.int64)  # of the stretches that are in order
    stretches = 0
    for note in range(count):
        ticks[note] = read[note].start_tick
        if note > 0 and ticks[note] < ticks[note - 1]:
            ends[stretches] = note
            stretches += 1
    if count > 0:
        ends[stretches] = count
        stretches += 1
    while stretches > 1:
        begin, kept = 0, 0
        for stretch in range(0, stretches, 2):
            middle = ends[stretch]
            end = ends[min(stretch + 1, stretches - 1)]
            early, late, at = begin, middle, begin
            while early < middle and late < end:
                is_late = ticks[late] < ticks[early]
                chosen = late if is_late else early
                merged_ticks[at], merged_order[at] = ticks[chosen], order[chosen]
                late += is_late
                early += not is_late
                at += 1
            rest = early if early < middle else late
            for place in range(at, end):
                chosen = rest + place - at
                merged_ticks[place], merged_order[place] = ticks[chosen], order[chosen]
            ends[kept] = begin = end
            kept += 1
        stretches = kept
        ticks, merged_ticks = merged_ticks, ticks
        order, merged_order = merged_order, order
    for place in range(count):
        notes[first + place] = read[order[place]]
