"""What a run shows while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.runtime.watch.snapshot import Snapshot


class Shown:
    """A renderer that keeps every state that it is shown, the last one too."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def show(self, snapshot: Snapshot) -> None:
        """Keep it."""
        self.snapshots.append(snapshot)

    def say(self, line: str) -> None:
        """Say nothing."""

    def close(self, snapshot: Snapshot, /) -> None:
        """Keep the last one."""
        self.snapshots.append(snapshot)
