"""Fit the drum score to Groove performances against the parts of POP909, and cross-validate the fit.

    python -m benchmarks.midi_fit_drums [--check]

Drums: 80 performances as if on channel 1; whole, kick and snare only, cymbals and hats only, eight seconds;
notes of 0.1, 0.2 and 0.4 s. Others: the parts of 114 songs as written and down by one to three octaves, and
eight seconds of each; also with notes of 0.1 and 0.2 s. A logistic regression, a fifth of the weight on drums,
at the maximum of the penalised likelihood. With --check it says whether the weights that ship come out, and fails
if not.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.midi_reference import FOLDS, folds, shared_files
from etl.midi.drums import CATEGORY_SCORE, INTERCEPT, TAG_SCORE, WEIGHTS, drum_features
from etl.midi.reader import read_files
from etl.midi.stats_kernel import CYMBAL, DRUM_CLASS_OF, HAT, KICK, PART, SNARE, part_stats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from etl.midi.batch import MidiBatch

SEED = 0
CUT_SECONDS = 8.0
FEWEST_NOTES = 8
DRUM_LENGTHS = (0.1, 0.2, 0.4)
OTHER_LENGTHS = (0.0, 0.1, 0.2)  # 0: as written
PENALTY = 3e-5
DRUM_SHARE = 0.2  # of the weight of all examples: drums off channel 10 are the exception


def variants(batch: MidiBatch, *, drums: bool) -> Iterator[NDArray[Any]]:
    """Give the notes of a batch as they are and as they might be."""
    notes = batch.notes.copy()
    notes["drum"] = 0
    if drums:
        notes["channel"] = 0
    opening = np.full(len(batch.files), np.inf)
    np.minimum.at(opening, notes["file"], notes["start_s"])
    cut = notes["start_s"] < opening[notes["file"]] + CUT_SECONDS
    kinds = DRUM_CLASS_OF[notes["pitch"]]
    if drums:
        kept = (np.ones_like(cut), np.isin(kinds, (KICK, SNARE)), np.isin(kinds, (HAT, CYMBAL)), cut)
        cases = [(mask, 0, length) for mask in kept for length in DRUM_LENGTHS]
    else:
        cases = [(np.ones_like(cut), 12 * octaves, length) for octaves in range(4) for length in OTHER_LENGTHS]
        cases += [(cut, 0, length) for length in OTHER_LENGTHS]
    for mask, down, length in cases:
        found = notes[mask & (notes["pitch"] >= down)].copy()
        found["pitch"] -= down
        if length > 0:
            found["end_s"] = found["start_s"] + length
        yield found


def examples(batch: MidiBatch, *, drums: bool) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features of the parts of all variants, and the file each is from."""
    features, files = [], []
    for notes in variants(batch, drums=drums):
        offsets = np.searchsorted(notes["file"], np.arange(len(batch.files) + 1))
        parts = np.empty(len(notes), PART)
        parts = parts[: part_stats(batch.files, notes, offsets, parts)]
        parts = parts[parts["notes"] >= FEWEST_NOTES]
        features.append(drum_features(parts))
        files.append(parts["file"].astype(np.int64))
    return np.concatenate(features), np.concatenate(files)


def fit(drums: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Give the intercept and the weights, to two decimals."""
    features = np.vstack([drums, others])
    features = np.column_stack([features, np.ones(len(features))])
    sign = np.concatenate([np.ones(len(drums)), -np.ones(len(others))])
    share = np.concatenate([np.full(len(drums), DRUM_SHARE / len(drums)), np.full(len(others), (1 - DRUM_SHARE) / len(others))])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = sign * (features @ weights)
        slope = -share * sign / (1.0 + np.exp(margins))
        value = (share * np.logaddexp(0.0, -margins)).sum() + PENALTY / 2 * (weights @ weights)
        return float(value), features.T @ slope + PENALTY * weights

    start = np.zeros(features.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", tol=1e-12, options={"maxiter": 5000})
    weights = found.x.round(2)
    return float(weights[-1]), weights[:-1]


def score(features: NDArray[np.float64], model: tuple[float, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Score examples from 0 to 1."""
    scores: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(features @ model[1] + model[0])))
    return scores


def main() -> None:
    """Print what comes out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the weights that ship")
    check = parser.parse_args().check
    sets = []
    for folder, drums in (("groove", True), ("pop909", False)):
        blobs = [content for path, content in shared_files(folder).items() if path.endswith(".mid")]
        features, files = examples(read_files(blobs), drums=drums)
        sets.append((features, folds(len(blobs), SEED)[files]))
    (drums_in, drum_folds), (others_in, other_folds) = sets
    model = fit(drums_in, others_in)
    same = bool(np.allclose(model[0], INTERCEPT) and np.allclose(model[1], WEIGHTS))
    report: dict[str, Any] = {"INTERCEPT": model[0], "WEIGHTS": model[1].tolist(), "as_shipped": same}
    if check:
        sys.stdout.write(json.dumps(report) + "\n")
        sys.exit(not same)
    drum_scores, other_scores = np.zeros(len(drums_in)), np.zeros(len(others_in))
    for fold in range(FOLDS):
        model = fit(drums_in[drum_folds != fold], others_in[other_folds != fold])
        drum_scores[drum_folds == fold] = score(drums_in[drum_folds == fold], model)
        other_scores[other_folds == fold] = score(others_in[other_folds == fold], model)
    report["examples"] = {"drums": len(drums_in), "others": len(others_in)}
    report["cross_validated"] = {
        f"{name}_above_{bound}": round(float((found > bound).mean()), 4)
        for name, found in (("drums", drum_scores), ("others", other_scores))
        for bound in (TAG_SCORE, CATEGORY_SCORE)
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
