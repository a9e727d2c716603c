"""How often the key is right: held-out Billboard songs, RS200 and POP909, by both methods.

    python -m benchmarks.key_accuracy [DEALS=10]

Prints Markdown. RS200 and POP909 are measured with the shipped weights, RS200 without section tags as well;
the key of a POP909 song is the longest that was heard in its audio. DEALS is how many other ways of dealing
the titles to five folds are tried.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchmarks.training.key_training import PIECES, Examples, held_out_logits, title_folds
from benchmarks.training.train_keys import read_examples
from etl.chords.key_model import softmax, trained_model
from etl.chords.key_scores import (
    calibration_error,
    calibration_error_by_chance,
    key_scores,
    parse_key,
    reliability,
    scores_by_confidence,
)
from etl.chords.keys import KeyMethod, key_logits
from etl.chords.notations import Notation
from etl.music.keys import KEY_NAMES
from tests.support.figures import sizes
from tests.support.reference import reference

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
        "by chance": calibration_error_by_chance(confidence),
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


def main(deals: int) -> None:
    """Measure and print."""
    examples, songs = read_examples(agreed_only=False)
    agreed = (songs["cocopops_key_agrees"] == "yes").to_numpy()
    titles = songs["title"].to_list()
    scale = trained_model().temperatures(examples.chords)[:, None]
    folds = title_folds(titles)
    pieces = [examples.pieces(length) for length in PIECES]
    tagged, untagged, *of_pieces = held_out_logits(examples, folds, agreed, pieces)
    posterior = softmax(tagged / scale)
    krumhansl = softmax(key_logits(examples.tokens, examples.vocabulary, KeyMethod.KRUMHANSL))
    keys = examples.keys
    rows = [
        row("Billboard, held out", posterior[agreed], keys[agreed]),
        row("the same without tags", softmax(untagged / scale)[agreed], keys[agreed]),
        row("the same, krumhansl", krumhansl[agreed], keys[agreed]),
        row("Billboard, all songs, held out", posterior, keys),
        row("the same, krumhansl", krumhansl, keys),
    ]
    rs200, pop909 = read_rs200(), read_pop909()
    others = {"RS200": rs200, "RS200 without tags": rs200.untagged(), "POP909": pop909}
    for label, part in others.items():
        for method in KeyMethod:
            logits = key_logits(part.tokens, part.vocabulary, method)
            rows.append(row(f"{label}, {method}", softmax(logits), part.keys))
            is_minor = part.keys >= len(KEY_NAMES) // 2
            rows.append(row("of these minor", softmax(logits[is_minor]), part.keys[is_minor]))
    show(pl.DataFrame(rows))
    print("Billboard, held out, so many chords in a row of each song\n")
    of_length = [
        row(
            str(length),
            softmax(found / trained_model().temperatures(piece.chords)[:, None])[agreed],
            keys[agreed],
        )
        for length, piece, found in zip(PIECES, pieces, of_pieces, strict=True)
    ]
    show(pl.DataFrame(of_length))
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
    for seed in range(deals):
        logits = held_out_logits(examples, shuffled_folds(titles, seed), agreed)[0][agreed]
        repeats.append(row("", softmax(logits / scale[agreed]), keys[agreed]))
    frame = pl.DataFrame(repeats).drop("corpus, method", "songs")
    print(f"Billboard, held out, {deals} other ways to deal the titles to 5 folds\n")
    figures = (frame.min(), frame.mean(), frame.max())
    show(pl.concat(figures).insert_column(0, pl.Series("", ["least", "mean", "most"])))


def banded(posterior: NDArray[Any], keys: NDArray[np.int64]) -> pl.DataFrame:
    """Scores by confidence."""
    return scores_by_confidence(posterior.argmax(axis=1), posterior.max(axis=1), keys)


def read_rs200() -> Examples:
    """Read the songs of RS200 that have an annotated key."""
    truth = pl.read_csv(reference("rs200/rs200_truth.csv")).select("id", "key")
    songs = pl.read_csv(reference("rs200/rs200_chordonomicon.csv")).select("id", "chords")
    songs = songs.join(truth, on="id", maintain_order="left")
    return Examples.of(songs.filter(pl.col("key").is_not_null()))


def read_pop909() -> Examples:
    """Read the songs of POP909: the chords of their MIDI files, and the key that lasts longest."""
    songs = []
    for folder in sorted(path for path in reference("midi/pop909").iterdir() if path.is_dir()):
        lasts: dict[str, float] = {}
        for start, end, name in (
            line.split() for line in (folder / "key_audio.txt").read_text().splitlines()
        ):
            lasts[name] = lasts.get(name, 0.0) + float(end) - float(start)
        named = [line.split("\t")[2] for line in (folder / "chord_midi.txt").read_text().splitlines()]
        chords = " ".join(name for name, _ in groupby(named) if name != "N")
        songs.append((chords, KEY_NAMES[parse_key(max(lasts, key=lasts.__getitem__))]))
    frame = pl.DataFrame(songs, schema=["chords", "key"], orient="row")
    return Examples.of(frame, Notation.HARTE)


if __name__ == "__main__":
    main(*sizes(10))
