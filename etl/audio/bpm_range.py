"""Tempi folded by octaves into a range, as DJs write them: 70-180 makes 174 of 87 no less than of 174."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BpmRange(NamedTuple):
    """Lowest and highest tempo, beats per minute."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> BpmRange:
        """Read ``70-180``.

        Raises
        ------
        EtlError
            If it is not two numbers, the second at least twice the first: in less than an octave some tempi
            have no place.
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*", text)
        if found is None or not 0 < 2 * float(found[1]) <= float(found[2]):
            raise EtlError(
                f"`{text}` is not a range of tempi.",
                "Give the lowest and at least twice as much, for example 70-180.",
                exit_code=ExitCode.USAGE,
            )
        return cls(float(found[1]), float(found[2]))

    def fold(self, bpm: NDArray[np.floating]) -> NDArray[np.float64]:
        """Double what is too slow and halve what is too fast, as often as needed; NaN stays.

        Examples
        --------
        >>> BpmRange(70, 180).fold(np.array([34.0, 87.0, 174.0, 181.0])).tolist()
        [136.0, 87.0, 174.0, 90.5]
        """
        octaves = np.ceil(np.log2(self.low / bpm)).clip(min=0) - np.ceil(np.log2(bpm / self.high)).clip(min=0)
        folded: NDArray[np.float64] = bpm * 2.0**octaves
        return folded
