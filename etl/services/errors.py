"""What can go wrong between a request and a usable answer: whose trouble it is, and what follows.

A service's ``judge`` chooses the class; from it follows what happens to the request, to the id and to the
run.

============================  ======================================================================
class                         what follows
============================  ======================================================================
:class:`TransientError`       asked again; counts towards the breaker
:class:`WayError`             the same, and no id is to blame unless others fare better afterwards
:class:`IncompleteError`      what is right in the answer is kept, the rest is asked about again
:class:`ItemError`            the service is well and the id is to blame; nothing is asked again
:class:`ForbiddenError`       not asked again; counts towards the breaker
:class:`AppError`             the run ends: until somebody acts no id can be asked about
:class:`ParkedError` etc.     the run ends, or rests: nothing may be sent now
============================  ======================================================================
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.services.contract import Answer


class ServiceError(Exception):
    """Base of all service failures; texts never hold headers, credentials or bodies.

    Attributes
    ----------
    category
        One word for counts and reports.
    """

    category = "service"


class TransientError(ServiceError):
    """A failure that may go away when the request is sent again."""


class ServerError(TransientError):
    """The server could not do it now: a status of 500 or above, 408 or 425."""

    category = "server"


class InternalError(ServerError):
    """The server stumbled over what it was asked (status 500): one of several items may be to blame."""


class WayError(TransientError):
    """The way to the service failed: nothing was learned about it, and nothing about the item."""


class NetworkError(WayError):
    """No complete answer came: refused, reset, cut short, too long or too slow."""

    category = "network"


class ForeignError(WayError):
    """Something else answered in place of the service: a proxy, a captive portal, another server."""

    category = "not the service"


class GarbledError(TransientError):
    """The answer has a status of 200 and is not what the service documents."""

    category = "garbled"


class NullAnswerError(GarbledError):
    """The answer is the JSON value null."""


class IncompleteError(ServiceError):
    """The answer to several ids does not hold all of them.

    Parameters
    ----------
    message
        What is the matter.
    answers
        What is right in it.
    """

    category = "garbled"

    def __init__(self, message: str, answers: list[Answer]) -> None:
        super().__init__(message)
        self.answers = answers


class UnauthorizedError(TransientError):
    """The access token is no longer accepted; a new one will be."""

    category = "token"


class RateLimitedError(TransientError):
    """The service asks for fewer requests; the gate keeps the pause.

    Parameters
    ----------
    message
        What the service said.
    retry_after
        Seconds that the service asked for, None when it named no usable time.
    """

    category = "rate limit"

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QuotaError(RateLimitedError):
    """The account's quota is used up: a pause of seconds does not help, and how much went before is kept."""


class ItemError(ServiceError):
    """The service has answered: it is well, and what was asked for is not."""


class NotFoundError(ItemError):
    """The service knows no such item."""

    category = "not found"


class RejectedError(ItemError):
    """The service calls the request wrong."""

    category = "rejected"


class RefusedError(ItemError):
    """A model, or who moderates it, will not answer what it was asked."""

    category = "refused"


class ForbiddenError(ServiceError):
    """The service does not let this app do that."""

    category = "forbidden"


class BatchesRefusedError(ForbiddenError):
    """The service gives this app one item per request; ask again in smaller portions."""


class AppError(ServiceError):
    """The service refuses the app or the account, whatever it asks for.

    Parameters
    ----------
    message
        What the service said.
    hint
        What the user can do.
    """

    category = "app"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadCredentialsError(AppError):
    """The service does not accept the credentials."""

    category = "credentials"


class StoppedError(ServiceError):
    """The run is ending; the request was not sent."""

    category = "stopped"


class BudgetSpentError(ServiceError):
    """The run has sent as many requests as it was allowed to."""

    category = "budget"


class ParkedError(ServiceError):
    """The service must not be asked before a certain time.

    Parameters
    ----------
    service
        Its title.
    not_before
        Seconds since the epoch.
    reason
        Why, for people.
    cause
        Category of the failures that led to it, empty if it was none.
    """

    category = "parked"

    def __init__(self, service: str, not_before: float, reason: str, cause: str = "") -> None:
        when = datetime.fromtimestamp(not_before, tz=UTC)
        super().__init__(f"{service} is parked until {when:%Y-%m-%d %H:%M:%S} UTC: {reason}")
        self.service = service
        self.not_before = not_before
        self.reason = reason
        self.cause = cause
