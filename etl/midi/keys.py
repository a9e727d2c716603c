"""The key of each file, and whether and where it changes.

A change of key is where two parts, each from one key's profile, are much likelier than the whole from one. The
key of a part scores by how well two published profiles fit its pitch classes (weighted by how long they
sound, drums left out) and by whether it begins or ends on its tonic in the bass. Key metas are not asked:
they are wrong too often.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, p. 30.
.. [2] Bellman, "About the determination of key of a musical excerpt", CMMR 2005, pp. 76-91: profiles counted
   by Budge, "A study of chord frequencies", 1943.
.. [3] McFadden, "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.), Frontiers in
   Econometrics, 1974.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.midi.beat_kernel import edge_basses, likeliest_cuts
from etl.pitch import KRUMHANSL_KESSLER, NO_KEY, profile_correlations, rotated_profiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.batch import MidiBatch
    from etl.midi.chords import Beats

BELLMAN_BUDGE: Final = np.array(
    [
        [16.80, 0.86, 12.95, 1.41, 13.49, 11.93, 1.25, 20.28, 1.80, 8.04, 0.62, 10.57],
        [18.16, 0.69, 12.99, 13.34, 1.07, 11.15, 1.38, 21.07, 7.49, 1.53, 0.92, 10.21],
    ]
)
"""Major and minor profiles, (2, 12), tonic first [2]_."""

KEY_WEIGHTS: Final = np.array([13.1, 1.7, 0.5])
"""Weights of `key_features` in a conditional logit [3]_; ``benchmarks.midi_fit keys`` fits them."""

CHANGE_GAIN: Final = 30.0
"""Log likelihood ratio (nats, each beat one draw) from which a change is believed. Of 114 songs of POP909 the 15
that leave their scale reach 45 and more; of the others one reaches 32 (to the relative key), the rest 15."""
SHORTEST_PART: Final = 16  # beats before and after a change

_LOOP_BEATS: Final = 32
_FEWEST_CLASSES: Final = 4


class Keys(NamedTuple):
    """Keys of the files of a batch; keys are 0-23 as in `etl.pitch`, -1 for none.

    ``key`` is the longest, ``posterior`` (files, 24) float64 what the scores make of the part it is the key
    of, ``change_beat`` the beat at which the key changes (-1: it does not) and ``other_key`` that of the
    shorter part. ``is_loop``: shorter than 8 bars or of fewer than four pitch classes, so that the key is a
    phrase's, not a piece's.
    """

    key: NDArray[np.int8]
    posterior: NDArray[np.float64]
    change_beat: NDArray[np.int32]
    other_key: NDArray[np.int8]
    is_loop: NDArray[np.bool_]


def find_keys(batch: MidiBatch, beats: Beats) -> Keys:
    """Find the key of each file.

    Parameters
    ----------
    batch
        Parsed files.
    beats
        Their beats, from `etl.midi.chords.find_beats`.
    """
    whole, early, late, cuts = key_features(batch, beats)
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
    totals = np.add.reduceat(np.vstack([beats.profiles, np.zeros((1, 12))]), beats.offsets[:-1])
    totals[lengths == 0] = 0.0
    silent = totals.sum(axis=1) == 0
    key[silent] = NO_KEY
    posterior[silent] = 0.0
    return Keys(
        key=key,
        posterior=posterior,
        change_beat=np.where(changes, cuts, -1).astype(np.int32),
        other_key=np.where(changes, np.where(early_longer, late_key, early_key), NO_KEY).astype(np.int8),
        is_loop=(lengths < _LOOP_BEATS) | ((totals > 0).sum(axis=1) < _FEWEST_CLASSES),
    )


def key_features(
    batch: MidiBatch, beats: Beats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Describe each file, and its parts before and after a change of scale, as seen from the 24 keys.

    Returns
    -------
    tuple
        Features of the whole, of the early and of the late part, each (files, 24, 3): mean correlation with
        the two profiles, 1 for minor keys, how many of the outer basses (first of the whole and the early
        part, last of the whole and the late) are the tonic. Then the beat of the change, (files,), -1 for none
        (when both parts are the whole).
    """
    count = len(batch.files)
    rotated = rotated_profiles(BELLMAN_BUDGE)
    chances = np.log(rotated / rotated.sum(axis=1, keepdims=True))
    cuts, totals = np.empty(count, np.int64), np.empty((count, 2, 12))
    likeliest_cuts(beats.offsets, beats.profiles, chances, SHORTEST_PART, CHANGE_GAIN, cuts, totals)
    before, after = totals[:, 0], totals[:, 1]
    basses = np.empty((count, 2), np.int8)
    edge_basses(batch.files, batch.notes, batch.note_offsets, basses)
    first, last = _tonic(basses[:, 0]), _tonic(basses[:, 1])
    changed = (cuts >= 0)[:, None]
    return (
        _features(before + after, first + last),
        _features(np.where(changed, before, before + after), np.where(changed, first, first + last)),
        _features(np.where(changed, after, before + after), np.where(changed, last, first + last)),
        cuts,
    )


def _features(weights: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    fit = profile_correlations(weights, KRUMHANSL_KESSLER) + profile_correlations(weights, BELLMAN_BUDGE)
    minor = np.broadcast_to(np.arange(24) >= 12, fit.shape)
    return np.stack([fit / 2, minor, edges], axis=-1)


def _major(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tonic of each key's relative major, or of the key itself."""
    majors: NDArray[np.int64] = np.where(keys >= 12, keys - 12 + 3, keys) % 12
    return majors


def _tonic(pitch_classes: NDArray[np.int8]) -> NDArray[np.float64]:
    """1 for the major and the minor key on each pitch class, (N,) to (N, 24); 0 everywhere for -1."""
    tonics = np.concatenate([np.arange(12), np.arange(12)])
    matches: NDArray[np.float64] = (pitch_classes[:, None] == tonics).astype(np.float64)
    return matches
