"""The vocabulary of a batch: every distinct token parsed once, its properties as arrays to look up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.chords.symbols import QUALITIES, ChordSymbol, parse_chord, parse_section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

QUALITY_PITCH_CLASSES: Final[NDArray[np.int32]] = np.array(
    [[pc in quality.pitch_classes for pc in range(12)] for quality in QUALITIES], dtype=np.int32
)
"""Pitch classes of each quality over root 0, (157, 12), 0 or 1."""

QUALITY_WEIGHTS: Final[NDArray[np.float64]] = np.array([quality.weights for quality in QUALITIES])
"""Fingerprint of each quality over root 0, (157, 12), rows sum to 1."""


class Kind(IntEnum):
    """What a token is."""

    CHORD = 0
    UNKNOWN = 1
    SECTION = 2


@dataclass(frozen=True)
class Vocabulary:
    """Distinct tokens of a batch of songs, in order of first appearance.

    Attributes
    ----------
    texts
        The tokens, V of them.
    """

    texts: Sequence[str]

    @cached_property
    def chords(self) -> list[ChordSymbol | None]:
        """Parsed symbol of each token; None for section tags and unknown tokens."""
        return [parse_chord(text) for text in self.texts]

    @cached_property
    def kinds(self) -> NDArray[np.int8]:
        """:class:`Kind` of each token, (V,)."""
        return np.array(
            [
                Kind.CHORD if chord else Kind.SECTION if parse_section(text) else Kind.UNKNOWN
                for text, chord in zip(self.texts, self.chords, strict=True)
            ],
            dtype=np.int8,
        )

    @cached_property
    def roots(self) -> NDArray[np.int8]:
        """Root pitch class of each token, (V,); -1 where it is no chord."""
        return np.array([chord.root_pc if chord else -1 for chord in self.chords], dtype=np.int8)

    @cached_property
    def basses(self) -> NDArray[np.int8]:
        """Bass pitch class of each token, (V,); -1 where it is no chord."""
        return np.array([chord.bass_pc if chord else -1 for chord in self.chords], dtype=np.int8)

    @cached_property
    def qualities(self) -> NDArray[np.int16]:
        """Quality index of each token, (V,); -1 where it is no chord."""
        return np.array([chord.quality.index if chord else -1 for chord in self.chords], dtype=np.int16)

    @cached_property
    def pitch_classes(self) -> NDArray[np.int32]:
        """Pitch classes of each token, (V, 12), 0 or 1; zeros where it is no chord. The bass is ignored."""
        return self._over_roots(QUALITY_PITCH_CLASSES)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Harmonic fingerprint of each token, (V, 12); zeros where it is no chord."""
        return self._over_roots(QUALITY_WEIGHTS)

    def _over_roots(self, by_quality: NDArray[Any]) -> NDArray[Any]:
        """Rotate each token's row of a (157, 12) table to the token's root."""
        columns = (np.arange(12) - self.roots[:, None]) % 12
        rotated: NDArray[Any] = by_quality[self.qualities[:, None], columns]
        rotated[self.kinds != Kind.CHORD] = 0
        return rotated
