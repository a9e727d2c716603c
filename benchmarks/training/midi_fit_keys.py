"""Fit the key weights to POP909, and cross-validate the fit.

    python -m benchmarks.training.midi_fit_keys [--check]

Four weights of a conditional logit over the 24 keys (profile fit, minor, outer basses, dominant), at the
maximum of the penalised likelihood; the annotated key is the one held longest, the features are those of
the longest part. Loops have weights of their own, fitted to four chords that a song of Billboard says twice
over (as block chords) and to four bars of every other song of POP909 from any bar, both modes and both sets
counting the same; held out are such loops of RS200, and of the other songs. Phrases have others, fitted to
eight bars of all songs of POP909 from any bar, and cross-validated over the songs. With --check it says
whether the weights that ship come out, and fails if not.
"""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import logsumexp

from benchmarks.training.validation import FOLDS, folds, is_check
from etl.chords.symbols import parse_chord
from etl.midi.arrays import EVENT, FILE, NOTE, TEMPO, MidiBatch
from etl.midi.chords import chord_labels, find_beats
from etl.midi.keys import (
    CHANGE_GAIN,
    KEY_WEIGHTS,
    LOOP_WEIGHTS,
    PHRASE_WEIGHTS,
    Keys,
    find_keys,
    key_features,
    with_short_features,
)
from etl.music.keys import KEY_INDEX
from tests.support.figures import show
from tests.support.midi_songs import Songs, midi_files
from tests.support.reference import reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DEALS = 20
PRIOR_DEVIATIONS = np.array([20.0, 2.0, 2.0, 5.0])
CHANGE_TOLERANCE_SECONDS = 8.0
LOOP_CHORDS = 4
LOOPS_COUNT = 150  # examples that each set of loops counts as
LOOP_BARS, PHRASE_BARS = 4, 8
CUTS = 8  # of each song
LOOP_DEVIATIONS = np.array([10.0, 2.0, 2.0, 4.0, 2.0, 3.0])
DIVISION = 480


def longest_part_features(songs: Songs) -> NDArray[np.float64]:
    """Features of the longest part of each song, (songs, 24, 4)."""
    found = key_features(songs.batch, songs.beats, songs.chord_labels)
    early_longer = found.cuts * 2 >= np.diff(songs.beats.offsets)
    return np.where(early_longer[:, None, None], found.early, found.late)


