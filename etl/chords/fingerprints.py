"""Harmonic fingerprints: each chord as twelve role weights, written out for the data3 CSV."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa

from etl.chords.ragged import Ragged
from etl.chords.vocabulary import QUALITY_WEIGHTS, Kind, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNKNOWN_TEXT: Final = ",".join(["0.083"] * 12)


def with_fingerprint(songs: pl.LazyFrame, vocabulary: Vocabulary) -> pl.LazyFrame:
    """Add the fingerprint text of each song.

    Parameters
    ----------
    songs
        Needs ``tokens: list[i32]``, ids into ``vocabulary``.
    vocabulary
        The distinct tokens of the batch.

    Returns
    -------
    LazyFrame
        ``songs`` with ``harmonic_fingerprint: str``: for each chord twelve weights with three decimals, C
        first, comma separated; chords joined by ``|``; section tags in their place.
    """
    texts = pa.array(fingerprint_texts(vocabulary), pa.large_string())
    return songs.with_columns(
        pl.col("tokens")
        .map_batches(
            lambda tokens: Ragged.from_series(tokens).joined(texts, "|"),
            return_dtype=pl.String,
            is_elementwise=True,
        )
        .alias("harmonic_fingerprint")
    )


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
