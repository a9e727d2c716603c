"""Pattern files of the Akai MPC and Force: notes as JSON, 960 ticks to a quarter.

An MPC opens a ``.mid`` as a whole new sequence; a pattern goes into the track in use. The format is not
published. What independent descriptions of it agree on is written here, and no more: an object ``pattern``
with a ``length``, in all files described the largest 64-bit number, which stands for no limit, and ``events``
with ``type``, ``time``, ``len``, ``1``, ``2``, ``3``, ``mod`` and ``modVal``. A note is an event with its
pitch in ``1`` and its velocity, from 0 to 1, in ``2``. Descriptions contradict one another in the type of a
note (2; others have seen 2050 in files of newer firmware, or an object ``note``) and in what comes before
the notes: converters whose files are reported to load write three events of type 1. Both are done here as
these converters do. No device was at hand.

References
----------
.. [1] The web converter Midian by Fentonia, and github.com/dojevou/midi-software-center, which compared its
   own files with Midian's and with commercial ones, and reports that they play on a Force (2025).
.. [2] The inspector of MPC files in the package acidcat: the same outer form, and both kinds of notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

TICKS: Final = 960
"""Of a quarter note."""
ENDLESS: Final = 2**63 - 1
_HIGHEST_VELOCITY: Final = 127
# Type 1, with what converters write in the fields 1 and 2.
_HEAD: Final = ((0, 0.0), (32, 0.0), (130, 0.787401556968689))
_EVENT: Final = '{"type":%d,"time":%d,"len":%d,"1":%d,"2":%s,"3":0,"mod":0,"modVal":%s}'


def mpc_pattern(notes: NDArray[Any], division: int) -> bytes:
    """Write notes as a pattern.

    Parameters
    ----------
    notes
        `etl.midi.arrays.NOTE` records, by start.
    division
        Their ticks to a quarter.

    Returns
    -------
    bytes
        JSON, as ``schemas/metadata/mpc_pattern.json`` describes it. A note lasts one tick at least.
    """
    starts = (notes["start_tick"] * TICKS + division // 2) // division
    ends = (notes["end_tick"] * TICKS + division // 2) // division
    lengths = (ends - starts).clip(1)
    velocities = [repr(round(number / _HIGHEST_VELOCITY, 6)) for number in range(128)]
    events = [_EVENT % (1, 0, 0, first, second, "0.0") for first, second in _HEAD]
    events += [
        _EVENT % (2, start, length, pitch, velocities[velocity], "0.5")
        for start, length, pitch, velocity in zip(
            starts.tolist(),
            lengths.tolist(),
            notes["pitch"].tolist(),
            notes["velocity"].tolist(),
            strict=True,
        )
    ]
    lines = ",\n".join(events)
    return f'{{"pattern":{{"length":{ENDLESS},"events":[\n{lines}\n]}}}}\n'.encode()
