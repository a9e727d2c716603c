"""Which parts are drums: channel 10 and kits by definition, others by notes, name and program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.midi.drum_classes import CATEGORY_SCORE
from etl.midi.roles import ROLES
from etl.music.instrument_words import Said, what_is_said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

_FEWEST_NOTES: Final = 4

# Log odds for drums. A bass line can be like any drum, but nobody gives a kit a program of pitches: what the
# notes say is bounded, so that a program stands against it, and a name against both.
_MOST_FROM_NOTES: Final = 6.0
_NAME_SAYS: Final = {Said.DRUMS: 6.5, Said.PITCHED: -6.5, Said.NOTHING: 0.0}
_PITCHED_PROGRAM: Final = -8.0
_DRUM_PROGRAM: Final = 3.0
# Program 0, the piano, is what a part without any has too; kits off channel 10 are rare beside one on it.
_BESIDE_A_KIT: Final = -4.0
_BESIDE_OTHERS: Final = -2.0
_DRUM_PROGRAMS: Final = np.array([113, 115, 116, 117, 118, 119])
"""Agogo, woodblock, taiko, melodic tom, synth drum and reverse cymbal; bells and steel drums have pitches."""


def drum_scores(
    parts: NDArray[Any], chances: NDArray[np.float64], names: Sequence[str | None]
) -> NDArray[np.float64]:
    """Score each part from 0 to 1 for being drums.

    Parameters
    ----------
    parts
        `etl.midi.stats_kernel.PART` records, all those of each file.
    chances
        What they play by their notes alone, from `etl.midi.roles.role_chances`, (parts, 4).
    names
        What they are called, or None, (parts,).

    Returns
    -------
    ndarray
        1 on drum channels; elsewhere the chance by notes, name, program and the other parts of the file
        together; 0 for fewer than four notes.
    """
    drums = np.clip(chances[:, ROLES.index("drums")], 1e-9, 1 - 1e-9)
    odds = np.clip(np.log(drums / (1 - drums)), -_MOST_FROM_NOTES, _MOST_FROM_NOTES)
    odds += [_NAME_SAYS[what_is_said(name)] if name else 0.0 for name in names]
    files = parts["file"]
    count = int(files.max()) + 1 if len(files) else 0
    has_kit = np.bincount(files, parts["drum"], count)[files] > 0
    alone = np.bincount(files, minlength=count)[files] == 1
    company = np.where(has_kit, _BESIDE_A_KIT, np.where(alone, 0.0, _BESIDE_OTHERS))
    is_drum_program = np.isin(parts["program"], _DRUM_PROGRAMS)
    odds += np.where(
        parts["program"] == 0, company, np.where(is_drum_program, _DRUM_PROGRAM, _PITCHED_PROGRAM)
    )
    scores = 1.0 / (1.0 + np.exp(-odds))
    scores[parts["notes"] < _FEWEST_NOTES] = 0.0
    scores[parts["drum"] == 1] = 1.0
    rounded: NDArray[np.float64] = scores.round(4)
    return rounded


def mark_drums(batch: MidiBatch, parts: NDArray[Any], scores: NDArray[np.float64]) -> None:
    """Set the ``drum`` flag of the notes of parts that score above `CATEGORY_SCORE`."""
    found = parts[(scores > CATEGORY_SCORE) & (parts["drum"] == 0)]
    if not len(found):
        return
    notes = batch.notes
    tracks = int(notes["track"].max()) + 1

    def part_number(rows: NDArray[Any]) -> NDArray[np.int64]:
        number: NDArray[np.int64] = (rows["file"].astype(np.int64) * tracks + rows["track"]) * 16 + rows[
            "channel"
        ]
        return number

    notes["drum"][np.isin(part_number(notes), part_number(found))] = 1
