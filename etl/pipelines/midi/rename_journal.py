"""Rename files on disk, with a journal that takes it back, whenever the process ends.

Every file first moves to a name of its own between the old and the new one, since a new name may be another
file's old one. The journal says for each whether it is on its way there or on its way on: ``planned`` and
``undone`` belong at the old path, ``done`` at the new one. A file found at a name between goes where its
journal entry says.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import LIMITS, Limits
from etl.sources.folders.walk import shown
from etl.store.bursts import writing
from etl.store.midi_renames import (
    UNDO,
    JournalEntry,
    count_done,
    drop_plan,
    journal_entries,
    mark_renames,
    plan_renames,
    renamed_since,
    unfinished_renames,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.store.bursts import BurstWriter

_ROWS: Final[dict[str, Any]] = {
    "ordinal": pl.Int64, "old_path": pl.String, "new_path": pl.String, "sha256": pl.String, "track": pl.Int32,
    "channel": pl.Int16,
}  # fmt: skip


class Rename(NamedTuple):
    """A file's old and new path; content hash, track and channel if it is in the library."""

    old: str
    new: str
    sha256: str | None = None
    track: int | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class RenamedFile:
    """A file's old and new path, as text."""

    old: str
    new: str


@dataclass
class Renames:
    """What was renamed, or would be.

    Attributes
    ----------
    files
        Old and new paths.
    run_id
        The run that did it, for `etl midi undo`; None if nothing was renamed.
    """

    files: list[RenamedFile]
    run_id: int | None = None


@dataclass(frozen=True)
class Undone:
    """What was taken back.

    Attributes
    ----------
    run_id
        The run whose renames these were.
    undone
        Files that have their old names.
    kept
        Files that do not: they are gone, or another has the old name.
    """

    run_id: int
    undone: int
    kept: int


def carry_out(
    database: Path, command: str, plan: Sequence[Rename], *, dry_run: bool, limits: Limits = LIMITS
) -> Renames:
    """Rename files, all or none.

    Raises
    ------
    EtlError
        If one cannot be renamed; then none is.
    """
    renames = Renames([RenamedFile(shown(entry.old), shown(entry.new)) for entry in plan])
    if dry_run or not plan:
        return renames
    with writing(database, command, {"files": len(plan)}, limits=limits) as store:
        recover_unfinished(store)
        run = store.run
        renames.run_id = run.run_id
        store.put(plan_renames(run.run_id, _rows(plan)))
        store.flush()  # it is in the journal before a file is
        try:
            for ordinal, entry in enumerate(plan):
                _move(entry.old, _between(entry.old, run.run_id, ordinal))
            store.put(mark_renames(run.run_id, range(len(plan)), "done"))
            store.flush()
            for ordinal, entry in enumerate(plan):
                _move(_between(entry.old, run.run_id, ordinal), entry.new)
        except BaseException as error:
            _take_back(store, run.run_id)
            if isinstance(error, OSError):
                raise _stuck(error) from error
            raise
        run.items_in = run.items_out = len(plan)
    return renames


def undo(database: Path, run_id: int, *, limits: Limits = LIMITS) -> Undone:
    """Take back the renames of a run.

    A file that is gone, or whose old name is another file's by now, is left.

    Raises
    ------
    EtlError
        If the run renamed nothing, or a later one renamed the same files.
    """
    with writing(database, UNDO, {"run": run_id}, limits=limits) as store:
        recover_unfinished(store)
        with store.reading() as connection:
            count = count_done(connection, run_id)
            since, later = renamed_since(connection, run_id)
        if not count:
            raise EtlError(
                f"run {run_id} has no renames to undo.",
                "`etl midi rename` says the number of its run.",
                exit_code=ExitCode.USAGE,
            )
        if since:
            raise EtlError(
                f"{since:,} of these files have been renamed since.",
                f"Undo that first: etl midi undo {later}",
            )
        try:
            undone = _take_back(store, run_id)
        except OSError as error:
            recover_renames(store, run_id)
            raise _stuck(error) from error
        store.run.items_in, store.run.items_out = count, undone
    return Undone(run_id, undone, count - undone)


