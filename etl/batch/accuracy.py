"""How right answers are: accuracy, what is taken for what, whether confidence means what it says.

References
----------
.. [1] Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
   2015: the expected calibration error.
.. [2] McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika
   12(2), 1947; here by the exact binomial test.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BINS: Final = 10


@dataclass(frozen=True)
class Accuracy:
    """How right one engine is about one field.

    Attributes
    ----------
    items, answered, right
        Items with a truth, those that were answered, and those that were answered rightly.
    calibration_error
        Mean difference of confidence and share right, 0 to 1, over bins of confidence [1]_; None where no
        answer says how sure it is.
    confusions
        Truth, answer and how often, where they differ; most first.
    """

    items: int
    answered: int
    right: int
    calibration_error: float | None
    confusions: tuple[tuple[str, str, int], ...]

    @property
    def share_answered(self) -> float:
        """Answered of all."""
        return self.answered / self.items if self.items else 0.0

    @property
    def share_right(self) -> float:
        """Right of those that were answered."""
        return self.right / self.answered if self.answered else 0.0


def accuracy(
    truth: Sequence[str], answers: Sequence[str | None], confidences: Sequence[float | None]
) -> Accuracy:
    """Compare answers with a truth.

    Parameters
    ----------
    truth, answers, confidences
        By item; None where there is no answer, or none that says how sure it is.

    Examples
    --------
    >>> made = accuracy(["kick", "snare", "hat"], ["kick", "clap", None], [1.0, 0.5, None])
    >>> made.right, made.answered, made.confusions, made.calibration_error
    (1, 2, (('snare', 'clap', 1),), 0.25)
    """
    said = [
        (true, answer, sure)
        for true, answer, sure in zip(truth, answers, confidences, strict=True)
        if answer is not None
    ]
    wrong = Counter((true, answer) for true, answer, _ in said if not same(true, answer))
    sure = [(confidence, same(true, answer)) for true, answer, confidence in said if confidence is not None]
    return Accuracy(
        len(truth),
        len(said),
        len(said) - wrong.total(),
        _calibration_error(sure),
        tuple(
            (*pair, number) for pair, number in sorted(wrong.items(), key=lambda each: (-each[1], each[0]))
        ),
    )


def same(one: str, other: str) -> bool:
    """Whether two answers are one, whatever the letter case and the spaces around."""
    return one.strip().casefold() == other.strip().casefold()


def _calibration_error(sure: Sequence[tuple[float, bool]]) -> float | None:
    if not sure:
        return None
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, is_right in sure:
        bins.setdefault(min(int(confidence * BINS), BINS - 1), []).append((confidence, is_right))
    apart = (abs(sum(c for c, _ in each) - sum(right for _, right in each)) for each in bins.values())
    return round(sum(apart) / len(sure), 4)


def sign_test(better: int, worse: int) -> float:
    """Give the probability that so clear a difference, either way, is chance [2]_.

    Examples
    --------
    >>> sign_test(9, 1) < 0.05, sign_test(5, 4) < 0.05, sign_test(0, 0)
    (True, False, 1.0)
    """
    number = better + worse
    tail: float = sum(math.comb(number, k) for k in range(min(better, worse) + 1)) / 2**number
    return min(1.0, 2 * tail)
