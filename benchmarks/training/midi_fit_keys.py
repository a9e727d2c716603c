"""Fit the key weights to POP909, and cross-validate the fit.

    python -m benchmarks.training.midi_fit_keys [--check]

Four weights of a conditional logit over the 24 keys (profile fit, minor, outer basses, dominant), at the
maximum of the penalised likelihood; the annotated key is the one held longest, the features are those of
the longest part. With --check it says whether the weights that ship come out, and fails if not.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from benchmarks.training.validation import FOLDS, folds, is_check
from etl.midi.keys import CHANGE_GAIN, KEY_WEIGHTS, Keys, find_keys, key_features
from tests.support.figures import show
from tests.support.midi_songs import Songs, midi_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEALS = 20
PRIOR_DEVIATIONS = np.array([20.0, 2.0, 2.0, 5.0])
CHANGE_TOLERANCE_SECONDS = 8.0


def longest_part_features(songs: Songs) -> NDArray[np.float64]:
    """Features of the longest part of each song, (songs, 24, 4)."""
    found = key_features(songs.batch, songs.beats, songs.chord_labels)
    early_longer = found.cuts * 2 >= np.diff(songs.beats.offsets)
    return np.where(early_longer[:, None, None], found.early, found.late)


def fit(features: NDArray[np.float64], keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Maximise the penalised likelihood, (4,), to one decimal."""
    rows = np.arange(len(keys))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = features @ weights
        norms = logsumexp(scores, axis=1)
        expected = (np.exp(scores - norms[:, None])[:, :, None] * features).sum(axis=1)
        penalty = weights / PRIOR_DEVIATIONS
        value = (norms - scores[rows, keys]).sum() + 0.5 * (penalty @ penalty)
        slope = (expected - features[rows, keys]).sum(axis=0) + penalty / PRIOR_DEVIATIONS
        return float(value), slope

    found = minimize(loss, np.zeros(features.shape[2]), jac=True, method="L-BFGS-B", tol=1e-10)
    weights: NDArray[np.float64] = found.x.round(1)
    return weights


def cross_validated(features: NDArray[np.float64], keys: NDArray[np.int64]) -> dict[str, float]:
    """Share of songs whose key is right with the weights fitted to others."""

    def right(held_out: NDArray[np.bool_]) -> int:
        weights = fit(features[~held_out], keys[~held_out])
        return int(((features[held_out] @ weights).argmax(axis=1) == keys[held_out]).sum())

    count = len(keys)
    deals = []
    for seed in range(DEALS):
        dealt = folds(count, seed)
        deals.append(sum(right(dealt == fold) for fold in range(FOLDS)) / count)
    one_out = sum(right(np.arange(count) == song) for song in range(count)) / count
    return {
        "six_fold_mean_of_20_deals": round(float(np.mean(deals)), 4),
        "six_fold_lowest": round(min(deals), 4),
        "six_fold_highest": round(max(deals), 4),
        "leave_one_out": round(one_out, 4),
    }


def changes_found(songs: Songs, keys: Keys) -> dict[str, int]:
    """Count annotated changes of scale, those found by time and by both keys, and others found in vain."""
    counts = {"annotated": 0, "found": 0, "both_keys_right": 0, "in_vain": 0}
    for song, spans in enumerate(songs.key_spans):
        seconds = songs.beat_times(song)
        cut = int(keys.change_beat[song])
        moves = [
            (earlier[1], earlier[2], later[2])
            for earlier, later in pairwise(spans)
            if _major(earlier[2]) != _major(later[2])
        ]
        counts["annotated"] += bool(moves)
        near = [move for move in moves if cut >= 0 and abs(move[0] - seconds[cut]) < CHANGE_TOLERANCE_SECONDS]
        counts["found"] += bool(near)
        pair = {int(keys.key[song]), int(keys.other_key[song])}
        counts["both_keys_right"] += any({before, after} == pair for _, before, after in near)
        counts["in_vain"] += cut >= 0 and not near
    return counts


def _major(key: int) -> int:
    return (key - 12 + 3) % 12 if key >= 12 else key


def main() -> None:
    """Print what comes out."""
    check = is_check(__doc__)
    songs = Songs(midi_files("pop909"))
    features = longest_part_features(songs)
    weights = fit(features, songs.keys)
    same = bool(np.allclose(weights, KEY_WEIGHTS))
    report: dict[str, Any] = {"KEY_WEIGHTS": weights.tolist(), "CHANGE_GAIN": CHANGE_GAIN, "as_shipped": same}
    if check:
        show(report)
        sys.exit(not same)
    found = find_keys(songs.batch, songs.beats, songs.chord_labels)
    report["songs"] = len(songs.names)
    report["as_shipped_exact"] = round(float((found.key == songs.keys).mean()), 4)
    report["cross_validated_exact"] = cross_validated(features, songs.keys)
    report["changes_of_scale"] = changes_found(songs, found)
    show(report)


if __name__ == "__main__":
    main()