def recover_unfinished(store: BurstWriter) -> None:
    """Bring files that a killed rename or undo left at names between to where they belong."""
    with store.reading() as connection:
        unfinished = unfinished_renames(connection, before=store.run.run_id)
    for run_id in unfinished:
        recover_renames(store, run_id)


def recover_renames(store: BurstWriter, run_id: int) -> None:
    """Bring the files of a run that are at names between to where they belong."""
    for ordinal, old, new, status in _entries(store, run_id):
        between = _between(old, run_id, ordinal)
        if os.path.lexists(between):
            target = new if status == "done" else old
            try:
                _move(between, target)
            except OSError as error:
                raise EtlError(
                    f"{shown(between)}, left by a rename that was killed, cannot become {shown(target)}: "
                    f"{error.strerror}.",
                    "Move it there by hand.",
                    exit_code=ExitCode.CANNOT_WRITE,
                ) from error
    store.put(drop_plan(run_id))


def _rows(plan: Sequence[Rename]) -> pl.DataFrame:
    rows = [(ordinal, shown(entry.old), shown(entry.new), *entry[2:]) for ordinal, entry in enumerate(plan)]
    return pl.DataFrame(rows, schema=_ROWS, orient="row")


def _take_back(store: BurstWriter, run_id: int) -> int:
    """Bring the files of a run to their old paths, from wherever they are; give how many."""
    entries = [entry for entry in _entries(store, run_id) if entry.status != "undone"]
    here: dict[int, tuple[str, str]] = {}
    for ordinal, old, new, status in entries:
        between = _between(old, run_id, ordinal)
        if os.path.lexists(between):
            here[ordinal] = between, old
        elif status == "done" and os.path.lexists(new):
            here[ordinal] = new, old
    while blocked := _blocked(here):
        for ordinal in blocked:  # another file has its old name: it stays, and may block others
            del here[ordinal]
    for ordinal, (place, old) in here.items():
        between = _between(old, run_id, ordinal)
        if place != between:
            _move(place, between)
    planned = [ordinal for ordinal, _, _, status in entries if status == "planned"]
    store.put(mark_renames(run_id, [*here, *planned], "undone"))
    store.flush()
    for ordinal, (_, old) in here.items():
        _move(_between(old, run_id, ordinal), old)
    return len(here)


def _blocked(here: dict[int, tuple[str, str]]) -> list[int]:
    """Name the entries whose old path is that of a file that is not about to move away."""
    leaving = {place for place, _ in here.values()}
    return [
        ordinal
        for ordinal, (place, old) in here.items()
        if old not in leaving and os.path.lexists(old) and not _is_same(place, old)
    ]


def _is_same(place: str, old: str) -> bool:
    """Whether two paths are one file: where upper and lower case are the same, it is in its own way."""
    with suppress(OSError):
        return Path(place).samefile(old)
    return False


def _entries(store: BurstWriter, run_id: int) -> list[JournalEntry]:
    """Give the renames of a run, with the paths that open the files."""
    with store.reading() as connection:
        entries = journal_entries(connection, run_id)
    return [
        entry._replace(old_path=_location(entry.old_path), new_path=_location(entry.new_path))
        for entry in entries
    ]


def _stuck(error: OSError) -> EtlError:
    return EtlError(
        f"{shown(str(error.filename))} cannot be renamed: {error.strerror or error}.",
        "All names are as they were. Check the permissions, and what else uses the folder.",
        exit_code=ExitCode.CANNOT_WRITE,
    )


def _between(old: str, run_id: int, ordinal: int) -> str:
    return str(Path(old).with_name(f".etl-rename-{run_id}-{ordinal}"))


def _move(source: str, target: str) -> None:
    """Rename a file, never over another one."""
    if os.path.lexists(target):
        raise FileExistsError(17, "there is a file of that name", target)
    os.rename(source, target)  # noqa: PTH104 - names that are no UTF-8 need no detour


def _location(path: str) -> str:
    """Give the path that opens a file, of one that `etl.sources.folders.midi.shown` wrote as text."""
    raw = re.sub(rb"\\x([89a-f][0-9a-f])", lambda byte: bytes([int(byte[1], 16)]), path.encode())
    location = os.fsdecode(raw)
    return location if location == path or not os.path.lexists(path) else path
