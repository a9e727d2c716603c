"""The key of each file, and whether and where it changes.

A key scores by how well two published profiles fit the pitch classes (weighted by how long they sound, drums
left out) and by whether the piece begins and ends on its tonic in the bass. A change of key is believed
only where two parts, each with its own key, score clearly better than one. Key metas are not asked: they
are wrong too often.

References
----------
.. [1] Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, p. 30.
.. [2] Bellman, "About the determination of key of a musical excerpt", CMMR 2005, pp. 76-91: profiles counted
   by Budge, "A study of chord frequencies", 1943.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from etl.midi.beat_kernel import edge_basses
from etl.pitch import KRUMHANSL_KESSLER, NO_KEY, profile_correlations

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

# A conditional logit over the 24 keys, fitted on 114 songs of POP909 (Wang et al., ISMIR 2020).
_KRUMHANSL_WEIGHT: Final = 5.5
_BELLMAN_WEIGHT: Final = 5.6
_MINOR_BIAS: Final = 1.27
_FIRST_BASS: Final = 0.5
_LAST_BASS: Final = 0.85

_CHANGE_COST: Final = 0.9
_CHANGE_STEP: Final = 8  # beats between the places where a change is tried
_SHORTEST_SECTION: Final = 32  # beats before and after a change

_LOOP_BEATS: Final = 32
_FEWEST_CLASSES: Final = 4


class Keys(NamedTuple):
    """Keys of the files of a batch; keys are 0-23 as in `etl.pitch`, -1 for none.

    ``key`` is the longest, ``posterior`` (files, 24) float64 what the scores make of it, ``change_beat`` the
    beat at which the key changes (-1: it does not) and ``other_key`` that of the shorter part. ``is_loop``:
    shorter than 8 bars or of fewer than four pitch classes, so that the key is a phrase's, not a piece's.
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
    count = len(batch.files)
    lengths = np.diff(beats.offsets)
    running = np.concatenate([np.zeros((1, 12)), np.cumsum(beats.profiles, axis=0)])
    totals = running[beats.offsets[1:]] - running[beats.offsets[:-1]]
    edges = np.empty((count, 2), np.int8)
    edge_basses(batch.files, batch.notes, batch.note_offsets, edges)
    first, last = _tonic(edges[:, 0]) * _FIRST_BASS, _tonic(edges[:, 1]) * _LAST_BASS
    scores = _profile_scores(totals) + first + last
    key = scores.argmax(axis=1).astype(np.int8)
    posterior = np.exp(scores - scores.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    change_beat = np.full(count, -1, np.int32)
    other_key = np.full(count, NO_KEY, np.int8)

    # All places in all files where the key might change, at once.
    tries = np.maximum(0, (lengths - 2 * _SHORTEST_SECTION) // _CHANGE_STEP + 1)
    tries[lengths < 2 * _SHORTEST_SECTION] = 0
    file = np.repeat(np.arange(count), tries)
    if len(file):
        ordinal = np.arange(len(file)) - np.repeat(np.cumsum(tries) - tries, tries)
        cut = _SHORTEST_SECTION + ordinal * _CHANGE_STEP
        before = running[beats.offsets[file] + cut] - running[beats.offsets[file]]
        share = (cut / lengths[file])[:, None]
        early = share * _profile_scores(before) + first[file]
        late = (1 - share) * _profile_scores(totals[file] - before) + last[file]
        gain = early.max(axis=1) + late.max(axis=1) - scores.max(axis=1)[file]
        starts = (np.cumsum(tries) - tries)[tries > 0]
        best = np.maximum.reduceat(gain, starts)
        # The first place that reaches its file's best gain.
        reached = np.flatnonzero(gain == np.repeat(best, tries[tries > 0]))
        place = reached[np.unique(file[reached], return_index=True)[1]]
        early_key, late_key = early.argmax(axis=1)[place], late.argmax(axis=1)[place]
        believed = (best > _CHANGE_COST) & (early_key != late_key)
        place, early_key, late_key = place[believed], early_key[believed], late_key[believed]
        changed = file[place]
        early_longer = cut[place] * 2 >= lengths[changed]
        key[changed] = np.where(early_longer, early_key, late_key)
        other_key[changed] = np.where(early_longer, late_key, early_key)
        change_beat[changed] = cut[place]
    silent = totals.sum(axis=1) == 0
    key[silent] = NO_KEY
    posterior[silent] = 0.0
    classes = (totals > 0).sum(axis=1)
    return Keys(key, posterior, change_beat, other_key, (lengths < _LOOP_BEATS) | (classes < _FEWEST_CLASSES))


def _profile_scores(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score the 24 keys by how the profiles fit, (N, 12) to (N, 24)."""
    fit = _KRUMHANSL_WEIGHT * profile_correlations(weights, KRUMHANSL_KESSLER)
    fit += _BELLMAN_WEIGHT * profile_correlations(weights, BELLMAN_BUDGE)
    fit[:, 12:] += _MINOR_BIAS
    return fit


def _tonic(pitch_classes: NDArray[np.int8]) -> NDArray[np.float64]:
    """1 for the major and the minor key on each pitch class, (N,) to (N, 24); 0 everywhere for -1."""
    tonics = np.concatenate([np.arange(12), np.arange(12)])
    matches: NDArray[np.float64] = (pitch_classes[:, None] == tonics).astype(np.float64)
    return matches
