"""What a MIDI run is asked to do, what it would do, and what it did: data, for people and programs alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from etl.runtime.limits import LIMITS, Limits
from etl.runtime.work.cores import default_workers
from etl.sources.folders.midi import is_of
from etl.sources.folders.walk import shown, whole
from etl.store.midi import ANALYZE, IMPORT, SANITIZE, SPLIT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from etl.pipelines.midi.export import MidiExport
    from etl.pipelines.midi.rename_journal import Renames
    from etl.runtime.work.cluster.address import Cluster

ANALYSIS_VERSION: Final = "9"
"""Goes up when the analysis changes, so that files are analysed again."""

VERSIONS: Final = {IMPORT: "7", ANALYZE: ANALYSIS_VERSION, SANITIZE: "2", SPLIT: "1"}
"""Version of each ledger task; that of import goes up when the reader or the tags change."""


FIND: Final = "find"
STORE: Final = "store"
"""What a run does beside its stages: before the first and after the last."""


class Stage(StrEnum):
    """What is done with the files; whatever is asked for, a file is read and parsed once."""

    IMPORT = "import"
    ANALYZE = "analyze"
    SANITIZE = "sanitize"
    SPLIT = "split"


class PartsWanted(StrEnum):
    """Whether renames and exports are about parts: them alone, them and whole files, or whole files alone."""

    ONLY = "only"
    ALSO = "also"
    NO = "no"


_NEEDS: Final = {
    Stage.IMPORT: (Stage.IMPORT,),
    Stage.ANALYZE: (Stage.IMPORT, Stage.ANALYZE),
    Stage.SANITIZE: (Stage.IMPORT, Stage.SANITIZE),
    Stage.SPLIT: (Stage.IMPORT, Stage.SANITIZE, Stage.SPLIT),
}
_TASKS: Final = {
    Stage.IMPORT: IMPORT, Stage.ANALYZE: ANALYZE, Stage.SANITIZE: SANITIZE, Stage.SPLIT: SPLIT,
}  # fmt: skip


def with_needed(stages: Iterable[Stage]) -> frozenset[Stage]:
    """Add the stages that others build on.

    Examples
    --------
    >>> sorted(with_needed([Stage.SPLIT]))
    [<Stage.IMPORT: 'import'>, <Stage.SANITIZE: 'sanitize'>, <Stage.SPLIT: 'split'>]
    """
    return frozenset(needed for stage in stages for needed in _NEEDS[stage])


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
        What to do; stages that these build on are added.
    limit
        Stop after this many files, or None for all.
    pattern
        Only paths that match this glob.
    force
        Redo finished work.
    allow_gone
        Whether over half of the files of a folder may be gone.
    workers
        Processes; 0 works in this one.
    limits
        Sizes and cadences.
    cluster
        Whose workers read the files, instead of processes of this machine.
    """

    sources: tuple[Path, ...]
    database: Path
    library: Path
    stages: frozenset[Stage]
    limit: int | None = None
    pattern: str = "*"
    force: bool = False
    allow_gone: bool = False
    workers: int = field(default_factory=default_workers)
    limits: Limits = LIMITS
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", with_needed(self.stages))

    @property
    def tasks(self) -> dict[str, str]:
        """Ledger tasks that must be done for a file to need nothing more, with their versions."""
        return {_TASKS[stage]: VERSIONS[_TASKS[stage]] for stage in Stage if stage in self.stages}

    @property
    def places(self) -> tuple[str, ...]:
        """What the paths of all files of the sources begin with."""
        return tuple(shown(whole(source)) for source in self.sources)

    @property
    def roots(self) -> tuple[str, ...]:
        """What the paths of the sources begin with, and what is no part of what they hold; longest first."""
        folders = (source if source.is_dir() else source.parent for source in self.sources)
        roots = {f"{shown(whole(folder)).rstrip('/')}/" for folder in folders}
        return tuple(sorted(roots, key=len, reverse=True))

    @property
    def writes_library(self) -> bool:
        """Whether copies are written."""
        return Stage.SANITIZE in self.stages


@dataclass
class MidiPlan:
    """What a run would do.

    Attributes
    ----------
    files, archives, bytes
        What would be read: files beside archives, archives, and the size of both.
    unchanged
        Files that need nothing.
    touched
        Files of the library that have another size or time than when a run looked last.
    rejects
        What would be refused before it is read, by category.
    stages, database, library
        As in the request.
    """

    stages: tuple[Stage, ...]
    database: Path
    library: Path
    files: int = 0
    archives: int = 0
    bytes: int = 0
    unchanged: int = 0
    touched: int = 0
    rejects: dict[str, int] = field(default_factory=dict)


@dataclass
class MidiResult:
    """What a run did.

    Attributes
    ----------
    run_id
        Its number in the store.
    found, unchanged, read
        Files, those in archives that were opened among them.
    new
        Different contents that the store had not.
    parts
        Files split from others, also again from copies that were edited.
    edited
        Files of the library that somebody has edited there since a run looked last, with new figures now.
    spoilt
        Those that hold no whole file with notes any more, and keep the figures that they had.
    gone
        Files and archives that the store had, and that are no more.
    rejected, rejects
        What was refused, in all and by category.
    silent
        Sources that gave no MIDI file that could be read; none where a limit was set, which may cut them off.
    elapsed_s
        Wall seconds.
    stage_s
        Seconds by stage; those of several processes add up.
    cpu_share
        Average share of all cores in use, 0-1.
    renames, export
        What was renamed and exported after it, if that was asked for.
    """

    run_id: int = 0
    found: int = 0
    unchanged: int = 0
    read: int = 0
    new: int = 0
    parts: int = 0
    edited: int = 0
    spoilt: int = 0
    gone: int = 0
    rejected: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0
    stage_s: dict[str, float] = field(default_factory=dict)
    cpu_share: float = 0.0
    renames: Renames | None = None
    export: MidiExport | None = None

    def heard(self, path: str) -> None:
        """Take note that a MIDI file was found and could be read."""
        if self.silent:
            self.silent = [source for source in self.silent if not is_of(path, source)]
