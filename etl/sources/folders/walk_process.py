"""Walk in a process of its own, which looks at files while this one opens the store.

Twenty thousand files take as long to look at as the store takes to open, and a folder that does not answer
can be left by ending the process.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from etl.runtime.errors import EtlError
from etl.runtime.work.prefetch import prefetched
from etl.runtime.work.signals import interrupts_held
from etl.sources.folders.midi import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_START: Final = "import sys; sys.path[:] = {path!r}; from etl.sources.folders.walk_child import main; main()"
_WAITING: Final = 64


@dataclass
class Finds:
    """What was found since the last time, in a form that costs little where most of it is known.

    Attributes
    ----------
    stamps
        ``path|size|mtime_ns`` of each file: its name as it is now.
    archives
        Those of the stamps that are of archives.
    locations
        By stamp, what opens a file whose path is no UTF-8.
    refused
        Path, category and reason of what is not taken.
    """

    stamps: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    locations: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def found(self, stamps: set[str]) -> Iterator[Found]:
        """Give the files that have one of some stamps."""
        for stamp in self.stamps if stamps else ():
            if stamp in stamps:
                path, size, mtime_ns = stamp.rsplit("|", 2)
                location = self.locations.get(stamp, path)
                yield Found(location, path, int(size), int(mtime_ns), stamp in self.archives)


@contextmanager
def walking(sources: Sequence[Path], pattern: str, library: Path) -> Iterator[Iterator[Finds]]:
    """Begin to walk sources, as `etl.sources.folders.midi.walk` does.

    Yields
    ------
    Iterator of Finds
        As they come. An `EtlError` if the process ends before the walk.
    """
    places = [os.fsencode(source.absolute()) for source in sources]
    order = marshal.dumps((places, pattern, os.fsencode(library)))
    with interrupts_held():  # for good: this process decides
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-S", "-c", _START.format(path=sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
    with process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            with suppress(BrokenPipeError):  # that it has ended shows when it is listened to
                process.stdin.write(order)
                process.stdin.close()
            with prefetched(_messages(process, process.stdout), waiting=_WAITING) as messages:
                yield map(_joined, messages)
        finally:
            process.kill()


def _messages(process: subprocess.Popen[bytes], stream: IO[bytes]) -> Iterator[Sequence[Any]]:
    try:
        while message := marshal.load(stream):  # noqa: S302 - of our own process
            yield message
        process.wait()
    except (EOFError, ValueError, TypeError) as error:
        raise EtlError(
            "the process that looks for files was killed or crashed.",
            "What was finished is kept. Run the same command to go on.",
        ) from error


def _joined(messages: Iterable[Sequence[Any]]) -> Finds:
    joined = Finds()
    for stamps, archives, locations, refused in messages:
        joined.stamps += stamps
        joined.archives += archives
        joined.locations |= locations
        joined.refused += refused
    return joined
