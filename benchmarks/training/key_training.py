"""Fit the trained key finder: penalised maximum likelihood over songs in all twelve transpositions.

Each feature group has a Gaussian prior around zero. So that rare chords and the fewer minor songs learn from
the others, a weight is a sum of parts, each with its own prior: the feature in its mode, the feature in both
modes, and (but for single chords) the same two for the feature's roots alone, whatever the qualities.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from etl.chords.glossary import Glossary
from etl.chords.key_counts import key_features
from etl.chords.key_features import GROUP_SIZES, HALVES, STATES
from etl.chords.key_model import WEIGHT_UNIT, KeyModel, rotation
from etl.chords.keys import chord_counts
from etl.chords.notations import Notation
from etl.chords.ragged import Ragged
from etl.chords.symbols import Kind, parse_chord
from etl.chords.tokens import tokenize
from etl.chords.vocabulary import Vocabulary
from etl.music.keys import KEY_INDEX
from etl.music.qualities import QUALITY_BY_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
_COPY_WEIGHTS: Final = (5 / 6, 5 / 6, 1 / 3)  # of a song as it is, without section tags, and in sevenths
MINOR_WEIGHT: Final = 1.4  # of a minor song: Billboard has one in six, other repertoire up to one in two

_SEVENTHS: Final = {
    "any major triad": ("", "maj7", 0.4),
    "the dominant": ("", "7", 0.85),
    "any minor triad": ("min", "min7", 0.75),
    "a minor tonic": ("min", "min7", 0.35),
}
"""Triad, seventh chord, and the chance that a copy has the second for the first: by judgement, not fitted."""

PIECES: Final = (1, 2, 4, 8, 16, 32)
"""Chords of the pieces of songs that confidence in few chords is fitted to."""


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
    def of(cls, songs: pl.DataFrame, notation: Notation = Notation.CHORDONOMICON) -> Examples:
        """Read songs from their ``chords`` and the name of their ``key``, such as ``F# Minor``."""
        tokens, vocabulary = tokenize(songs["chords"], Glossary(notation))
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

    def pieces(self, length: int) -> Examples:
        """Cut so many chords in a row out of each song, somewhere; shorter songs stay whole."""
        plain = self.untagged().tokens
        last = np.maximum(plain.lengths - length, 0)
        starts = plain.offsets[:-1] + np.random.default_rng(length).integers(0, last + 1)
        lengths = np.minimum(plain.lengths, length)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        cuts = [plain.values[start : start + size] for start, size in zip(starts, lengths, strict=True)]
        return Examples(Ragged(np.concatenate(cuts), offsets), self.vocabulary, self.keys)

    def coloured(self) -> Examples:
        """Turn triads into the sevenths that jazz plays for them, by the chances of `_SEVENTHS`."""
        vocabulary, values, of_song = self.vocabulary, self.tokens.values, self.tokens.row_of_value
        texts = list(vocabulary.texts)
        numbers = np.tile(np.arange(len(texts), dtype=np.int32), (len(_SEVENTHS), 1))
        for token, symbol in enumerate(parse_chord(text) for text in vocabulary.texts):
            for at, (triad, seventh, _) in enumerate(_SEVENTHS.values()):
                if symbol is not None and symbol.quality.suffix == triad:
                    numbers[at, token] = len(texts)
                    texts.append(str(replace(symbol, quality=QUALITY_BY_SUFFIX[seventh])))
        degree = (vocabulary.roots[values] - self.keys[of_song]) % 12
        is_minor = vocabulary.qualities[values] == QUALITY_BY_SUFFIX["min"].index
        is_tonic = (degree == 0) & (self.keys[of_song] >= len(KEY_INDEX) // 2)
        kind = np.where(is_minor, np.where(is_tonic, 3, 2), np.where(degree == 7, 1, 0))
        chance = np.array([chance for _, _, chance in _SEVENTHS.values()])[kind]
        _, which = np.unique(of_song * len(texts) + values, return_inverse=True)  # one draw a song and chord
        drawn = np.random.default_rng(0).random(which.max() + 1)[which] < chance
        tokens = self.tokens.with_values(np.where(drawn, numbers[kind, values], values))
        return Examples(tokens, Vocabulary(texts), self.keys)

    @property
    def chords(self) -> NDArray[np.int32]:
        """Known chords of each song, (N,)."""
        return chord_counts(self.tokens, self.vocabulary)


def fit(examples: Examples) -> KeyModel:
    """Fit the weights to songs, to their copies without section tags, and to copies in sevenths.

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
    copies = (examples, examples.untagged(), examples.coloured())
    keys = np.concatenate([copy.keys for copy in copies])
    weights = np.where(keys >= len(KEY_INDEX) // 2, MINOR_WEIGHT, 1.0)
    weights *= np.repeat(_COPY_WEIGHTS, len(examples.keys))
    designs = [_design(copy) for copy in copies]
    # One block of rows for each tonic, as scores are (tonic, song, mode).
    seen = sparse.vstack([design[tonic] for tonic in range(12) for design in designs], format="csr")
    fitted = fit_weights(seen, _parts(), keys, weights)
    return KeyModel(np.round(fitted / WEIGHT_UNIT).astype(np.int16))


def fit_weights(
    seen: sparse.csr_array[Any],
    parts: sparse.csr_array[Any],
    keys: NDArray[np.int64],
    song_weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Weights of the features in a major and in a minor key that make the keys of songs most likely.

    Parameters
    ----------
    seen
        Features of N songs as seen from each tonic, (12 N, F), tonic by tonic.
    parts
        How a feature's weight is made of parts with unit priors, (F, parts).
    keys
        Shape (N,), 0-23.
    song_weights
        How much each song counts, (N,).

    Returns
    -------
    ndarray
        Shape (F, 2).
    """
    design = sparse.csr_array(seen @ parts)
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
        excess *= song_weights[:, None]
        slope = transposed @ excess.reshape(songs, 2, 12).transpose(2, 0, 1).reshape(12 * songs, 2)
        gradient = np.concatenate([slope.ravel(), _SHARED_SD * slope.sum(axis=1)])
        value = (song_weights * (normaliser - logits[rows, keys])).sum() + 0.5 * parameters @ parameters
        return float(value), gradient + parameters

    found = minimize(
        loss,
        np.zeros(3 * features),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxcor": 30, "gtol": 1e-6, "ftol": 1e-15},
    )
    fitted: NDArray[np.float64] = parts @ weights_of(found.x)
    return fitted


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
    examples: Examples,
    folds: NDArray[np.int64],
    fitted: NDArray[np.bool_] | None = None,
    views: Sequence[Examples] = (),
) -> list[NDArray[np.float64]]:
    """Scores of each song, of it without section tags, and of each further view of it, by other folds' model.

    Parameters
    ----------
    examples
        N songs.
    folds
        Shape (N,), as `title_folds` gives them.
    fitted
        Shape (N,): the songs that models are fitted to, all by default.
    views
        The same songs otherwise, such as pieces of them.

    Returns
    -------
    list
        Shape (N, 24) each, at temperature 1.
    """
    fitted = np.ones(len(folds), np.bool_) if fitted is None else fitted
    views = (examples, examples.untagged(), *views)
    scores = [np.zeros((len(folds), 24)) for _ in views]
    for fold in np.unique(folds):
        model = fit(examples.take(fitted & (folds != fold)))
        for view, found in zip(views, scores, strict=True):
            held_out = view.take(folds == fold)
            found[folds == fold] = model.logits(held_out.tokens, held_out.vocabulary)
    return scores


