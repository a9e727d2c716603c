"""Fit the weights of the tempo level and of the meter to composed pieces.

    python -m benchmarks.training.fit_tempo [--check]

Two hundred and eighty pieces of 35 styles, played by the synthesiser of the tests. The level is a
conditional logit over the candidates of each piece, the meter a logistic regression, both at the maximum of
their penalised likelihood. With --check it says whether the weights that ship come out, and fails if not.
``benchmarks.audio_accuracy`` measures on pieces and sounds that had no part in this.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from benchmarks.training.validation import is_check
from etl.audio import meter, tempo_level
from etl.audio.beats import strongest_comb
from etl.audio.frames import analyse
from etl.audio.meter import meter_features
from etl.audio.periodicity import autocorrelation
from etl.audio.tempo_level import candidates, level_features
from tests.support import audio_composer, audio_synthesiser
from tests.support.figures import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

PIECES: Final = 280
SECONDS: Final = 36.0
FIRST_SEED: Final = 1000
LEVEL_PENALTY: Final = 14.0
METER_PENALTY: Final = 1.0
_TOLERANCE: Final = 0.04
_NO_CANDIDATE: Final = -1e9


class Example(NamedTuple):
    """One piece as the fits see it."""

    levels: Doubles
    """Features of each candidate, (candidates, features)."""
    right: int
    """The candidate within 4 % of the tempo."""
    meters: Doubles
    """Features of the meter at the true tempo, (10,)."""
    is_triple: bool


def example(envelopes: Sequence[NDArray[np.float32]], bpm: float, beats: int) -> Example | None:
    """Describe one piece; None if no candidate is right."""
    correlations = [autocorrelation(envelope) for envelope in envelopes]
    tempi = candidates(correlations[0], strongest_comb(correlations[0]))
    right = np.flatnonzero(np.abs(tempi / bpm - 1.0) <= _TOLERANCE)
    if not len(right):
        return None
    found = float(tempi[right[0]])
    return Example(
        level_features(envelopes, correlations, tempi),
        int(right[0]),
        meter_features(correlations, found),
        beats == 3,
    )


def examples() -> list[Example]:
    """Compose, play and describe the pieces."""
    found = []
    for number in range(PIECES):
        style = tuple(audio_composer.STYLES)[number % len(audio_composer.STYLES)]
        piece = audio_composer.compose(style, seconds=SECONDS, seed=FIRST_SEED + number)
        if piece.bpm:
            frames = analyse(audio_synthesiser.render(piece.notes, seconds=SECONDS, seed=number))
            found.append(example([frames.onset_median, *frames.onset_bands], piece.bpm, piece.beats))
    return [each for each in found if each is not None]


def fit_level(pieces: Sequence[Example]) -> Doubles:
    """Fit the weights of the candidates, two decimals, (features,)."""
    stacked = np.concatenate([piece.levels for piece in pieces])
    scale = stacked.std(axis=0)
    shape = (len(pieces), max(len(piece.levels) for piece in pieces), stacked.shape[1])
    features, barred = np.zeros(shape), np.full(shape[:2], _NO_CANDIDATE)
    for number, piece in enumerate(pieces):
        features[number, : len(piece.levels)] = piece.levels / scale
        barred[number, : len(piece.levels)] = 0.0
    chosen = features[np.arange(len(pieces)), [piece.right for piece in pieces]]

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        scores = features @ weights + barred
        norms = logsumexp(scores, axis=1)
        expected = (np.exp(scores - norms[:, None])[:, :, None] * features).sum(axis=1)
        value = (norms - (chosen * weights).sum(axis=1)).sum()
        slope = (expected - chosen).sum(axis=0) + LEVEL_PENALTY * weights
        return float(value + 0.5 * LEVEL_PENALTY * weights @ weights), slope

    found = minimize(loss, np.zeros(shape[2]), jac=True, method="L-BFGS-B", tol=1e-10)
    weights: Doubles = (found.x / scale).round(2)
    return weights


def fit_meter(pieces: Sequence[Example]) -> Doubles:
    """Fit the weights of the meter and its offset, two decimals, (11,); threes count as much as others."""
    features = np.column_stack([np.stack([piece.meters for piece in pieces]), np.ones(len(pieces))])
    is_triple = np.array([piece.is_triple for piece in pieces])
    votes = np.where(is_triple, 0.5 / is_triple.mean(), 0.5 / (~is_triple).mean())
    signs = np.where(is_triple, 1.0, -1.0)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        margins = signs * (features @ weights)
        value = (votes * np.logaddexp(0.0, -margins)).sum() + 0.5 * METER_PENALTY * weights @ weights
        slope = -(votes * signs * expit(-margins)) @ features + METER_PENALTY * weights
        return float(value), slope

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", tol=1e-10)
    weights: Doubles = found.x.round(2)
    return weights


def main() -> int:
    """Fit and print, or compare."""
    checking = is_check(__doc__)
    pieces = examples()
    fitted = {"level": fit_level(pieces), "meter": fit_meter(pieces)}
    shipped = {
        "level": tempo_level.LEVEL_WEIGHTS,
        "meter": np.append(meter.METER_WEIGHTS, meter.METER_OFFSET),
    }
    for name, weights in fitted.items():
        show({name: weights.tolist()})
    differs = [name for name in fitted if np.abs(fitted[name] - shipped[name]).max() > 0.011]
    if checking and differs:
        show({"differs from what ships": ", ".join(differs)})
    return int(checking and bool(differs))


if __name__ == "__main__":
    sys.exit(main())
