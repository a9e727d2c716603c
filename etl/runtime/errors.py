"""The errors that reach the user: what was wrong, where, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line (75 and 130 as in sysexits.h and the shell)."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    PARKED = 75
    INTERRUPTED = 130


class EtlError(Exception):
    """A failure that the user can act on; the command line prints it without a traceback.

    Parameters
    ----------
    message
        What was wrong and where.
    hint
        What to do next.
    exit_code
        What the process exits with.
    """

    def __init__(self, message: str, hint: str = "", *, exit_code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.args[0]}\n{self.hint}" if self.hint else str(self.args[0])
