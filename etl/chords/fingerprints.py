"""Harmonic fingerprints: each chord as twelve role weights, written out for the data3 CSV."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from etl.chords.vocabulary import QUALITY_WEIGHTS, Kind, Vocabulary

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


@lru_cache(maxsize=2048)
def _vector_text(root: int, quality: int) -> str:
    weights: NDArray[np.float64] = QUALITY_WEIGHTS[quality]
    return ",".join(f"{weights[(pc - root) % 12]:.3f}" for pc in range(12))
