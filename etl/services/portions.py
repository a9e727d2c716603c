"""Several ids in one request: an item that spoils it is found by halving."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from etl.services.errors import ForeignError, IncompleteError, RejectedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from etl.services.contract import Answer


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
        except ForeignError:  # what stands in between may block lists and let single items pass
            parts.extend([item] for item in part)
            continue
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
            parts.extend((part[:half], part[half:]))
