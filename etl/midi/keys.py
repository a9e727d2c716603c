"""The key of each file, and whether and where it changes.

A change of key is where two parts, each from one key's profile, are much likelier than the whole from one.
The key of a part scores by how well two published profiles fit its pitch classes (weighted by how long they
sound, drums left out), by whether it begins or ends on its tonic in the bass, and by how much of it is the
dominant: a major chord on the fifth degree, which tells a minor key from its relative major. Key metas are
not asked: they are wrong too often.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, p. 30.
.. [2] Bellmann, "About the determination of key of a musical excerpt", CMMR 2005, pp. 76-91: profiles counted
   by Budge, "A study of chord frequencies", 1943.
.. [3] McFadden, "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.), Frontiers in
   Econometrics, 1974.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.midi.beat_kernel import edge_basses, likeliest_cuts
from etl.midi.chords import SUFFIXES
from etl.music.key_profiles import BELLMANN_BUDGE, KRUMHANSL_KESSLER, profile_correlations, rotated_profiles
from etl.music.keys import NO_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch
    from etl.midi.chords import Beats

KEY_WEIGHTS: Final = np.array([12.9, 2.1, 0.5, 4.3])
"""Weights of `key_features` in a conditional logit [3]_; ``benchmarks.training.midi_fit_keys`` fits them."""

CHANGE_GAIN: Final = 30.0
"""Log likelihood ratio (nats, each beat one draw) from which a change is believed. Of 114 songs of POP909
the 15 that leave their scale reach 45 and more; of the others one reaches 32 (to the relative key), the
rest 15."""
SHORTEST_PART: Final = 16  # beats before and after a change

DOMINANT_QUALITIES: Final = (SUFFIXES.index(""), SUFFIXES.index("7"))
_LOOP_BEATS: Final = 32
_FEWEST_CLASSES: Final = 4


class KeyFeatures(NamedTuple):
    """Files and their parts before and after a change of scale, as seen from the 24 keys.

    ``whole``, ``early``, ``late`` are (files, 24, 4): mean correlation with the two profiles; 1 for minor
    keys; how many of the outer basses (the first of the whole and the early part, the last of the whole and
    the late) are the tonic; the share of beats on the dominant. ``cuts`` (files,) is the beat of the change,
    -1 for none, when both parts are the whole; ``totals`` (files, 12) the beats sounded by pitch class.
    """

    whole: NDArray[np.float64]
    early: NDArray[np.float64]
    late: NDArray[np.float64]
    cuts: NDArray[np.int64]
    totals: NDArray[np.float64]


class Keys(NamedTuple):
    """Keys of the files of a batch; keys are 0-23 as in `etl.music.keys`, -1 for none.

    ``key`` is the longest, ``posterior`` (files, 24) float64 what the scores make of the part it is the key
    of, ``change_beat`` the beat at which the key changes (-1: it does not) and ``other_key`` that of the
    shorter part. ``is_loop``: shorter than 8 bars or of fewer than four pitch classes, so that the key is a
    phrase's, not a piece's. ``totals`` (files, 12) are the beats sounded by pitch class.
    """

    key: NDArray[np.int8]
    posterior: NDArray[np.float64]
    change_beat: NDArray[np.int32]
    other_key: NDArray[np.int8]
    is_loop: NDArray[np.bool_]
    totals: NDArray[np.float64]


def find_keys(batch: MidiBatch, beats: Beats, labels: NDArray[np.int16]) -> Keys:
    """Find the key of each file.

    Parameters
    ----------
    batch
        Parsed files.
    beats
        Their beats, from `etl.midi.chords.find_beats`.
    labels
        Their chords, from `etl.midi.chords.chord_labels`.
    """
    whole, early, late, cuts, totals = key_features(batch, beats, labels)
    lengths = np.diff(beats.offsets)
    scores = whole @ KEY_WEIGHTS
    early_scores, late_scores = early @ KEY_WEIGHTS, late @ KEY_WEIGHTS
    early_key, late_key = early_scores.argmax(axis=1), late_scores.argmax(axis=1)
    # A part that only leans to the relative key has not left its scale.
    changes = (cuts >= 0) & (_major(early_key) != _major(late_key))
    early_longer = cuts * 2 >= lengths
    for part, part_scores in ((early_longer, early_scores), (~early_longer, late_scores)):
        scores[changes & part] = part_scores[changes & part]
    posterior = np.exp(scores - scores.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    key = scores.argmax(axis=1).astype(np.int8)
    silent = totals.sum(axis=1) == 0
    key[silent] = NO_KEY
    posterior[silent] = 0.0
    return Keys(
        key=key,
        posterior=posterior,
        change_beat=np.where(changes, cuts, -1).astype(np.int32),
        other_key=np.where(changes, np.where(early_longer, late_key, early_key), NO_KEY).astype(np.int8),
        is_loop=(lengths < _LOOP_BEATS) | ((totals > 0).sum(axis=1) < _FEWEST_CLASSES),
        totals=totals,
    )


def key_features(batch: MidiBatch, beats: Beats, labels: NDArray[np.int16]) -> KeyFeatures:
    """Look for a change of scale in each file, and describe the whole and both parts."""
    count = len(batch.files)
    rotated = rotated_profiles(BELLMANN_BUDGE)
    chances = np.log(rotated / rotated.sum(axis=1, keepdims=True)).T.copy()
    cuts = np.empty(count, np.int64)
    parts = np.empty((count, 2, 12))
    likeliest_cuts(beats.offsets, beats.profiles, chances, SHORTEST_PART, CHANGE_GAIN, cuts, parts)
    totals = parts.sum(axis=1)
    basses = np.empty((count, 2), np.int8)
    edge_basses(batch.files, batch.notes, batch.note_offsets, basses)
    first, last = _tonic(basses[:, 0]), _tonic(basses[:, 1])
    dominants = _dominant_beats(beats, labels, cuts)
    features = [
        _features(weights, edges, on_dominant)
        for weights, edges, on_dominant in (
            (totals, first + last, dominants.sum(axis=1)),
            (parts[:, 0], first, dominants[:, 0]),
            (parts[:, 1], last, dominants[:, 1]),
        )
    ]
    changed = (cuts >= 0)[:, None, None]
    return KeyFeatures(
        whole=features[0],
        early=np.where(changed, features[1], features[0]),
        late=np.where(changed, features[2], features[0]),
        cuts=cuts,
        totals=totals,
    )


def _features(
    weights: NDArray[np.float64], edges: NDArray[np.float64], dominants: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Stack the features of one part of each file; ``dominants`` (files, 13) ends with the count of beats."""
    fit = profile_correlations(weights, KRUMHANSL_KESSLER) + profile_correlations(weights, BELLMANN_BUDGE)
    minor = np.broadcast_to(np.arange(24) >= 12, fit.shape)
    shares = dominants[:, :12] / np.maximum(1.0, dominants[:, 12:])
    return np.stack([fit / 2, minor, edges, np.tile(shares, 2)], axis=-1)