def fit_temperatures(
    whole: Sequence[tuple[NDArray[np.float64], NDArray[np.int32]]],
    pieces: Sequence[tuple[NDArray[np.float64], NDArray[np.int32]]],
    keys: NDArray[np.int64],
) -> tuple[float, float]:
    """Temperature and shortness that make the keys of held-out songs most likely, to two and one decimals.

    Whole songs set the temperature for each shortness; the shortness is set by them and by pieces of songs.

    Parameters
    ----------
    whole, pieces
        Scores (N, 24) at temperature 1, each from a model that has not seen the song, and chords (N,).
    keys
        Shape (N,), 0-23.
    """
    rows = np.arange(len(keys))

    def loss(
        views: Sequence[tuple[NDArray[np.float64], NDArray[np.int32]]], temperature: float, shortness: float
    ) -> float:
        total = 0.0
        for scores, chords in views:
            scaled = (
                scores / KeyModel(np.empty(0, np.int16), temperature, shortness).temperatures(chords)[:, None]
            )
            total += float((logsumexp(scaled, axis=1) - scaled[rows, keys]).mean())
        return total

    def temperature(shortness: float) -> float:
        found = minimize_scalar(lambda t: loss(whole, t, shortness), bounds=(0.2, 3.0), method="bounded")
        return round(float(found.x), 2)

    candidates = [(temperature(shortness), float(shortness)) for shortness in np.arange(61) / 10]
    return min(
        candidates,
        key=lambda pair: loss(pieces, *pair) / len(pieces) + loss(whole, *pair) / len(whole),
    )


def title_folds(titles: Sequence[str], folds: int = 5) -> NDArray[np.int64]:
    """Fold of each song, (N,): by title, so that versions of a song share one; the same on every run."""
    plain = ["".join(filter(str.isalnum, title.lower())) for title in titles]
    order = {title: position % folds for position, title in enumerate(sorted(set(plain)))}
    return np.array([order[title] for title in plain])
