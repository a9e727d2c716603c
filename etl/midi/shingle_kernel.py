"""Compiled: the smallest hashes of all shingles of files. See :mod:`etl.midi.shingles`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS: Final = 12  # a quarter note
_LONGEST: Final = 96  # steps: a longer rest is as good as any
_GOLDEN: Final = 0x9E3779B97F4A7C15


@kernel
def _mixed(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def _close(part: NDArray[Any], seeds: NDArray[Any], signature: NDArray[Any]) -> None:
    """End an onset of a part, and take note of the shingle that ends with it.

    ``part`` holds 0 the step and 1 the top note (from 1; drums 128) of the onset at hand, 2 its width or its
    drums; 3 how many onsets there were, 4 and 5 step and top of the last; 6 and 7 the last two movements.
    """
    step = 0
    if part[3] > 0:
        apart = min(part[0] - part[4], _LONGEST)
        step = (apart * 256 + (part[1] - part[5] + 128)) * 4096 + part[2] + 1
        if part[3] >= 3:
            shingle = np.uint64(part[6]) * np.uint64(_GOLDEN)
            shingle = _mixed(shingle ^ np.uint64(part[7])) * np.uint64(_GOLDEN)
            shingle = _mixed(shingle ^ np.uint64(step))
            for place in range(seeds.shape[0]):
                value = ((shingle * seeds[place]) >> np.uint64(32)) & np.uint64(0xFFFFFFFF)
                signature[place] = min(signature[place], value)
    part[6] = part[7]
    part[7] = step
    part[4] = part[0]
    part[5] = part[1]
    part[3] += 1


@kernel
def sign(
    files: NDArray[Any],
    notes: NDArray[Any],
    offsets: NDArray[Any],
    seeds: NDArray[Any],
    state: NDArray[Any],
    used: NDArray[Any],
    found: NDArray[Any],
) -> None:
    """Fill in the signatures of files; ``state`` has zeros for each track and channel, and is left so."""
    for file in range(files.shape[0]):
        count = 0
        division = max(1, files[file].division)
        for index in range(offsets[file], offsets[file + 1]):
            note = notes[index]
            room = note.track * 16 + note.channel
            tick = (note.start_tick * _STEPS + division // 2) // division
            part = state[room]
            pitch = np.int64(note.pitch)
            fresh = part[1] == 0
            if fresh:
                used[count] = room
                count += 1
            elif tick != part[0]:
                _close(part, seeds, found[file])
                fresh = True
            if fresh:
                part[0] = tick
                part[1] = 128 if note.drum else pitch + 1
                part[2] = 0
            if note.drum:
                part[2] = (part[2] | (1 << (pitch % 12))) & 4095
            elif pitch + 1 > part[1]:
                part[2] = min(part[2] + pitch + 1 - part[1], 127)
                part[1] = pitch + 1
            else:
                part[2] = max(part[2], min(part[1] - pitch - 1, 127))
        for place in range(count):
            room = used[place]
            _close(state[room], seeds, found[file])
            state[room][:] = 0
