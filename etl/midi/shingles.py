"""A short signature of the notes of a file, by which copies that differ a little are found.

The notes of each part are a row of onsets. Four onsets in a row make a shingle: how far apart they are, in
twelfths of a quarter note, how far the highest note moves from one to the next, and how wide each one is.
So a shingle stays the same where music is transposed, played at another tempo or resolution, named or sorted
into tracks anew; drum parts have the notes themselves in place of intervals. The signature is the smallest
of the shingles under each of 128 hash functions [1]_: the share of places in which two files agree is about
the share of shingles that they have in common, of those of both.

References
----------
.. [1] Broder, "On the resemblance and containment of documents", 1997.
.. [2] Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014 (the mixing function).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from etl.midi.shingle_kernel import sign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

HASHES: Final = 128
EMPTY: Final = 0xFFFFFFFF
"""In every place of the signature of a file without shingles."""


def signatures(batch: MidiBatch) -> NDArray[np.uint32]:
    """Give the signature of each file.

    Parameters
    ----------
    batch
        Parsed files, drum parts flagged.

    Returns
    -------
    ndarray
        Shape (files, 128), uint32.
    """
    found = np.full((len(batch.files), HASHES), EMPTY, np.uint32)
    seeds = np.random.default_rng(16).integers(1, 1 << 62, HASHES, dtype=np.uint64) | np.uint64(1)
    rooms = 16 * (int(batch.files["tracks"].max(initial=0)) + 1)
    state = np.zeros((rooms, 8), np.int64)
    sign(batch.files, batch.notes, batch.note_offsets, seeds, state, np.zeros(rooms, np.int64), found)
    return found
