"""What can go wrong between a request and a usable answer, and whether asking again can help."""

from __future__ import annotations

from datetime import UTC, datetime


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
    """The server answered with a status of 500 or above."""

    category = "server"


class NetworkError(TransientError):
    """No complete answer came: refused, reset, cut short or timed out."""

    category = "network"


class GarbledError(TransientError):
    """The answer has a status of 200 and is not what the service documents."""

    category = "garbled"


class NullAnswerError(GarbledError):
    """The answer is the JSON value null."""


class UnauthorizedError(TransientError):
    """The access token is no longer accepted; a new one will be."""

    category = "token"


class RateLimitedError(TransientError):
    """The service asks for fewer requests; the pause is being kept by the politeness layer.

    Parameters
    ----------
    retry_after
        Seconds that the service asked for, None when it named no usable time.
    """

    category = "rate limit"

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFoundError(ServiceError):
    """The service knows no such item."""

    category = "not found"


class ForbiddenError(ServiceError):
    """The service does not let this app do that."""

    category = "forbidden"


class BatchesRefusedError(ForbiddenError):
    """The service gives this app one item per request; ask again in smaller portions."""


class RejectedError(ServiceError):
    """The service calls the request wrong."""

    category = "rejected"


class BadCredentialsError(ServiceError):
    """The service does not accept the client id and secret."""

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
        Its name.
    not_before
        Seconds since the epoch.
    reason
        Why, for people.
    """

    category = "parked"

    def __init__(self, service: str, not_before: float, reason: str) -> None:
        when = datetime.fromtimestamp(not_before, tz=UTC)
        super().__init__(f"{service} is parked until {when:%Y-%m-%d %H:%M:%S} UTC: {reason}")
        self.service = service
        self.not_before = not_before
        self.reason = reason
