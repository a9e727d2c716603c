"""Harmonic fingerprints: each chord as twelve role weights, written out for the data3 CSV."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from etl.chords.symbols import Kind
from etl.chords.vocabulary import QUALITY_WEIGHTS, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNKNOWN_TEXT: Final = ",".join(["0.083"] * 12)


def fingerprint_texts(vocabulary: Vocabulary) -> list[str]:
    """Fingerprint text of each token: its vector, the tag itself, or twelve times 0.083."""
    return [
        _vector_text(root, quality) if quality >= 0 else text if kind == Kind.SECTION else _UNKNOWN_TEXT
        for text, kind, root, quality in zip(
            vocabulary.texts,
            vocabulary.kinds.tolist(),
            vocabulary.roots.tolist(),
            vocabulary.qualities.tolist(),
            strict=True,
        )
    ]


@cache  # 12 roots, 157 qualities
def _vector_text(root: int, quality: int) -> str:
    weights: NDArray[np.float64] = QUALITY_WEIGHTS[quality]
    return ",".join(f"{weights[(pc - root) % 12]:.3f}" for pc in range(12))
