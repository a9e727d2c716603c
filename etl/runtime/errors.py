"""The errors that reach the user: what was wrong, where, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line, from 65 as in sysexits.h, and 130 as the shell gives it.

    Attributes
    ----------
    OK
        Done.
    FAILURE
        There are findings, or some input gave nothing.
    USAGE
        A wrong option, or a wrong value of one.
    BAD_DATA
        A file is not what it should be.
    UNAVAILABLE
        A service does not answer as it should.
    CANNOT_WRITE
        A target cannot be written, or its disk is full.
    PARKED
        Try again later.
    INTERRUPTED
        Stopped by the user.
    """

    OK = 0
    FAILURE = 1
    USAGE = 2
    BAD_DATA = 65
    UNAVAILABLE = 69
    CANNOT_WRITE = 73
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


def missing_part(what: str, part: str) -> EtlError:
    """Make the error of a command that needs an optional part, an extra of the package.

    Parameters
    ----------
    what
        Who needs which package, as ``pictures need matplotlib``.
    part
        The extra.

    Examples
    --------
    >>> print(missing_part("pictures need matplotlib", "plot"))
    pictures need matplotlib, which is not installed.
    Install it in the source folder of music-etl: pip install '.[plot]'
    """
    return EtlError(
        f"{what}, which is not installed.",
        f"Install it in the source folder of music-etl: pip install '.[{part}]'",
        exit_code=ExitCode.USAGE,
    )
