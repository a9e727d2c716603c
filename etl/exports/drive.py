"""A sampler's drive: what an export put there before, what is to change, and changing it without loss.

The index says what is ours, with hashes; the plan, which lies beside it while an export lasts, what will be.
Files are written under names of their own, flushed and read back in batches, then renamed, so that a drive
that is pulled out holds whole files only, and the next export knows them.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.exports.drive_index import (
    forget_plan,
    indexed_hashes,
    planned_paths,
    write_metadata,
    write_plan,
)
from etl.midi.mpc import CATEGORY_FOLDERS, EMPTY_FOLDERS, ROOT_FOLDERS
from etl.runtime.disk.staging import sync_filesystem
from etl.runtime.disk.targets import write_error
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.exports.drive_index import Wanted
    from etl.midi.mpc import DriveFormat
    from etl.runtime.watch.progress import Watch

_USUAL_CLUSTER: Final = 1 << 15  # FAT32 of 32 GB and more, where the system does not say


@dataclass
class Exported:
    """What an export did.

    Attributes
    ----------
    copied, unchanged, removed
        Files on the drive; ``bytes`` are those copied.
    kept
        Files that were changed on the drive: set aside before they were replaced, or not removed.
    damaged
        Files that the library has lost or that are not what it stored; not copied.
    unanalysed
        Files that have no category yet; not copied.
    edited
        Files that were edited in the library: they are on the drive as they are now.
    """

    copied: int = 0
    unchanged: int = 0
    removed: int = 0
    bytes: int = 0
    kept: int = 0
    damaged: int = 0
    unanalysed: int = 0
    edited: int = 0


@dataclass
class _State:
    """What is ours on a drive: hashes by path as indexed; paths that an unfinished export was to write."""

    hashes: dict[str, str]
    planned: set[str]

    def has(self, entry: Wanted, drive: Path) -> bool:
        """Whether the drive has a wanted file already; what was only planned is looked at."""
        target = drive / entry.target
        if not target.is_file() or target.stat().st_size != entry.size:
            return False
        if entry.target in self.hashes:
            return self.hashes[entry.target] == entry.sha256
        return entry.target in self.planned and _hash(target) == entry.sha256

    def is_changed(self, target: str, drive: Path) -> bool:
        """Whether a file of ours is no longer what we wrote; an empty one is what a pulled plug leaves."""
        path = drive / target
        is_there = target in self.hashes and path.is_file() and path.stat().st_size > 0
        return is_there and _hash(path) != self.hashes[target]


def update_drive(
    drive: Path,
    wanted: Sequence[Wanted],
    drive_format: DriveFormat,
    *,
    watch: Watch,
    dry_run: bool = False,
    limits: Limits = LIMITS,
) -> Exported:
    """Bring a drive to what is wanted: copy what is new or changed, remove what we put there before.

    Parameters
    ----------
    drive, drive_format
        The folder, and the device that it is for.
    wanted
        All files that belong there.
    watch
        Has a stage ``copy``.
    dry_run
        Give what would be done, and do nothing.
    limits
        How much is copied before it is flushed and read back, and how much room is left free.

    Raises
    ------
    EtlError
        If the drive's index is damaged, another file has a name that is needed, there is too little room, or
        the drive cannot be written or does not hold what was written.
    """
    try:
        state = _state(drive)
        copies = [entry for entry in wanted if not state.has(entry, drive)]
        _check_names(
            drive, [entry for entry in copies if entry.target not in {*state.hashes, *state.planned}]
        )
        check_room(drive, copies, spare_bytes=limits.spare_bytes)
        gone = sorted({*state.hashes, *state.planned} - {entry.target for entry in wanted})
        done = Exported(len(copies), len(wanted) - len(copies), len(gone), sum(e.size for e in copies))
        if dry_run:
            return done
        write_plan(drive, [entry.target for entry in copies], gone)
        watch.total("copy", len(copies), work=done.bytes)
        lost: set[Path | None] = set()  # once, however many folders want them
        for batch in _batches(copies, limits):
            with watch.timed("copy"):
                lost |= _copy_batch(drive, batch, state, done)
            watch.advance("copy", done=len(batch), work=sum(entry.size for entry in batch))
        done.damaged = len(lost)
        for target in gone:
            _remove(drive, target, state, done)
        for root in ROOT_FOLDERS[drive_format]:
            for folder in (*CATEGORY_FOLDERS.values(), *EMPTY_FOLDERS):
                (drive / root / folder).mkdir(parents=True, exist_ok=True)
        sync_filesystem(drive)
        there = [(entry, state.hashes[entry.target]) for entry in wanted if entry.target in state.hashes]
        write_metadata(drive, there, [entry.target for entry in copies], gone, drive_format)
        forget_plan(drive)
    except OSError as error:
        raise write_error(Path(error.filename or drive), error) from error
    return done


def _state(drive: Path) -> _State:
    state = _State(indexed_hashes(drive), planned_paths(drive))
    for target in state.planned:
        with suppress(FileNotFoundError):
            _temporary(drive / target).unlink()
    return state


def _check_names(drive: Path, new: Sequence[Wanted]) -> None:
    """Raise an `EtlError` if another file has the name of a new one; the very same is no other."""
    foreign = [
        entry.target
        for entry in new
        if os.path.lexists(drive / entry.target)
        and not ((drive / entry.target).is_file() and _hash(drive / entry.target) == entry.sha256)
    ]
    if foreign:
        raise EtlError(
            f"{drive / foreign[0]} already exists and was not written by an export "
            f"({len(foreign):,} such files).",
            "Move it away, or export to another folder. Nothing was written.",
            exit_code=ExitCode.CANNOT_WRITE,
        )


def check_room(drive: Path, copies: Sequence[Wanted], *, spare_bytes: int) -> None:
    """Raise an `EtlError` if the drive is too small; files take whole clusters."""
    place = next(folder for folder in (drive, *drive.absolute().parents) if folder.exists())
    cluster = os.statvfs(place).f_frsize if hasattr(os, "statvfs") else _USUAL_CLUSTER
    needed = sum(-(-entry.size // cluster) * cluster for entry in copies) + spare_bytes * bool(copies)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise EtlError(
            f"{drive} has {free / 2**20:,.1f} MB free, and the export needs {needed / 2**20:,.1f} MB "
            f"in clusters of {cluster / 2**10:g} KB.",
            "Free some space, or choose another drive. Nothing was written.",
            exit_code=ExitCode.CANNOT_WRITE,
        )


def _batches(copies: Sequence[Wanted], limits: Limits) -> Iterator[list[Wanted]]:
    batch: list[Wanted] = []
    size = 0
    for entry in copies:
        batch.append(entry)
        size += entry.size
        if len(batch) >= limits.copied_files or size >= limits.copied_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _copy_batch(drive: Path, batch: Sequence[Wanted], state: _State, done: Exported) -> set[Path | None]:
    """Copy files, all whole: written, flushed, read back, then renamed; give the sources that are lost."""
    staged: list[tuple[Path, Wanted]] = []
    lost = set()
    try:
        for entry in batch:
            content = _content(entry)
            if content is None:
                lost.add(entry.source)
                done.copied -= 1
                done.bytes -= entry.size
                continue
            temporary = _temporary(drive / entry.target)
            temporary.parent.mkdir(parents=True, exist_ok=True)
            staged.append((temporary, entry))
            temporary.write_bytes(content)
        sync_filesystem(drive, [temporary for temporary, _ in staged])
        for temporary, entry in staged:
            if hashlib.sha256(_read_back(temporary)).hexdigest() != entry.sha256:
                raise EtlError(
                    f"{drive / entry.target} is not what was written.",
                    "The drive is damaged.",
                    exit_code=ExitCode.CANNOT_WRITE,
                )
        for temporary, entry in staged:
            target = drive / entry.target
            if state.is_changed(entry.target, drive) and _hash(target) != entry.sha256:
                _rename(target, _free_name(target))
                done.kept += 1
            _rename(temporary, target)
            state.hashes[entry.target] = entry.sha256
    finally:
        for temporary, _ in staged:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return lost


def _content(entry: Wanted) -> bytes | None:
    """Read what is to be copied; None if the library has it no more, or has something else there."""
    if entry.content is not None:
        return entry.content
    try:
        content = entry.source.read_bytes() if entry.source else b""
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == entry.sha256 else None


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.etl.tmp")


def _read_back(path: Path) -> bytes:
    """Read a file from the drive itself where the system can forget what it has in memory of it."""
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def _rename(source: Path, target: Path) -> None:
    source.replace(target)


def _free_name(target: Path) -> Path:
    names = (target.with_stem(f"{target.stem}_kept_{number}") for number in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


def _remove(drive: Path, target: str, state: _State, done: Exported) -> None:
    """Remove a file of ours, unless it was changed on the drive, and the folders that it leaves empty."""
    path = drive / target
    if state.is_changed(target, drive):
        done.kept += 1
        done.removed -= 1
        return
    path.unlink(missing_ok=True)
    for folder in itertools.takewhile(lambda folder: folder != drive, path.parents):
        try:
            folder.rmdir()
        except OSError:
            return


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
