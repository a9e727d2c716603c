"""What this process has open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def has_open(path: Path) -> bool:
    """Whether this process has a file or folder open, whichever of its threads opened it."""
    wanted = path.stat()
    for descriptor in Path("/dev/fd").iterdir():
        with suppress(OSError):  # that of the listing itself, or one that another thread has closed since
            found = os.fstat(int(descriptor.name))
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False