def loops(corpus: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features and keys of the four chords that open a section and come twice, in songs of one tonic."""
    truth = pl.read_csv(reference(f"{corpus}/{corpus}_truth.csv"), infer_schema=False)
    chords = pl.read_csv(reference(f"{corpus}/{corpus}_chordonomicon.csv"), infer_schema=False)
    songs = truth.filter(pl.col("n_tonics") == "1").join(chords.select("id", "chords"), on="id")
    found: dict[tuple[str, ...], int] = {}
    for key, text in songs.select("key", "chords").iter_rows():
        for section in re.split("<[^>]*>", text):
            tokens = section.split()
            again = (
                len(tokens) >= 2 * LOOP_CHORDS
                and tokens[:LOOP_CHORDS] == tokens[LOOP_CHORDS : 2 * LOOP_CHORDS]
            )
            parsed = [parse_chord(token) for token in tokens[:LOOP_CHORDS]]
            roots = {chord.root_pc for chord in parsed if chord is not None}
            if again and None not in parsed and len(roots) > 2 and key in KEY_INDEX:
                found[tuple(tokens[:LOOP_CHORDS])] = KEY_INDEX[key]
    rows = [
        (1920 * bar, 1920 * (bar + 1), 2.0 * bar, 2.0 * (bar + 1), file, 0, 0, 0, pitch, 80, 0)
        for file, tokens in enumerate(found)
        for bar, token in enumerate(tokens * 2)
        if (chord := parse_chord(token)) is not None
        for pitch in {36 + chord.bass_pc, *(52 + (pc - 52) % 12 for pc in chord.pitch_classes)}
    ]
    return loop_features(np.array(rows, NOTE), 480), np.array(list(found.values()))


class Cuts(NamedTuple):
    """Pieces of songs: features (cuts, 24, 6), their keys, and the numbers of the songs."""

    features: NDArray[np.float64]
    keys: NDArray[np.int64]
    songs: NDArray[np.int64]


def any_bars(songs: Songs, chosen: Sequence[int], bars: int) -> Cuts:
    """Cut some bars out of songs, several times of each, from a bar drawn by chance."""
    chance = np.random.default_rng(1)
    cuts: list[tuple[NDArray[Any], int]] = []
    length = 4 * bars * DIVISION
    for song in chosen:
        notes = songs.batch.notes_of(song)
        for _ in range(CUTS):
            division = int(songs.batch.files[song]["division"])
            start = int(songs.beats.origins[song]) + 4 * int(chance.integers(4, 40)) * division
            cut = notes[(notes["start_tick"] >= start) & (notes["start_tick"] < start + length)].copy()
            cut["start_tick"] -= start
            cut["end_tick"] = np.minimum(cut["end_tick"] - start, length)
            if len(cut) == 0 or division != DIVISION:
                continue
            cut["file"] = len(cuts)
            cuts.append((cut, song))
    of_songs = np.array([song for _, song in cuts])
    features = loop_features(np.concatenate([cut for cut, _ in cuts]), DIVISION)
    return Cuts(features, songs.keys[of_songs], of_songs)


def loop_features(notes: NDArray[Any], division: int) -> NDArray[np.float64]:
    """Features of files of loops, (files, 24, 6)."""
    files = np.zeros(int(notes["file"].max()) + 1, FILE)
    files["tracks"], files["division"], files["valid"] = 1, division, True
    offsets = np.searchsorted(notes["file"], np.arange(len(files) + 1))
    files["note_end"] = offsets[1:]
    nothing = np.empty(0, EVENT), np.empty(0, TEMPO), np.zeros(len(files) + 1, np.int64)
    batch = MidiBatch(
        np.empty(0, np.uint8), files, notes, nothing[0], nothing[1], offsets, nothing[2], nothing[2]
    )
    beats = find_beats(batch)
    labels = chord_labels(beats)
    return with_short_features(key_features(batch, beats, labels).whole, beats, labels)


def fit_loops(*sets: tuple[NDArray[np.float64], NDArray[np.int64]]) -> NDArray[np.float64]:
    """Maximise the penalised likelihood of sets that count the same, and in each both modes, (6,)."""
    features, keys = np.concatenate([found for found, _ in sets]), np.concatenate([key for _, key in sets])
    weights = np.concatenate(
        [LOOPS_COUNT / (2 * np.where(key >= 12, (key >= 12).sum(), (key < 12).sum())) for _, key in sets]
    )
    middle = np.r_[KEY_WEIGHTS, 0.0, 0.0]
    rows = np.arange(len(keys))

    def loss(trial: NDArray[np.float64]) -> float:
        scores = features @ trial
        penalty = (trial - middle) / LOOP_DEVIATIONS
        return float(weights @ (logsumexp(scores, axis=1) - scores[rows, keys]) + 0.5 * (penalty @ penalty))

    found: NDArray[np.float64] = minimize(loss, middle, method="L-BFGS-B", tol=1e-10).x.round(1)
    return found


def phrases_held_out(cuts: Cuts) -> dict[str, float]:
    """Give what `loop_report` does, each cut by weights fitted to other songs."""
    scores = np.empty(cuts.features.shape[:2])
    dealt = cuts.songs % FOLDS
    for fold in range(FOLDS):
        held_out = dealt == fold
        scores[held_out] = cuts.features[held_out] @ fit_loops(
            (cuts.features[~held_out], cuts.keys[~held_out])
        )
    return loop_report(scores[..., None], cuts.keys, np.ones(1))


def loop_report(
    features: NDArray[np.float64], keys: NDArray[np.int64], weights: NDArray[np.float64]
) -> dict[str, float]:
    """Give shares of right keys, of all and of minor ones, and the mean confidence."""
    scores = features @ weights
    right = scores.argmax(axis=1) == keys
    chances = np.exp(scores - logsumexp(scores, axis=1)[:, None])
    return {
        "loops": len(keys),
        "right": round(float(right.mean()), 3),
        "minor_right": round(float(right[keys >= 12].mean()), 3),
        "confidence": round(float(chances.max(axis=1).mean()), 3),
    }


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
    even, odd = (range(first, len(songs.names), 2) for first in (0, 1))
    of_loops = fit_loops(loops("billboard"), any_bars(songs, even, LOOP_BARS)[:2])
    phrases = any_bars(songs, range(len(songs.names)), PHRASE_BARS)
    of_phrases = fit_loops(phrases[:2])
    fitted = {"KEY_WEIGHTS": weights, "LOOP_WEIGHTS": of_loops, "PHRASE_WEIGHTS": of_phrases}
    shipped = (KEY_WEIGHTS, LOOP_WEIGHTS, PHRASE_WEIGHTS)
    same = all(np.allclose(*pair) for pair in zip(fitted.values(), shipped, strict=True))
    report: dict[str, Any] = {
        **{name: found.tolist() for name, found in fitted.items()},
        "CHANGE_GAIN": CHANGE_GAIN,
        "as_shipped": same,
    }
    if check:
        show(report)
        sys.exit(not same)
    found = find_keys(songs.batch, songs.beats, songs.chord_labels)
    report["songs"] = len(songs.names)
    report["as_shipped_exact"] = round(float((found.key == songs.keys).mean()), 4)
    report["cross_validated_exact"] = cross_validated(features, songs.keys)
    held_out = {"rs200": loops("rs200"), "pop909_four_bars": any_bars(songs, odd, LOOP_BARS)[:2]}
    report["loops_held_out"] = {
        name: {
            "by_loops": loop_report(*held, LOOP_WEIGHTS),
            "by_songs": loop_report(*held, np.r_[KEY_WEIGHTS, 0.0, 0.0]),
        }
        for name, held in held_out.items()
    }
    report["phrases"] = {
        "held_out": phrases_held_out(phrases),
        "by_loops": loop_report(*phrases[:2], LOOP_WEIGHTS),
        "by_songs": loop_report(*phrases[:2], np.r_[KEY_WEIGHTS, 0.0, 0.0]),
    }
    report["changes_of_scale"] = changes_found(songs, found)
    show(report)


if __name__ == "__main__":
    main()
