"""Which files of the library are not as they were left, by size and time; none of them is opened for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def touched(library: Path, stamps: Iterable[tuple[str, int | None, int | None]]) -> Iterator[str]:
    """Give the places of files that have another size or time.

    Parameters
    ----------
    library
        The library.
    stamps
        As `etl.store.midi_edits.library_stamps`: place, size, time. Where these are None nobody has looked
        yet.
    """
    for place, size, time in stamps:
        try:
            now = os.stat(f"{library}/{place}")  # noqa: PTH116 - once per file
        except OSError:
            continue  # what is lost is another matter
        if (now.st_size, now.st_mtime_ns) != (size, time):
            yield place
