"""A run in lines: for people where there is no terminal, and as JSON for programs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

from etl.runtime.watch.format import in_one_line

if TYPE_CHECKING:
    from etl.runtime.watch.snapshot import Snapshot

QUIET_SECONDS: Final = 2.0
"""A run that ends sooner writes no line for people."""

_LINE_INTERVAL: Final = 10.0
_JSON_INTERVAL: Final = 5.0


class PlainLines:
    """Writes a line every ten seconds.

    Parameters
    ----------
    stream
        Where to; standard error unless told otherwise.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._due = QUIET_SECONDS

    def show(self, snapshot: Snapshot) -> None:
        """Write a line if it is due."""
        if snapshot.elapsed_s >= self._due:
            self._due = snapshot.elapsed_s + _LINE_INTERVAL
            self.say(in_one_line(snapshot))

    def say(self, line: str) -> None:
        """Write the line."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self, _snapshot: Snapshot, /) -> None:
        """Leave what is written."""


class JsonLines:
    """Writes the whole state as a JSON object a line to standard output, and lines that stay as ``message``.

    One is written every five seconds, as soon as a stage begins, when the run starts or ceases to wait, and
    at the end.
    """

    def __init__(self) -> None:
        self._due = 0.0
        self._seen: object = None

    def show(self, snapshot: Snapshot) -> None:
        """Write the state if that is due, or if something has begun."""
        seen = ([stage.has_begun for stage in snapshot.stages], snapshot.waits_for is None)
        if snapshot.elapsed_s >= self._due or seen != self._seen:
            self._due, self._seen = snapshot.elapsed_s + _JSON_INTERVAL, seen
            _write(snapshot.as_json())

    def say(self, line: str) -> None:
        """Write the line as an object of its own."""
        _write({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "message": line})

    def close(self, snapshot: Snapshot, /) -> None:
        """Write the last state."""
        _write(snapshot.as_json())


def _write(entry: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(entry) + "\n")
    sys.stdout.flush()
