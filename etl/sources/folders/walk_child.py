"""The process that walks, for `etl.sources.folders.walk_process`; it imports little, to start in no time."""

from __future__ import annotations

import itertools
import marshal
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from etl.sources.archives.limits import Refusal
from etl.sources.folders.midi import Found, find_midi

_CHUNK: Final = 1024


def main() -> None:
    """Read an order from standard input, walk, write messages to standard output."""
    sources, pattern, library = marshal.load(sys.stdin.buffer)  # noqa: S302 - of our own process
    places = [Path(os.fsdecode(source)) for source in sources]
    entries = find_midi(places, pattern=pattern, library=Path(os.fsdecode(library)))
    with suppress(BrokenPipeError):  # nobody listens any more
        while chunk := list(itertools.islice(entries, _CHUNK)):
            _send(_message(chunk))
        _send(())


def _message(chunk: list[Found | Refusal]) -> tuple[Any, ...]:
    found = [entry for entry in chunk if isinstance(entry, Found)]
    stamps = [f"{path}|{size}|{mtime_ns}" for _, path, size, mtime_ns, _ in found]
    return (
        stamps,
        [stamp for stamp, entry in zip(stamps, found, strict=True) if entry.is_archive],
        {stamp: e.location for stamp, e in zip(stamps, found, strict=True) if e.location != e.path},
        [(entry.path, entry.category, entry.reason) for entry in chunk if isinstance(entry, Refusal)],
    )


def _send(message: tuple[Any, ...]) -> None:
    marshal.dump(message, sys.stdout.buffer)
    sys.stdout.buffer.flush()
