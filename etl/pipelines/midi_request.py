"""What a MIDI run is asked to do, and what it says it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from etl.runtime.meter import Meter
from etl.store.midi import ANALYZE, SANITIZE, SPLIT

if TYPE_CHECKING:
    from pathlib import Path

ANALYSIS_VERSION: Final = "1"
"""Goes up when the analysis changes, so that files are analysed again."""


class Stage(StrEnum):
    """What is done with the files; import and analysis are one pass over the same bytes."""

    ANALYZE = "analyze"
    SANITIZE = "sanitize"
    SPLIT = "split"


@dataclass(frozen=True)
class MidiRun:
    """What to do.

    Attributes
    ----------
    sources
        Files, folders and archives.
    database
        The store.
    library
        Folder for copies with safe names and for parts.
    stages
        What to do beside reading and storing.
    workers
        Processes.
    limit
        Take so many files at most, or None for all.
    pattern
        Only paths that match this glob.
    force
        Do again what is done.
    """

    sources: tuple[Path, ...]
    database: Path
    library: Path
    stages: frozenset[Stage]
    workers: int
    limit: int | None = None
    pattern: str = "*"
    force: bool = False

    @property
    def tasks(self) -> list[str]:
        """Ledger tasks that must be done for a file to need nothing more."""
        names = {Stage.SANITIZE: SANITIZE, Stage.SPLIT: SPLIT}
        return [ANALYZE, *(names[stage] for stage in sorted(self.stages) if stage in names)]

    @property
    def writes_library(self) -> bool:
        """Whether copies are written."""
        return bool(self.stages & {Stage.SANITIZE, Stage.SPLIT})


@dataclass
class MidiSummary:
    """What a run did."""

    found: int = 0
    unchanged: int = 0
    read: int = 0
    new: int = 0
    parts: int = 0
    rejected: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
