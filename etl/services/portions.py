"""Several ids in one request: an item that spoils it is found by halving."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from etl.services.contract import failed
from etl.services.errors import (
    ForeignError,
    IncompleteError,
    InternalError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnauthorizedError,
    WayError,
)
from etl.services.politeness.retry import persist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from etl.services.contract import Answer, Kind
    from etl.services.errors import ServiceError
    from etl.services.politeness.gate import Gate


ATTEMPTS: Final = 3
"""After so many a request for several is halved, for one of its items may be to blame."""


def is_worth_repeating(error: ServiceError, attempt: int) -> bool:
    """Whether a request for several should be sent again as it is after so many attempts; else it is halved.

    A status of 500 is reason enough to halve it. Where the way is in doubt it gets an attempt less: without
    a success that is soon taken for the network's fault.
    """
    if isinstance(error, (RateLimitedError, UnauthorizedError)):
        return True
    return attempt < ATTEMPTS - isinstance(error, WayError) and not isinstance(error, InternalError)


def look_up_halving(
    ids: Sequence[str],
    *,
    together: Callable[[Sequence[str]], list[Answer]],
    alone: Callable[[str], Answer],
) -> Iterator[list[Answer]]:
    """Ask about several ids at once, and about halves of them where that fails.

    Parameters
    ----------
    ids
        What to ask about.
    together
        Sends one request about two or more ids.
    alone
        Sends one request about a single id, and gives an answer whatever is the matter with the id.

    Yields
    ------
    list of Answer
        What one request has told.
    """
    parts = deque([list(ids)] if ids else [])
    while parts:
        part = parts.popleft()
        if len(part) == 1:
            yield [alone(part[0])]
            continue
        try:
            answers = together(part)
        except IncompleteError as error:
            answers = error.answers
        except ForeignError:
            # What stands in between may block lists and let single items pass: one shows whether it is so.
            answers = []
            parts.appendleft(part[:1])
            part = part[1:]
        except (TransientError, RejectedError):
            answers = []
        if answers:
            yield answers
            told = {answer.id for answer in answers}
            if rest := [item for item in part if item not in told]:
                parts.append(rest)
        else:
            # Both halves before their quarters, so that good answers in between keep the breaker closed.
            half = len(part) // 2
            parts.extend(each for each in (part[:half], part[half:]) if each)


def look_up_lists(
    gate: Gate, kind: Kind, ids: Sequence[str], ask: Callable[[Sequence[str]], list[Answer]]
) -> Iterator[list[Answer]]:
    """Ask a service that takes one id as it takes several, as often as it takes.

    Parameters
    ----------
    gate
        Of the service.
    kind, ids
        What to ask about.
    ask
        Sends one request about some ids, and gives an answer for each.

    Yields
    ------
    list of Answer
        What one request has told.
    """

    def alone(item: str) -> Answer:
        try:
            (answer,) = persist(gate, lambda: ask([item]))
        except (TransientError, RejectedError, IncompleteError) as error:
            return failed(kind, item, error.category, str(error))
        return answer

    yield from look_up_halving(
        ids, together=lambda part: persist(gate, lambda: ask(part), again=is_worth_repeating), alone=alone
    )
