"""How often the key is right: held-out Billboard songs, and any other corpora, by both methods.

    python -m benchmarks.key_accuracy [SONGS.csv TRUTH.csv]...

Prints Markdown. Other corpora are measured with the shipped weights, as they are and without section tags.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchmarks.train_keys import read_examples
from etl.chords.key_model import softmax, trained_model
from etl.chords.key_scores import calibration_error, key_scores, reliability, scores_by_confidence
from etl.chords.key_training import Examples, fit, title_folds
from etl.chords.keys import KeyMethod, key_logits
from etl.chords.ragged import Ragged
from etl.chords.tokens import tokenise
from etl.music.keys import KEY_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REPEATS = 10


def row(name: str, posterior: NDArray[Any], keys: NDArray[np.int64]) -> dict[str, object]:
    """Scores of one corpus by one method."""
    found, confidence = posterior.argmax(axis=1), posterior.max(axis=1)
    surest = np.argsort(-confidence, kind="stable")[: len(keys) // 2]
    return {
        "corpus, method": name,
        "songs": len(keys),
        **key_scores(found, keys),
        "surest half": float((found == keys)[surest].mean()),
        "calibration error": calibration_error(confidence, found == keys),
    }


def show(table: pl.DataFrame) -> None:
    """Print a frame as Markdown, shares in per cent."""
    print(f"| {' | '.join(table.columns)} |\n|{'---|' * table.width}")
    for values in table.iter_rows():
        cells = (f"{100 * value:.1f}" if isinstance(value, float) else f"{value}" for value in values)
        print(f"| {' | '.join(cells)} |")
    print()


def shuffled_folds(titles: list[str], seed: int) -> NDArray[np.int64]:
    """Deal the titles to the folds in another order."""
    folds = title_folds(titles, folds=len(titles))
    order = np.random.default_rng(seed).permutation(int(folds.max()) + 1)
    return np.asarray(order[folds] % 5)


def main(corpora: list[tuple[Path, Path]]) -> None:
    """Measure and print."""
    examples, songs = read_examples(agreed_only=False)
    agreed = (songs["cocopops_key_agrees"] == "yes").to_numpy()
    titles = songs["title"].to_list()
    temperature = trained_model().temperature
    folds = title_folds(titles)
    tagged, untagged = held_out(examples, agreed, folds)
    posterior = softmax(tagged / temperature)
    krumhansl = softmax(key_logits(examples.tokens, examples.vocabulary, KeyMethod.KRUMHANSL))
    keys = examples.keys
    rows = [
        row("Billboard, held out", posterior[agreed], keys[agreed]),
        row("the same without tags", softmax(untagged / temperature)[agreed], keys[agreed]),
        row("the same, krumhansl", krumhansl[agreed], keys[agreed]),
        row("Billboard, all songs, held out", posterior, keys),
        row("the same, krumhansl", krumhansl, keys),
    ]
    for name, truth in corpora:
        other = read_corpus(name, truth)
        for label, part in (("", other), (" without tags", other.untagged())):
            for method in KeyMethod:
                logits = key_logits(part.tokens, part.vocabulary, method)
                rows.append(row(f"{name.stem}{label}, {method}", softmax(logits), other.keys))
    show(pl.DataFrame(rows))
    print("Billboard, held out, by confidence (trained)\n")
    show(banded(posterior[agreed], keys[agreed]))
    print("Billboard, by confidence (krumhansl)\n")
    show(banded(krumhansl[agreed], keys[agreed]))
    print("Billboard, held out, reliability\n")
    show(reliability(posterior[agreed].max(axis=1), (posterior.argmax(axis=1) == keys)[agreed]))
    print("Billboard, held out, by kind of song (trained)\n")
    lengths, tonics = examples.tokens.lengths, songs["n_tonics"].to_numpy()
    kinds = {
        "major": keys < 12,
        "minor": keys >= 12,
        "one tonic": tonics == 1,
        "several tonics": tonics > 1,
        "under 15 tokens": lengths < 15,
        "15-39 tokens": (lengths >= 15) & (lengths < 40),
        "40-99 tokens": (lengths >= 40) & (lengths < 100),
        "100 tokens and more": lengths >= 100,
    }
    show(
        pl.DataFrame(
            [
                row(kind, posterior[is_kind & agreed], keys[is_kind & agreed])
                for kind, is_kind in kinds.items()
            ]
        )
    )
    repeats = []
    for seed in range(_REPEATS):
        logits = held_out(examples, agreed, shuffled_folds(titles, seed))[0][agreed]
        repeats.append(row("", softmax(logits / temperature), keys[agreed]))
    frame = pl.DataFrame(repeats).drop("corpus, method", "songs")
    print(f"Billboard, held out, {_REPEATS} other ways to deal the titles to 5 folds\n")
    figures = (frame.min(), frame.mean(), frame.max())
    show(pl.concat(figures).insert_column(0, pl.Series("", ["least", "mean", "most"])))


def held_out(
    examples: Examples, agreed: NDArray[np.bool_], folds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of each song by a model fitted to the agreed songs of the other folds; also without tags."""
    tagged, untagged = np.zeros((2, len(folds), 24))
    for fold in np.unique(folds):
        model, part = fit(examples.take(agreed & (folds != fold))), examples.take(folds == fold)
        tagged[folds == fold] = model.logits(part.tokens, part.vocabulary)
        untagged[folds == fold] = model.logits(part.untagged().tokens, part.vocabulary)
    return tagged, untagged


def banded(posterior: NDArray[Any], keys: NDArray[np.int64]) -> pl.DataFrame:
    """Scores by confidence."""
    return scores_by_confidence(posterior.argmax(axis=1), posterior.max(axis=1), keys)


def read_corpus(songs: Path, truth: Path) -> Examples:
    """Read a corpus with annotated keys."""
    annotated = pl.read_csv(truth).select("id", "key")
    rows = pl.read_csv(songs).select("id", "chords").join(annotated, on="id", maintain_order="left")
    rows = rows.filter(pl.col("key").is_not_null())
    tokens, vocabulary = tokenise(rows["chords"])
    keys = rows["key"].replace_strict(KEY_INDEX, return_dtype=pl.Int64).to_numpy()
    return Examples(Ragged.from_series(tokens), vocabulary, keys)


if __name__ == "__main__":
    files = [Path(argument) for argument in sys.argv[1:]]
    main(list(zip(files[::2], files[1::2], strict=True)))
