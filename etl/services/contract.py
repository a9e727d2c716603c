"""What a web service is to the rest of the program: kinds of ids, rates, look-ups, a judge of answers.

A service is one file that implements :class:`Service`, and one migration that makes the table of each of
its kinds (``{service}_{kind}s``, see :mod:`etl.store.answers`). Everything else is common: the gate,
retries, breaker and budget in :mod:`etl.services.politeness`, asking and storing in
:mod:`etl.pipelines.enrich`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import requests

    from etl.services.politeness.gate import Gate
    from etl.services.politeness.rates import Rates
    from etl.services.state import ServiceState

_MOST_CONNECTIONS: Final = 16
_SECONDS_PER_ANSWER: Final = 0.1  # as measured by others; slower answers only lower the rate


@dataclass(frozen=True, slots=True)
class Kind:
    """What an id names.

    Attributes
    ----------
    name
        In the singular, such as ``artist``.
    column
        The column of the songs that holds the ids.
    valid
        A regular expression that whole ids match, read alike by Python and RE2; other ids are never sent.
    answered_by
        Another service with this kind: what it has found need not be asked about. Empty for none.
    songs
        The view of the songs that has the column.
    gives
        What is learned about the songs, in the plural; only names reach the CSV.
    gone_days
        Days after which what was not there is asked about again; None for never.
    """

    name: str
    column: str
    valid: str
    answered_by: str = ""
    songs: str = "songs_current"
    gives: str = "names"
    gone_days: int | None = None

    def __str__(self) -> str:
        return self.name


class Status(StrEnum):
    """What became of an id."""

    FOUND = "found"
    GONE = "gone"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service says about one id; only what is about the id itself becomes an answer.

    Attributes
    ----------
    kind, id
        The id that was asked for.
    status, reason
        ``reason`` is empty when found; for errors it begins with the category and a colon.
    value
        What was found, by column of the kind's table; what is left out is NULL.
    is_certain
        False for what a second look-up on another occasion has to confirm before it counts.
    """

    kind: Kind
    id: str
    status: Status
    reason: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    is_certain: bool = True

    @property
    def category(self) -> str:
        """Of an error: what its reason begins with."""
        return self.reason.partition(":")[0] if self.status is Status.ERROR else ""


def found(kind: Kind, item_id: str, value: Mapping[str, Any]) -> Answer:
    """Answer with what the service knows about the id."""
    return Answer(kind, item_id, Status.FOUND, value={name: _storable(each) for name, each in value.items()})


def gone(kind: Kind, item_id: str, reason: str, *, is_certain: bool = True) -> Answer:
    """Answer that the service has no such item (any more)."""
    return Answer(kind, item_id, Status.GONE, _storable(reason), is_certain=is_certain)


def failed(kind: Kind, item_id: str, category: str, reason: str) -> Answer:
    """Answer that nothing could be learned about the id."""
    return Answer(kind, item_id, Status.ERROR, _storable(f"{category}: {reason}"))


def _storable(value: Any) -> Any:
    """Replace what UTF-8 cannot hold (lone surrogates) and the null character, which ends C strings."""
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if not isinstance(value, str):
        return value
    joined = value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return joined.replace("\0", "\ufffd")


class Client(ABC):
    """A service as one account may use it; nothing is sent before it is connected to a gate.

    Attributes
    ----------
    name
        Names its tables, settings and records: lower-case letters and underscores.
    title
        Its name for people.
    account
        Stands for the credentials without giving them away; limits and parking are kept per account.
    rates
        How often it may be asked.
    gate
        What every request passes, once it is connected.
    """

    name: ClassVar[str]
    title: str
    account: str
    rates: Rates

    gate: Gate

    def connect(self, gate: Gate) -> None:
        """Send every request through this gate, by a polite session."""
        self.gate = gate

    @abstractmethod
    def judge(self, response: requests.Response) -> Any:
        """Say what an answer means, before anything counts it as a success.

        Parameters
        ----------
        response
            Complete, its body within the caps, whatever its status.

        Returns
        -------
        Any
            What the look-up needs of the answer; client libraries get it from ``response.json()``.

        Raises
        ------
        ServiceError
            For everything else; the class says whose trouble it is (:mod:`etl.services.errors`).
        """


class Service(Client):
    """A service that is asked about ids.

    Attributes
    ----------
    kinds
        What it can be asked about, the most valuable first; all of one view of songs.
    """

    kinds: ClassVar[tuple[Kind, ...]]

    def portions(self, state: ServiceState) -> tuple[int, ...]:
        """Say how many ids a request may hold: what is possible as far as is known, the largest first.

        Parameters
        ----------
        state
            What is known from earlier requests. With more than one possibility, one request finds out
            before the others go.
        """
        del state
        return (1,)

    @property
    def portion(self) -> int:
        """How many ids a request may hold now."""
        return self.portions(self.gate.state)[0]

    @property
    def portion_is_known(self) -> bool:
        """Whether that is certain."""
        return len(self.portions(self.gate.state)) == 1

    @property
    def connections(self) -> int:
        """Connections that the rates can use."""
        return max(1, math.ceil(min(self.rates.per_second * _SECONDS_PER_ANSWER, _MOST_CONNECTIONS)))

    @abstractmethod
    def look_up(self, kind: Kind, ids: Sequence[str]) -> Iterator[list[Answer]]:
        """Ask about ids; called from several threads.

        Parameters
        ----------
        kind
            What the ids name.
        ids
            Distinct valid ids, at most ``portion``.

        Yields
        ------
        list of Answer
            What one request has told; every id comes exactly once. Nothing further is sent before the caller
            asks for more, so that it can store what it has.

        Raises
        ------
        BatchesRefusedError
            When several ids were given and the account may not do that: ask again, ``portion`` ids at a time.
        ParkedError, BudgetSpentError, StoppedError, AppError
            When nothing more can be asked now.
        """
