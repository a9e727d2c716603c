"""The vocabulary of a batch: every distinct token parsed once, its properties as arrays to look up."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.chords.glossary import Glossary
from etl.chords.symbols import Kind
from etl.music.qualities import QUALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

QUALITY_PITCH_CLASSES: Final[NDArray[np.int32]] = np.array(
    [[pc in quality.pitch_classes for pc in range(12)] for quality in QUALITIES], dtype=np.int32
)
"""Pitch classes of each quality over root 0, (Q, 12), 0 or 1."""

QUALITY_WEIGHTS: Final[NDArray[np.float64]] = np.array([quality.weights for quality in QUALITIES])
"""Fingerprint of each quality over root 0, (Q, 12), rows sum to 1."""


@dataclass(frozen=True)
class Vocabulary:
    """Distinct tokens of a batch of songs, in order of first appearance.

    Attributes
    ----------
    texts
        The tokens, V of them.
    glossary
        Where they are looked up; shared by the batches of a build.
    kinds
        :class:`~etl.chords.symbols.Kind` of each token, (V,).
    roots, basses
        Pitch classes of each token, (V,); -1 where it is no chord.
    qualities
        Quality index of each token, (V,); -1 where it is no chord.
    letters
        Index of the root's letter in :data:`~etl.chords.symbols.LETTERS`, (V,); -1 where it is no chord.
    """

    texts: Sequence[str]
    glossary: Glossary = field(default_factory=Glossary, repr=False, compare=False)
    kinds: NDArray[np.int16] = field(init=False)
    roots: NDArray[np.int16] = field(init=False)
    basses: NDArray[np.int16] = field(init=False)
    qualities: NDArray[np.int16] = field(init=False)
    letters: NDArray[np.int16] = field(init=False)

    def __post_init__(self) -> None:
        rows = [self.glossary.properties(text) for text in self.texts]
        columns = np.array(rows, dtype=np.int16).reshape(-1, 5).T.copy()
        for name, values in zip(("kinds", "roots", "basses", "qualities", "letters"), columns, strict=True):
            object.__setattr__(self, name, values)

    @cached_property
    def pitch_classes(self) -> NDArray[np.int32]:
        """Pitch classes of each token, (V, 12), 0 or 1; zeros where it is no chord. The bass is ignored."""
        return self._over_roots(QUALITY_PITCH_CLASSES)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Harmonic fingerprint of each token, (V, 12); zeros where it is no chord."""
        return self._over_roots(QUALITY_WEIGHTS)

    def _over_roots(self, by_quality: NDArray[Any]) -> NDArray[Any]:
        """Rotate each token's row of a (Q, 12) table to the token's root."""
        columns = (np.arange(12) - self.roots[:, None]) % 12
        rotated: NDArray[Any] = by_quality[self.qualities[:, None], columns]
        rotated[self.kinds != Kind.CHORD] = 0
        return rotated
