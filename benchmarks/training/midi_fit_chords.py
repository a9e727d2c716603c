"""Fit the weights of the chord templates to POP909, and cross-validate the fit.

    python -m benchmarks.training.midi_fit_chords [--check]

Coordinate ascent on a grid of 0.05 from a neutral start (every weight 1, every bias 0), on the mean of
mir_eval's ``majmin`` and ``sevenths``, under the condition that a chord of any quality that is played
plainly (a beat of each note, the root in the bass and doubled or not) is labelled as what it is: pop songs
alone would teach that every seventh is a passing note. Two weights are fixed, as only differences count:
third and fifth 1, foreign bass 0; so is what counts as silence. With --check it says whether the weights
that ship come out, and fails if not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.training.validation import FOLDS, folds, is_check
from etl.midi.beat_kernel import chord_path
from etl.midi.chord_notes import QUALITY_NOTES
from etl.midi.chords import CHORD_WEIGHTS, INTERVALS, KIND_SCORES, KINDS, SIZES
from tests.support.figures import show
from tests.support.midi_songs import Songs, midi_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 0
STEPS = (0.4, 0.2, 0.1, 0.05)
LEAST_GAIN = 1e-4
NEUTRAL = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0])
"""Scores of chords with added notes and of those without a perfect fifth; weights of root, fourth note,
foreign notes, bass on the root and on another chord note; cost of a change."""


def constants(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrange fitted values as `KIND_SCORES` and `CHORD_WEIGHTS`."""
    added, altered, root, fourth, foreign, bass_root, bass_chord, change = values.round(2).tolist()
    return (
        np.array([0.0, added, altered]),
        np.array([root, 1.0, fourth, foreign, bass_root, bass_chord, 0.0, 0.05, change]),
    )


def labels_of(songs: Songs, values: NDArray[np.float64]) -> NDArray[np.int16]:
    """Label the beats of all songs with given values."""
    scores, weights = constants(values)
    labels = np.empty(len(songs.beats.profiles), np.int16)
    beats = songs.beats
    chord_path(beats.offsets, beats.profiles, beats.basses, INTERVALS, SIZES, scores[KINDS], weights, labels)
    return labels


def objective(songs: Songs, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score each song, (songs,), less one for each plain chord that is missed."""
    labels = labels_of(songs, values)
    scores = (songs.chord_scores(labels, "majmin") + songs.chord_scores(labels, "sevenths")) / 2
    return scores - plain_chords_missed(values)


def plain_chords_missed(values: NDArray[np.float64]) -> int:
    """Count the qualities that are not found when they are played plainly, with the root once and twice."""
    scores, weights = constants(values)
    missed = 0
    for doubled in (1.0, 2.0):
        for quality, notes in enumerate(QUALITY_NOTES.values()):
            profile, bass = np.zeros((1, 12)), np.zeros((1, 12))
            profile[0, list(notes)] = 1.0
            profile[0, 0] = doubled
            bass[0, 0] = 1.0
            label = np.empty(1, np.int16)
            chord_path(np.array([0, 1]), profile, bass, INTERVALS, SIZES, scores[KINDS], weights, label)
            missed += int(label[0]) != quality * 12
    return missed


def fit(songs: Songs, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Climb to the values that score best on the chosen songs."""
    values = NEUTRAL.copy()
    best = objective(songs, values)[chosen].mean()
    for step in STEPS:
        moved = True
        while moved:
            moved = False
            for place in range(len(values)):
                for direction in (step, -step):
                    tried = values.copy()
                    tried[place] += direction
                    score = objective(songs, tried)[chosen].mean()
                    if score > best + LEAST_GAIN:
                        values, best, moved = tried, score, True
    return values


def cross_validated(songs: Songs) -> dict[str, float]:
    """Score every song with the values fitted to the other folds."""
    dealt = folds(len(songs.names), SEED)
    scores = {metric: np.zeros(len(songs.names)) for metric in ("majmin", "sevenths", "root")}
    for fold in range(FOLDS):
        labels = labels_of(songs, fit(songs, dealt != fold))
        for metric, found in scores.items():
            found[dealt == fold] = songs.chord_scores(labels, metric)[dealt == fold]
    return {metric: round(float(found.mean()), 4) for metric, found in scores.items()}


def main() -> None:
    """Print what comes out."""
    check = is_check(__doc__)
    songs = Songs(midi_files("pop909"))
    values = fit(songs, np.ones(len(songs.names), np.bool_))
    scores, weights = constants(values)
    same = np.allclose(scores, KIND_SCORES) and np.allclose(weights, CHORD_WEIGHTS)
    report: dict[str, Any] = {
        "KIND_SCORES": scores.tolist(),
        "CHORD_WEIGHTS": weights.tolist(),
        "as_shipped": same,
    }
    if check:
        show(report)
        sys.exit(not same)
    labels = labels_of(songs, values)
    report["on_the_same_songs"] = {
        metric: round(float(songs.chord_scores(labels, metric).mean()), 4)
        for metric in ("majmin", "sevenths", "root")
    }
    report["cross_validated"] = cross_validated(songs)
    show(report)


if __name__ == "__main__":
    main()
