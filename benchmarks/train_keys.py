"""Train the key finder on the bundled Billboard songs, and say how well it does on held-out ones.

    python -m benchmarks.train_keys [--check]

Writes etl/chords/key_weights.npy and its manifest; with --check it only compares with them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.special import logsumexp

import etl.chords
from etl.chords.key_features import GROUP_SIZES
from etl.chords.key_model import MANIFEST_FILE, WEIGHT_UNIT, WEIGHTS_FILE, softmax, trained_model
from etl.chords.key_scores import calibration_error, key_scores
from etl.chords.key_training import Examples, fit, fit_temperature, title_folds
from etl.chords.keys import token_sums
from etl.chords.ragged import Ragged
from etl.chords.section_keys import sections
from etl.chords.tokens import tokenise
from etl.music.key_profiles import profile_correlations
from etl.music.keys import KEY_INDEX

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
    tokens, vocabulary = tokenise(songs["chords"])
    keys = songs["key"].replace_strict(KEY_INDEX, return_dtype=pl.Int64).to_numpy()
    return Examples(Ragged.from_series(tokens), vocabulary, keys), songs


def held_out_logits(
    examples: Examples, spans: Ragged, song_of_span: np.ndarray[Any, Any], folds: np.ndarray[Any, Any]
) -> tuple[Any, Any, Any]:
    """Scores by the model that was fitted to the other folds: songs, songs without tags, sections alone."""
    tagged, untagged = np.zeros((2, len(folds), 24))
    alone = np.zeros((spans.rows, 24))
    for fold in np.unique(folds):
        model, held_out = fit(examples.take(folds != fold)), examples.take(folds == fold)
        tagged[folds == fold] = model.logits(held_out.tokens, held_out.vocabulary)
        untagged[folds == fold] = model.logits(held_out.untagged().tokens, held_out.vocabulary)
        inside = folds[song_of_span] == fold
        alone[inside] = model.logits(spans, examples.vocabulary)[inside]
    return tagged, untagged, alone


def main() -> None:
    """Train, measure, write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the weights that ship")
    check = parser.parse_args().check
    examples, songs = read_examples()
    model = fit(examples)
    if check:
        difference = np.abs(model.weights.astype(int) - trained_model().weights).max()
        print(f"largest difference of a weight: {difference} units of {WEIGHT_UNIT}")
        sys.exit(int(difference > 1))
    spans, of_song, _ = sections(examples.tokens, examples.vocabulary)
    song_of_span = np.repeat(np.arange(len(examples.keys)), np.diff(of_song))
    folds = title_folds(songs["title"].to_list())
    tagged, untagged, alone = held_out_logits(examples, spans, song_of_span, folds)
    in_one_key = (songs["n_tonics"] == 1).to_numpy()[song_of_span]
    section_temperature = fit_temperature(alone[in_one_key], examples.keys[song_of_span[in_one_key]])
    temperature = fit_temperature(np.vstack([tagged, untagged]), np.tile(examples.keys, 2))
    scores = {}
    for name, logits in (("as it is", tagged), ("without section tags", untagged)):
        posterior = softmax(logits / temperature)
        measured = key_scores(posterior.argmax(axis=1), examples.keys)
        right = posterior.argmax(axis=1) == examples.keys
        scores[name] = {k: round(v, 4) for k, v in measured.items()} | {
            "calibration_error": round(calibration_error(posterior.max(axis=1), right), 4)
        }
    manifest = {
        "what": "weights of the trained key finder, int16 in units of 0.001, (features, major and minor)",
        "groups": dict(GROUP_SIZES),
        "temperature": temperature,
        "section_temperature": section_temperature,
        "key_changes_per_section_boundary": round(
            float((songs["n_tonics"] - 1).sum()) / (spans.rows - len(examples.keys)), 4
        ),
        "data": {
            "songs": "McGill Billboard 2.0, 'salami_chords', CC0 1.0; songs with cocopops_key_agrees = yes",
            "count": len(examples.keys),
            "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (SONGS, TRUTH)},
        },
        "command": "python -m benchmarks.train_keys",
        "trained": f"{datetime.now(UTC):%Y-%m-%d}",
        "tolerance": "training again gives the same weights to within one unit",
        "krumhansl_inverse_temperature": round(krumhansl_inverse_temperature(examples), 1),
        "held_out_scores_5_fold_by_title": scores,
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
