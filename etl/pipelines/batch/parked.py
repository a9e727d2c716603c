"""Why nothing more may be asked now, and what to do about it."""

from __future__ import annotations

import time

from etl.runtime.errors import EtlError, ExitCode
from etl.services.errors import ParkedError


class UnderWayError(ParkedError):
    """The service works at what was handed over; there is nothing to do until later."""


class BatchParkedError(EtlError):
    """Nothing more may be asked now.

    Parameters
    ----------
    message, hint
        As of any error.
    not_before
        When it may be asked again, seconds since the epoch.
    """

    def __init__(self, message: str, hint: str, *, not_before: float) -> None:
        super().__init__(message, hint, exit_code=ExitCode.PARKED)
        self.not_before = not_before


def parked(error: ParkedError, command: str) -> BatchParkedError:
    """Say what a service that may not be asked now means for a job; ``command`` goes on with it."""
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(error.not_before))
    if isinstance(error, UnderWayError):
        return BatchParkedError(
            f"{error.service} is at work ({error.reason}).",
            f"Look again after {until} with:\n  {command}\n"
            "With --wait it looks again by itself until all is answered.",
            not_before=error.not_before,
        )
    return BatchParkedError(
        f"{error.service} refuses further requests for now ({error.reason}).",
        f"What was answered is kept. Come back after {until} with:\n  {command}\n"
        "With --wait it waits until then and continues automatically.",
        not_before=error.not_before,
    )
