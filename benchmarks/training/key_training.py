"""Fit the trained key finder: penalised maximum likelihood over songs in all twelve transpositions.

Each feature group has a Gaussian prior around zero. So that rare chords and the fewer minor songs learn from
the others, a weight is a sum of parts, each with its own prior: the feature in its mode, the feature in both
modes, and (but for single chords) the same two for the feature's roots alone, whatever the qualities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp

from etl.chords.key_counts import key_features
from etl.chords.key_features import GROUP_SIZES, HALVES, STATES
from etl.chords.key_model import WEIGHT_UNIT, KeyModel, rotation, softmax
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind
from etl.chords.tokens import tokenize
from etl.music.keys import KEY_INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary

_PRIOR_SD: Final = {
    "chords": 2.0,
    "moves": 2.0,
    "first": 0.25,
    "last": 0.25,
    "section_first": 0.5,
    "section_last": 0.5,
    "section_final_move": 0.5,
}
_SHARED_SD: Final = 0.5  # of the part that both modes share, relative to the part of one mode


@dataclass(frozen=True)
class Examples:
    """Songs whose key is known.

    Attributes
    ----------
    tokens, vocabulary
        The songs, N rows.
    keys
        Shape (N,), 0-23.
    """

    tokens: Ragged
    vocabulary: Vocabulary
    keys: NDArray[np.int64]

    @classmethod
    def of(cls, songs: pl.DataFrame) -> Examples:
        """Read songs from their ``chords`` and the name of their ``key``, such as ``F# Minor``."""
        tokens, vocabulary = tokenize(songs["chords"])
        keys = songs["key"].replace_strict(KEY_INDEX, return_dtype=pl.Int64).to_numpy()
        return cls(Ragged.from_series(tokens), vocabulary, keys)

    def take(self, mask: NDArray[np.bool_]) -> Examples:
        """Keep the songs that ``mask`` (N,) names."""
        of_value = mask[self.tokens.row_of_value]
        offsets = np.concatenate(([0], np.cumsum(self.tokens.lengths[mask])))
        return Examples(Ragged(self.tokens.values[of_value], offsets), self.vocabulary, self.keys[mask])

    def untagged(self) -> Examples:
        """Drop the section tags."""
        is_tag = (self.vocabulary.kinds == Kind.SECTION)[self.tokens.values]
        return Examples(self.tokens.where(~is_tag), self.vocabulary, self.keys)


