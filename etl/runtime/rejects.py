"""What was refused, and why: rows, files and tracks alike, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.runtime.disk.targets import is_stream
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

REJECT_SCHEMA: Final = {
    "source": str, "line": int, "stage": str, "category": str, "reason": str, "raw": str,
}  # fmt: skip
"""Columns of a frame of rejects; ``line`` and ``raw`` may be left out."""

_HEADER: Final = ",".join(REJECT_SCHEMA).encode()


def is_rejects_file(path: Path) -> bool:
    """Whether a file is one of ours: it begins with our header."""
    if is_stream(path) or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline(len(_HEADER) + 2).rstrip(b"\r\n") == _HEADER


def check_rejects_file(path: Path) -> None:
    """Fail at the start where rejects would be written over a file that is not one of ours.

    Raises
    ------
    EtlError
        If there is such a file.
    """
    if path.is_file() and not is_stream(path) and not is_rejects_file(path):
        raise EtlError(
            f"{path} is not a file of rejects, and refused rows would be written there.",
            "Move it away, or choose another target.",
            exit_code=ExitCode.CANNOT_WRITE,
        )


def remove_rejects_file(path: Path) -> None:
    """Remove the rejects of an earlier run, if that is what the file is."""
    if is_rejects_file(path):
        path.unlink()
