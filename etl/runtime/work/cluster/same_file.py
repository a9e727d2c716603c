"""Whether a file is the same on another machine: its size, and three pieces of it.

A worker whose drive is not mounted would find no file, and one with a wrong map another; neither is the fault
of the file, which must not be refused for it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIECE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the machine knows it that hands out the work.

    Attributes
    ----------
    here, there
        Its path on that machine, and on the one that is to read it.
    size
        In bytes.
    sample
        A hash of its begin, middle and end.
    """

    here: str
    there: str
    size: int
    sample: bytes


def known_file(here: str, there: str) -> KnownFile | None:
    """Look at a file; None if it cannot be read, which the work on it says too."""
    try:
        return KnownFile(here, there, *_look(here))
    except OSError:
        return None


def check_files(files: Sequence[KnownFile]) -> None:
    """Make sure that files are the same here as there.

    Raises
    ------
    EtlError
        If one is not; the work is then about other files than those it was meant for.
    """
    for file in files:
        hint = "Mount the same folder there, or say where it is with --map HERE=THERE."
        try:
            size, sample = _look(file.there)
        except OSError as error:
            reason = f"cannot read {file.there}: {error.strerror or error}."
        else:
            if (size, sample) == (file.size, file.sample):
                continue
            reason = f"has another {file.there} than this machine has as {file.here}."
        raise EtlError(reason, hint, exit_code=ExitCode.UNAVAILABLE)


def _look(path: str) -> tuple[int, bytes]:
    """Give size and sample."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - once per file
        size = os.fstat(file.fileno()).st_size
        for start in sorted({0, max(0, size // 2), max(0, size - _PIECE_BYTES)}):
            file.seek(start)
            digest.update(file.read(_PIECE_BYTES))
    return size, digest.digest()
