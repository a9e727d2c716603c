"""Train the key finder on the bundled Billboard songs, and say how well it does on held-out ones.

    python -m benchmarks.training.train_keys [--check]

Writes etl/chords/key_weights.npy and its manifest; with --check it only compares the weights with them, and
prints the scores.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.special import logsumexp

import etl.chords
from benchmarks.training.key_training import (
    PIECES,
    Examples,
    fit,
    fit_temperatures,
    held_out_logits,
    title_folds,
)
from benchmarks.training.validation import is_check
from etl.chords.key_features import GROUP_SIZES
from etl.chords.key_model import MANIFEST_FILE, WEIGHT_UNIT, WEIGHTS_FILE, softmax, trained_model
from etl.chords.key_scores import calibration_error, key_scores
from etl.chords.keys import token_sums
from etl.music.key_profiles import profile_correlations
from tests.support.figures import show

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = Path(etl.chords.__file__).parent
SAMPLE = PACKAGE.parent / "sample"
SONGS, TRUTH = SAMPLE / "billboard_chordonomicon.csv", SAMPLE / "billboard_truth.csv"


def read_examples(*, agreed_only: bool = True) -> tuple[Examples, pl.DataFrame]:
    """Read the songs that have a key, or those on whose key both editions of the annotations agree."""
    songs = (
        pl.read_csv(SONGS)
        .select("id", "chords")
        .join(pl.read_csv(TRUTH), on="id", maintain_order="left")
        .filter(pl.col("key").is_not_null())
        .filter((pl.col("cocopops_key_agrees") == "yes") | pl.lit(not agreed_only))
    )
    return Examples.of(songs), songs


def scores(logits: NDArray[np.float64], keys: NDArray[np.int64]) -> dict[str, float]:
    """Shares of right keys, also among the surest half, and how far confidence is from them."""
    posterior = softmax(logits)
    found, confidence = posterior.argmax(axis=1), posterior.max(axis=1)
    right = found == keys
    surest = right[np.argsort(-confidence, kind="stable")[: len(keys) // 2]]
    measured = key_scores(found, keys) | {
        "surest_half": float(surest.mean()),
        "calibration_error": calibration_error(confidence, right),
    }
    return {name: round(score, 4) for name, score in measured.items()}


def main() -> None:
    """Train, measure, write or check."""
    check = is_check(__doc__)
    examples, songs = read_examples()
    model, folds = fit(examples), title_folds(songs["title"].to_list())
    pieces = [] if check else [examples.pieces(length) for length in PIECES]
    tagged, untagged, *of_pieces = held_out_logits(examples, folds, views=pieces)
    if check:
        difference = int(np.abs(model.weights.astype(int) - trained_model().weights).max())
        show({f"largest difference of a weight, units of {WEIGHT_UNIT}": difference})
        scaled = tagged / trained_model().temperatures(examples.chords)[:, None]
        show({"held out": scores(scaled, examples.keys)})
        sys.exit(int(difference > 1))
    chords = examples.chords
    of_parts = [(found, piece.chords) for found, piece in zip(of_pieces, pieces, strict=True)]
    whole = [(tagged, chords), (untagged, chords)]
    temperature, shortness = fit_temperatures(whole, of_parts, examples.keys)
    model = replace(model, temperature=temperature, shortness=shortness)
    views = dict(zip(("as it is", "without section tags"), whole, strict=True)) | {
        f"pieces of {length} chords": part for length, part in zip(PIECES, of_parts, strict=True)
    }
    manifest = {
        "what": "weights of the trained key finder, int16 in units of 0.001, (features, major and minor)",
        "groups": dict(GROUP_SIZES),
        "temperature": temperature,
        "shortness": shortness,
        "data": {
            "songs": "McGill Billboard 2.0, 'salami_chords', CC0 1.0; songs with cocopops_key_agrees = yes",
            "count": len(examples.keys),
            "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (SONGS, TRUTH)},
        },
        "command": "python -m benchmarks.training.train_keys",
        "trained": f"{datetime.now(UTC):%Y-%m-%d}",
        "tolerance": "training again gives the same weights to within one unit",
        "krumhansl_inverse_temperature": round(krumhansl_inverse_temperature(examples), 1),
        "held_out_scores_5_fold_by_title": {
            view: scores(found / model.temperatures(count)[:, None], examples.keys)
            for view, (found, count) in views.items()
        },
    }
    np.save(PACKAGE / WEIGHTS_FILE, model.weights)
    text = json.dumps(manifest, indent=2)
    (PACKAGE / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
    print(text)


def krumhansl_inverse_temperature(examples: Examples) -> float:
    """Scale at which the softmax of the Krumhansl-Schmuckler correlations makes the keys most likely."""
    correlations = profile_correlations(token_sums(examples.tokens, examples.vocabulary.pitch_classes))
    rows = np.arange(len(examples.keys))
    candidates = np.arange(10, 400) / 10
    losses = [
        (logsumexp(c * correlations, axis=1) - c * correlations[rows, examples.keys]).sum()
        for c in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


if __name__ == "__main__":
    main()