def _dominant_beats(beats: Beats, labels: NDArray[np.int16], cuts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Beats before and after each cut on the dominant of each tonic, and all beats, (files, 2, 13)."""
    files = np.repeat(np.arange(len(cuts)), np.diff(beats.offsets))
    place = np.arange(len(labels)) - beats.offsets[files]
    part = 2 * files + ((cuts[files] >= 0) & (place >= cuts[files]))
    size = 2 * len(cuts)
    major = np.isin(labels // 12, DOMINANT_QUALITIES)
    tonic = (labels[major] % 12 + 5) % 12
    counts = np.bincount(part[major] * 12 + tonic, minlength=size * 12).reshape(-1, 2, 12)
    beats_of_part = np.bincount(part, minlength=size).reshape(-1, 2, 1)
    return np.concatenate([counts, beats_of_part], axis=2).astype(np.float64)


def _major(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tonic of each key's relative major, or of the key itself."""
    majors: NDArray[np.int64] = np.where(keys >= 12, keys - 12 + 3, keys) % 12
    return majors


def _tonic(pitch_classes: NDArray[np.int8]) -> NDArray[np.float64]:
    """1 for the major and the minor key on each pitch class, (N,) to (N, 24); 0 everywhere for -1."""
    tonics = np.concatenate([np.arange(12), np.arange(12)])
    matches: NDArray[np.float64] = (pitch_classes[:, None] == tonics).astype(np.float64)
    return matches
