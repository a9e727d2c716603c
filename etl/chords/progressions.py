"""Chord progressions as numbers: equal hashes mean equal progressions, as they stand or in any key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.chords.ragged import Ragged

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def progression_hashes(
    chords: Ragged, roots: NDArray[np.int64], qualities: NDArray[np.int64], basses: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash each song's chord progression, as it stands and transposed to a common root.

    Enharmonic spellings are the same chord. An unknown token equals only itself. With 64 bits, the chance
    that any two of a million different progressions collide is below one in ten million.

    Parameters
    ----------
    chords
        Chord ids of N songs, each with at least one known chord.
    roots, basses
        Pitch class of each chord id, (V,), 0-11; -1 where unknown.
    qualities
        Number of the quality of each chord id, (V,); where unknown, a number that no other chord has.

    Returns
    -------
    as_is, transposed
        (N,) each; equal values mean equal progressions. The second is relative to the first known root.
    """
    root, bass, quality = roots[chords.values], basses[chords.values], qualities[chords.values]
    known = root >= 0
    before = np.concatenate(([0], np.cumsum(known)))
    first_known = np.flatnonzero(known)[before[chords.offsets[:-1]]]
    home = root[np.repeat(first_known, chords.lengths)]

    def hashed(root: NDArray[np.int64], bass: NDArray[np.int64]) -> NDArray[np.uint64]:
        return mixed_rows(chords.with_values(np.where(known, quality * 144 + root * 12 + bass, -1 - quality)))

    return hashed(root, bass), hashed((root - home) % 12, (bass - home) % 12)


def mixed_rows(rows: Ragged) -> NDArray[np.uint64]:
    """Hash each row of whole numbers, (N,); the order of the values counts, and an empty row is 0."""
    position = np.arange(len(rows.values)) - np.repeat(rows.offsets[:-1], rows.lengths)
    codes = rows.values.astype(np.uint64)
    mixed = _mixed(codes * _GOLDEN + _mixed(position.astype(np.uint64)))
    hashes = np.zeros(rows.rows, np.uint64)
    has_values = rows.lengths > 0
    if has_values.any():
        hashes[has_values] = np.add.reduceat(mixed, rows.offsets[:-1][has_values])
    return hashes


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit values: the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    values = values + _GOLDEN
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
