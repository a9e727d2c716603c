"""Genres as matrices for machine learning: sparse, raw and smoothed, and parents by themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from scipy import sparse

import etl
from etl.exports.npz_file import write_npz
from etl.genres.vectors import near_matrix, parents_matrix, smoothed
from etl.runtime.disk.files import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from etl.genres.vocabulary import Vocabulary

_ARRAYS: Final = {
    "ids": "one id per row",
    "genre_vocab": "one genre per column",
    "X_genre_raw_*": "weights as tagged, CSR: data, indices, indptr",
    "X_genre_smoothed_*": "rows of length 1 that also hold near genres, CSR; empty for items without genres",
    "parents_*": "what each genre is a kind of, directly or not: genre_vocab by parent_vocab",
}


def write_genre_vectors(
    pairs: pl.DataFrame, similar: pl.DataFrame, vocabulary: Vocabulary, target: Path, *, item: str
) -> tuple[int, int]:
    """Write matrices that load with ``allow_pickle=False``.

    The file holds ``ids`` (N,), ``genre_vocab`` (G,), ``parent_vocab`` (P,), and for each of ``X_genre_raw``,
    ``X_genre_smoothed`` (N, G) and ``parents`` (G, P) the float32 ``_data``, the int32 ``_indices`` and the
    int64 ``_indptr`` of a CSR matrix; ``manifest`` is JSON.

    Parameters
    ----------
    pairs
        ``id``, ``name``, ``weight``.
    similar
        Near genres: ``a``, ``b``, ``weight``.
    vocabulary
        Knows parents.
    target
        The file.
    item
        What a row is, for the manifest.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    ids, names = pairs["id"].unique().sort(), pairs["name"].unique().sort()
    row = pairs["id"].replace_strict(ids, np.arange(ids.len()), return_dtype=pl.Int64)
    column = pairs["name"].replace_strict(names, np.arange(names.len()), return_dtype=pl.Int64)
    weights = pairs["weight"].to_numpy().astype(np.float32)
    shape = (ids.len(), names.len())
    raw = sparse.csr_array((weights, (row.to_numpy(), column.to_numpy())), shape=shape)
    parents, parent_names = parents_matrix(names.to_list(), vocabulary)
    matrices = {
        "X_genre_raw": raw,
        "X_genre_smoothed": smoothed(raw, near_matrix(similar, names.to_list())),
        "parents": parents,
    }
    manifest = {"made_by": f"music-etl {etl.__version__}", "rows": item, "arrays": _ARRAYS}
    parts: dict[str, Any] = {
        f"{name}_{part}": array
        for name, matrix in matrices.items()
        for part, array in (
            ("data", matrix.data.astype(np.float32)),
            ("indices", matrix.indices.astype(np.int32)),
            ("indptr", matrix.indptr.astype(np.int64)),
        )
    }
    texts = {"ids": ids.to_list(), "genre_vocab": names.to_list(), "parent_vocab": parent_names}
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        write_npz(
            file,
            {name: np.array(values, dtype=np.str_) for name, values in texts.items()}
            | parts
            | {"manifest": np.array(json.dumps(manifest))},
        )
    return shape
