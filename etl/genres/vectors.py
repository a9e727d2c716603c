"""Genres of tracks as vectors: as they are tagged, and smoothed over near genres.

Raw rows hold the weights of a track's genres. Smoothed rows also hold what is near to them, so that two
tracks whose tags differ (*dub* and *reggae*) can be compared; where tracks share tags, ranking by likeness
gains next to nothing from it (mean average precision for the same artist 0.110 against 0.107).

Parents inferred from the vocabulary are no part of either: with them everything becomes alike (cosine of
random pairs 0.42 against 0.12). They are a matrix of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from etl.genres.vocabulary import Vocabulary

SMOOTHING: Final = 0.3
"""Share that a near genre gets of a genre's weight, times their similarity."""


def near_matrix(pairs: pl.DataFrame, names: Sequence[str]) -> sparse.csr_array:
    """Make a symmetric matrix of similar genres.

    Parameters
    ----------
    pairs
        ``a``, ``b``, ``weight`` as :func:`etl.genres.similarity.genre_similarity` gives them; pairs of other
        names are left out.
    names
        Of rows and columns.

    Returns
    -------
    csr_array
        ``(G, G)`` float32, 0 on the diagonal.
    """
    number = {name: position for position, name in enumerate(names)}
    known = [
        (number[a], number[b], weight)
        for a, b, weight in pairs.select("a", "b", "weight").iter_rows()
        if a in number and b in number
    ]
    rows, columns, weights = (
        np.array([pair[part] for pair in known], dtype)
        for part, dtype in enumerate((np.int64, np.int64, np.float32))
    )
    half = sparse.csr_array((weights, (rows, columns)), shape=(len(names), len(names)))
    return sparse.csr_array(half + half.T)


def smoothed(raw: sparse.csr_array, near: sparse.csr_array, *, share: float = SMOOTHING) -> sparse.csr_array:
    """Spread the weights of genres over near ones: rows of ``raw @ idf @ (I + share * near)``, of length 1.

    Parameters
    ----------
    raw
        ``(N, G)`` weights from 0.
    near
        ``(G, G)``, see :func:`near_matrix`.
    share
        How much goes over.

    Returns
    -------
    csr_array
        ``(N, G)`` float32, column numbers of a row in no order; a row without genres stays empty.

    Examples
    --------
    >>> raw = sparse.csr_array(np.array([[1, 0], [0, 1]], np.float32))
    >>> near = sparse.csr_array(np.array([[0, 1], [1, 0]], np.float32))
    >>> smoothed(raw, near, share=0.75).toarray().round(3).tolist()
    [[0.800000011920929, 0.6000000238418579], [0.6000000238418579, 0.800000011920929]]
    """
    items = raw.shape[0]
    counts = np.bincount(raw.indices, minlength=raw.shape[1])
    idf = np.log((1 + items) / (1 + counts)).astype(np.float32) + np.float32(1)
    spread = sparse.eye_array(raw.shape[1], dtype=np.float32, format="csr") + np.float32(share) * near
    # Columns stay in the order in which the product meets them: sorting would take as long as the product.
    vectors = sparse.csr_array(
        raw.astype(np.float32, copy=False) @ (sparse.diags_array(idf) @ spread).astype(np.float32)
    )
    filled = np.diff(vectors.indptr) > 0
    squares = np.add.reduceat(vectors.data**2, vectors.indptr[:-1][filled]) if filled.any() else np.empty(0)
    vectors.data /= np.repeat(np.sqrt(squares).astype(np.float32), np.diff(vectors.indptr)[filled])
    return vectors


def parents_matrix(names: Sequence[str], vocabulary: Vocabulary) -> tuple[sparse.csr_array, list[str]]:
    """Say what each genre is a kind of, directly or not.

    Returns
    -------
    matrix : csr_array
        ``(G, P)`` float32 of 0 and 1.
    parents : list of str
        Names of its columns, in alphabetical order.
    """
    ancestors = [vocabulary.ancestors(name) for name in names]
    parents = sorted(set[str]().union(*ancestors))
    number = {name: position for position, name in enumerate(parents)}
    columns = [sorted(number[parent] for parent in above) for above in ancestors]
    indptr = np.cumsum([0, *map(len, columns)])
    indices = np.array([column for row in columns for column in row], np.int32)
    data = np.ones(indices.size, np.float32)
    return sparse.csr_array((data, indices, indptr), shape=(len(names), len(parents))), parents
