"""Ways of scaling the columns of matrices; to name one takes no numpy."""

from __future__ import annotations

from enum import StrEnum


class Normalization(StrEnum):
    """How the columns of the matrices are scaled."""

    NONE = "none"
    ROBUST = "robust"
    ZSCORE = "zscore"
    L2 = "l2"
    PCA = "pca"