def fit(examples: Examples) -> KeyModel:
    """Fit the weights to songs and to their copies without section tags.

    Parameters
    ----------
    examples
        Songs with a known key.

    Returns
    -------
    KeyModel
        At temperature 1. The penalised likelihood has one maximum, which is found to well within the unit
        of the weights; another machine's arithmetic may move single weights by that unit.
    """
    copies = (examples, examples.untagged())
    keys = np.concatenate([copy.keys for copy in copies])
    designs = [_design(copy) for copy in copies]
    parts = _parts()
    # One block of rows for each tonic, as scores are (tonic, song, mode).
    stacked = sparse.vstack([design[tonic] for tonic in range(12) for design in designs], format="csr")
    design = sparse.csr_array(stacked @ parts)
    transposed = sparse.csr_array(design.T)
    songs, features = len(keys), design.shape[1]
    rows = np.arange(songs)

    def weights_of(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        by_mode, shared = np.split(parameters, [2 * features])
        return by_mode.reshape(features, 2) + _SHARED_SD * shared[:, None]

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = (design @ weights_of(parameters)).reshape(12, songs, 2)
        logits = scores.transpose(1, 2, 0).reshape(songs, 24)
        normaliser = logsumexp(logits, axis=1)
        excess = np.exp(logits - normaliser[:, None])
        excess[rows, keys] -= 1
        slope = transposed @ excess.reshape(songs, 2, 12).transpose(2, 0, 1).reshape(12 * songs, 2)
        gradient = np.concatenate([slope.ravel(), _SHARED_SD * slope.sum(axis=1)])
        value = (normaliser - logits[rows, keys]).sum() + 0.5 * parameters @ parameters
        return float(value), gradient + parameters

    found = minimize(
        loss,
        np.zeros(3 * features),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxcor": 30, "gtol": 1e-6, "ftol": 1e-15},
    )
    weights = parts @ weights_of(found.x)
    return KeyModel(np.round(weights / WEIGHT_UNIT).astype(np.int16))


def _design(examples: Examples) -> list[sparse.csr_array[Any]]:
    """Feature shares as seen from each tonic: 12 matrices (N, F)."""
    groups = key_features(examples.tokens, examples.vocabulary)
    shares = {group: sparse.coo_array(features.shares()) for group, features in groups.items()}
    return [
        sparse.csr_array(
            sparse.hstack(
                [
                    sparse.csr_array(
                        (share.data, (share.coords[0], rotation(share.shape[1])[tonic][share.coords[1]])),
                        shape=share.shape,
                    )
                    for share in shares.values()
                ]
            )
        )
        for tonic in range(12)
    ]


def _parts() -> sparse.csr_array[Any]:
    """How a feature's weight is made of parts with unit priors, (F, parts)."""
    fine = [_PRIOR_SD[group] * sparse.eye_array(size) for group, size in GROUP_SIZES.items()]
    coarse = [
        sparse.csr_array((size, 0)) if group == "chords" else _PRIOR_SD[group] * _roots_alone(size)
        for group, size in GROUP_SIZES.items()
    ]
    return sparse.csr_array(sparse.hstack([sparse.block_diag(fine), sparse.block_diag(coarse)]))


def _roots_alone(size: int) -> sparse.csr_array[Any]:
    """Which roots each feature has, whatever the qualities: (size, 12) for states, (size, 144) for moves."""
    feature = np.arange(size)
    if size == STATES:
        roots, kinds = feature // (STATES // 12), 12
    else:
        classes = HALVES // 12
        roots, kinds = feature // HALVES // classes * 12 + feature % HALVES // classes, 144
    return sparse.csr_array((np.ones(size), (feature, roots)), shape=(size, kinds))


def held_out_logits(
    examples: Examples, folds: NDArray[np.int64], fitted: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of each song, and without its section tags, by a model fitted to the other folds: (N, 24) each.

    Parameters
    ----------
    examples
        N songs.
    folds
        Shape (N,), as `title_folds` gives them.
    fitted
        Shape (N,): the songs that models are fitted to, all by default.
    """
    fitted = np.ones(len(folds), np.bool_) if fitted is None else fitted
    tagged, untagged = np.zeros((2, len(folds), 24))
    for fold in np.unique(folds):
        model, held_out = fit(examples.take(fitted & (folds != fold))), examples.take(folds == fold)
        tagged[folds == fold] = model.logits(held_out.tokens, held_out.vocabulary)
        untagged[folds == fold] = model.logits(held_out.untagged().tokens, held_out.vocabulary)
    return tagged, untagged


def fit_temperature(logits: NDArray[np.float64], keys: NDArray[np.int64]) -> float:
    """Temperature that makes the posterior of held-out songs most likely, to two decimals.

    Parameters
    ----------
    logits
        Shape (N, 24), at temperature 1, each from a model that has not seen the song.
    keys
        Shape (N,), 0-23.
    """
    candidates = np.arange(50, 501) / 100
    rows = np.arange(len(keys))
    losses = [-np.log(softmax(logits / t)[rows, keys]).sum() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def title_folds(titles: Sequence[str], folds: int = 5) -> NDArray[np.int64]:
    """Fold of each song, (N,): by title, so that versions of a song share one; the same on every run."""
    plain = ["".join(filter(str.isalnum, title.lower())) for title in titles]
    order = {title: position % folds for position, title in enumerate(sorted(set(plain)))}
    return np.array([order[title] for title in plain])
