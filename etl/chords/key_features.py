"""What the trained key finder sees of a song: which chords, how they move, where songs and sections rest.

Conventions
-----------
A chord's *state* is its root and one of ten quality classes, ``10 * root + class``; a *move* is two chords
in a row, each as root and one of five broader classes, ``60 * (5 * root + class) + 5 * root' + class'``. A
sixth, and a major seventh over a minor triad, colour a triad and do not change what it does: they go with
it. Counted on pitch classes here, they are read as scale degrees by rotating to each tonic
(:mod:`etl.chords.key_model`). Unknown tokens are passed over, and so is a chord that is written again, as in
every bar that it lasts: the data of the fit have none of these. A section begins at a section tag; chords
before the first tag form a section too, and a song without tags is one section. How a section begins and
ends counts in full from :data:`FULL_SECTION` chords on, and in proportion below: a phrase may rest
anywhere.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.music.qualities import QUALITIES, Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary

STATE_CLASSES: Final = ("maj", "7", "maj7", "min", "min7", "dim", "hdim7", "aug", "sus", "5")
"""Quality classes of a state."""

MOVE_CLASSES: Final = ("major", "dominant", "minor", "diminished", "open")
"""Quality classes of the chords of a move."""

_MOVE_CLASS: Final = dict(
    zip(STATE_CLASSES, (0, 1, 0, 2, 2, 3, 3, 1, 4, 4), strict=True)
)  # augmented triads act as dominants, suspensions and power chords are open

FULL_SECTION: Final = 12
"""Chords from which on the beginning and the end of a section count in full."""

STATES: Final = 12 * len(STATE_CLASSES)
HALVES: Final = 12 * len(MOVE_CLASSES)
MOVES: Final = HALVES * HALVES

GROUP_SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "chords": STATES,
        "moves": MOVES,
        "first": STATES,
        "last": STATES,
        "section_first": STATES,
        "section_last": STATES,
        "section_final_move": MOVES,
    }
)
"""Feature groups in weight order and how many features each has."""


def _state_class(quality: Quality) -> str:
    over_root = quality.semitones
    third, fifth, seventh = over_root.get("3"), over_root["5"], over_root.get("7")
    if {"2", "4"} & set(quality.degrees):
        return "sus"
    if third is None:
        return "5"
    if third == 3 and fifth == 6:
        return "hdim7" if seventh == 10 else "dim"
    if third == 3:
        return "min7" if seventh == 10 else "min"
    if fifth == 8:
        return "aug"
    return {10: "7", 11: "maj7"}.get(seventh or 0, "maj")


_STATE_OF_QUALITY: Final = np.array([STATE_CLASSES.index(_state_class(q)) for q in QUALITIES], np.int32)
_HALF_OF_QUALITY: Final = np.array([_MOVE_CLASS[_state_class(q)] for q in QUALITIES], np.int32)


def states_and_halves(vocabulary: Vocabulary) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """State of each token, and its half of a move, (V,) each; meaningless where it is no chord."""
    return (
        _by_token(vocabulary, _STATE_OF_QUALITY, len(STATE_CLASSES)),
        _by_token(vocabulary, _HALF_OF_QUALITY, len(MOVE_CLASSES)),
    )


def _by_token(vocabulary: Vocabulary, class_of_quality: NDArray[np.int32], classes: int) -> NDArray[np.int32]:
    """``classes * root + class`` of each token, (V,); meaningless where it is no chord."""
    result: NDArray[np.int32] = classes * vocabulary.roots.astype(np.int32)
    result += class_of_quality[vocabulary.qualities]
    return result
