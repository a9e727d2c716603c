"""Who is to blame for an answer: what is filed with an id, what waits for proof, what is asked again.

An id is found as soon as an answer holds it. That it is gone needs two look-ups on two occasions. A failure
is held back until something else has come through: then the service and the way to it were well, and the id
is to blame. Where nothing comes through any more, no id loses one of its chances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.services.contract import Status, failed
from etl.services.errors import (
    AppError,
    ForeignError,
    NetworkError,
    NotFoundError,
    ParkedError,
    RejectedError,
    StoppedError,
)
from etl.store.answers import put_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from etl.services.contract import Answer, Kind
    from etl.services.errors import ServiceError
    from etl.store.writes import Write

Key = tuple["Kind", str]

_ABOUT_THE_ITEM: Final = (NotFoundError.category, RejectedError.category)
_ABOUT_THE_WAY: Final = (NetworkError.category, ForeignError.category)


@dataclass
class Filing:
    """Decides about the answers of one run.

    Attributes
    ----------
    suspects
        Ids that were not found on an earlier occasion.
    """

    suspects: set[Key] = field(default_factory=set)
    _doubted: set[Key] = field(default_factory=set)
    _held: list[tuple[Answer, int]] = field(default_factory=list)

    def file(self, answers: Iterable[Answer], successes: int) -> tuple[list[Answer], list[Key]]:
        """Decide about answers.

        Parameters
        ----------
        answers
            What has come in.
        successes
            Answers of this run that made sense, by now.

        Returns
        -------
        answers, again
            What is to be stored now, and which ids are to be asked about once more at the end.
        """
        again: list[Key] = []
        for answer in answers:
            key = (answer.kind, answer.id)
            if answer.status is Status.GONE and not answer.is_certain and key not in self.suspects:
                if key in self._doubted:
                    continue  # filed already, for the next occasion
                self._doubted.add(key)
                again.append(key)
                self._hold(failed(*key, NotFoundError.category, answer.reason), successes)
            elif answer.status is Status.FOUND:
                self._held.append((answer, -1))
            else:
                self._hold(answer, successes)
        ready = [answer for answer, since in self._held if successes > since]
        self._held = [(answer, since) for answer, since in self._held if successes <= since]
        return ready, again

    def is_unproven(self, successes: int) -> bool:
        """Whether failures are held back that are the ids' if the service is well, which nothing shows.

        Parameters
        ----------
        successes
            Answers of this run that made sense.
        """
        return not successes and any(
            not _is_about_item(answer) and answer.category not in _ABOUT_THE_WAY for answer, _ in self._held
        )

    def was_doubted(self, answer: Answer) -> bool:
        """Whether the id was filed as not found in this run before it was found."""
        return answer.status is Status.FOUND and (answer.kind, answer.id) in self._doubted

    def rest(self, ended: ServiceError | None) -> list[Answer]:
        """Decide about what is held back when the run ends for this reason, None for the end of the ids."""
        held, self._held = self._held, []
        if isinstance(ended, (ParkedError, AppError)):
            return []
        if isinstance(ended, StoppedError):
            return [answer for answer, _ in held if _is_about_item(answer)]
        return [answer for answer, _ in held if answer.category not in _ABOUT_THE_WAY]

    def _hold(self, answer: Answer, successes: int) -> None:
        """Hold back until there are more successes; what is about the item needs one in the whole run."""
        self._held.append((answer, 0 if _is_about_item(answer) else successes))


def _is_about_item(answer: Answer) -> bool:
    return answer.status is Status.GONE or answer.category in _ABOUT_THE_ITEM


def fitting(
    service: str, answers: list[Answer], schemas: Mapping[Kind, Mapping[str, Any]]
) -> tuple[list[Answer], list[Write]]:
    """Make writes of answers; one that its table cannot hold is an error of its id."""
    try:
        return answers, list(put_answers(service, answers, schemas))
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        if len(answers) > 1:
            each = [fitting(service, [answer], schemas) for answer in answers]
            return [kept for some, _ in each for kept in some], [write for _, some in each for write in some]
        (odd,) = answers
        answer = failed(odd.kind, odd.id, "unexpected", type(error).__name__)
        return [answer], list(put_answers(service, [answer], schemas))
