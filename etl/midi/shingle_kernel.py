"""Compiled: the smallest hashes of all shingles of files. See :mod:`etl.midi.shingles`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.runtime.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS: Final = 12  # a quarter note
_LONGEST: Final = 96  # steps: a longer rest is as good as any
_GOLDEN: Final = 0x9E3779B97F4A7C15
_KEPT: Final = 1024  # places for shingles of a file that have been taken note of


@inlined
def _mixed(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@inlined
def _close(
    state: NDArray[Any],
    room: int,
    seeds: NDArray[Any],
    noted: NDArray[Any],
    found: NDArray[Any],
    file: int,
) -> None:
    """End an onset of a part, and take note of the shingle that ends with it.

    The row ``room`` of ``state`` holds 0 the step and 1 the top note (from 1; drums 128) of the onset at
    hand, 2 its width or its drums; 3 how many onsets there were, 4 and 5 step and top of the last; 6 and 7
    the last two movements. ``noted`` holds shingles of the file: what comes again changes nothing.
    """
    step = 0
    if state[room, 3] > 0:
        apart = min(state[room, 0] - state[room, 4], _LONGEST)
        step = (apart * 256 + (state[room, 1] - state[room, 5] + 128)) * 4096 + state[room, 2] + 1
        if state[room, 3] >= 3:
            shingle = np.uint64(state[room, 6]) * np.uint64(_GOLDEN)
            shingle = _mixed(shingle ^ np.uint64(state[room, 7])) * np.uint64(_GOLDEN)
            shingle = _mixed(shingle ^ np.uint64(step))
            kept = shingle & np.uint64(_KEPT - 1)
            if noted[kept] != shingle:
                noted[kept] = shingle
                for place in range(seeds.shape[0]):
                    value = ((shingle * seeds[place]) >> np.uint64(32)) & np.uint64(0xFFFFFFFF)
                    found[file, place] = min(found[file, place], value)
    state[room, 6] = state[room, 7]
    state[room, 7] = step
    state[room, 4] = state[room, 0]
    state[room, 5] = state[room, 1]
    state[room, 3] += 1


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
    noted = np.empty(_KEPT, np.uint64)
    for file in range(files.shape[0]):
        noted[:] = 0  # as good as no shingle: one of 0 would leave its 0 out once in 2 ** 64
        count = 0
        division = max(1, files[file].division)
        for index in range(offsets[file], offsets[file + 1]):
            note = notes[index]
            room = note.track * 16 + note.channel
            tick = (note.start_tick * _STEPS + division // 2) // division
            pitch = np.int64(note.pitch)
            fresh = state[room, 1] == 0
            if fresh:
                used[count] = room
                count += 1
            elif tick != state[room, 0]:
                _close(state, room, seeds, noted, found, file)
                fresh = True
            if fresh:
                state[room, 0] = tick
                state[room, 1] = 128 if note.drum else pitch + 1
                state[room, 2] = 0
            if note.drum:
                state[room, 2] = (state[room, 2] | (1 << (pitch % 12))) & 4095
            elif pitch + 1 > state[room, 1]:
                state[room, 2] = min(state[room, 2] + pitch + 1 - state[room, 1], 127)
                state[room, 1] = pitch + 1
            else:
                state[room, 2] = max(state[room, 2], min(state[room, 1] - pitch - 1, 127))
        for place in range(count):
            room = used[place]
            _close(state, room, seeds, noted, found, file)
            for part in range(state.shape[1]):
                state[room, part] = 0
