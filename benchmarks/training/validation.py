"""What the fits share: folds to cross-validate with, and the option to check the weights that ship."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 6


def folds(count: int, seed: int) -> NDArray[np.int64]:
    """Deal items to `FOLDS` folds, (count,)."""
    dealt: NDArray[np.int64] = np.random.default_rng(seed).permutation(count) % FOLDS
    return dealt


def is_check(description: str | None) -> bool:
    """Read the command line: ``--check`` or nothing."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare with the weights that ship")
    return bool(parser.parse_args().check)
