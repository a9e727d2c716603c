"""What of the library belongs on a drive for an Akai MPC or Force, and in matrices and tables."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.exports.drive import Exported, Wanted, update_drive
from etl.exports.midi import write_midi_npz, write_midi_parquet
from etl.midi.mpc import CATEGORY_FOLDERS, ROOT_FOLDERS, DriveFormat, progression, subfolders
from etl.pipelines.midi.request import ANALYSIS_VERSION
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.watch.progress import Stage, Watch
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.midi_library import (
    LibraryFile,
    analysed_files,
    analysed_with_tags,
    analysis_rows,
    count_unanalysed,
    has_analysis,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from etl.pipelines.midi.export_notes import NoteOptions
    from etl.runtime.watch.progress import Renderer

_DEFAULT_CATEGORY: Final = "Loops"
_MIDI, _PROGRESSION = ".mid", ".progression"


@dataclass(frozen=True)
class WrittenTable:
    """A file of matrices or rows, and its number of rows; None in a dry run."""

    path: Path
    rows: int | None


@dataclass(frozen=True)
class MidiExport:
    """What an export did, or would do.

    Attributes
    ----------
    target, drive
        The drive, and what became of it; None if there is none.
    tables
        Files of matrices and rows.
    """

    target: Path | None
    drive: Exported | None
    tables: list[WrittenTable]


def export_midi(
    database: Path,
    library: Path,
    *,
    target: Path | None = None,
    drive_format: DriveFormat = DriveFormat.BOTH,
    npz: Path | None = None,
    parquet: Path | None = None,
    notes: NoteOptions | None = None,
    dry_run: bool = False,
    renderers: Sequence[Renderer] = (),
) -> MidiExport:
    """Bring a drive up to date with the library, and write matrices and rows; each only if it is wanted.

    Raises
    ------
    EtlError
        As :func:`export_drive` and :func:`export_tables`, before anything is written if that can be.
    """
    check_outputs([npz, parquet], database=database)
    for table in filter(None, (npz, parquet)):
        check_writable(table)
    drive = None
    if target is not None:
        drive = export_drive(library, database, target, drive_format, dry_run=dry_run, renderers=renderers)
    if dry_run:
        return MidiExport(target, drive, [WrittenTable(path, None) for path in (npz, parquet) if path])
    if not (npz or parquet):
        return MidiExport(target, drive, [])
    tables = export_tables(
        database, npz=npz, parquet=parquet, notes=notes, library=library, renderers=renderers
    )
    return MidiExport(target, drive, tables)


def export_drive(
    library: Path,
    database: Path,
    drive: Path,
    drive_format: DriveFormat,
    *,
    dry_run: bool = False,
    renderers: Sequence[Renderer] = (),
    limits: Limits = LIMITS,
) -> Exported:
    """Bring a drive up to date with the library.

    Files that an earlier export put there and that are no longer wanted are removed; others are not touched.
    Files without notes have no category and stay in the library.

    Parameters
    ----------
    library, database
        The library and the store.
    drive, drive_format
        The folder to write to, and the device that it is for.
    dry_run
        Give what would be done, and do nothing.
    renderers
        Where the export is shown.
    limits
        How much is copied at once.

    Raises
    ------
    EtlError
        If there is nothing to export, or as `etl.exports.drive.update_drive`.
    """
    with read_store(database) as connection:
        files, unanalysed = analysed_files(connection), count_unanalysed(connection)
    if unanalysed and not files:
        raise EtlError(f"the files of {library} are not analysed.", "Run `etl midi analyze SOURCE`.")
    if not any((library / file.folder / file.name).is_file() for file in files):
        raise EtlError(
            f"there is nothing in the library {library}.",
            "Pass --library DIR, or fill it with `etl midi run`.",
        )
    wanted = list(_wanted(library, files, drive_format))
    with Watch("etl midi export", [Stage("copy", "files")], renderers) as watch:
        done = update_drive(drive, wanted, drive_format, watch=watch, dry_run=dry_run, limits=limits)
    done.unanalysed = unanalysed
    return done


def export_tables(
    database: Path,
    *,
    npz: Path | None = None,
    parquet: Path | None = None,
    notes: NoteOptions | None = None,
    library: Path | None = None,
    renderers: Sequence[Renderer] = (),
) -> list[WrittenTable]:
    """Write matrices and tables of the library, with the notes of its files if they are wanted.

    Raises
    ------
    EtlError
        If nothing has been analysed, or a file cannot be written.
    """
    check_outputs([npz, parquet], database=database)
    with read_store(database) as connection:
        check_known(connection, [npz, parquet])
        if not has_analysis(connection):
            raise EtlError(f"{database} has no analysed MIDI files.", "Run `etl midi analyze SOURCE`.")
        written = []
        if npz:
            add = None
            if notes is not None and library is not None:
                from etl.pipelines.midi.export_notes import notes_to_add  # noqa: PLC0415 - it compiles

                add = notes_to_add(connection, library, npz, notes, renderers)
            rows = write_midi_npz(analysis_rows(connection), npz, analysis=ANALYSIS_VERSION, add=add)
            written.append(WrittenTable(npz, rows))
        if parquet:
            written.append(WrittenTable(parquet, write_midi_parquet(analysed_with_tags(connection), parquet)))
    return written


def _wanted(library: Path, files: list[LibraryFile], drive_format: DriveFormat) -> Iterator[Wanted]:
    by_category: dict[str, list[str]] = {}
    for file in files:
        by_category.setdefault(file.category or _DEFAULT_CATEGORY, []).append(file.name)
    shelves = {category: subfolders(names) for category, names in by_category.items()}
    for file in files:
        source = library / file.folder / file.name
        category, reason = file.category or _DEFAULT_CATEGORY, file.category_reason or ""
        copied, size = file.sha256, file.size_bytes
        if file.was_wrapped:
            copied, size = _plain(source, copied, size)
        place = f"{CATEGORY_FOLDERS[category]}/{shelves[category][file.name]}".rstrip("/")
        stem = file.name.removesuffix(_MIDI)
        chart = b""
        if category == "Progressions" and file.key:
            chart = json.dumps(progression(stem, file.key, file.chords), indent=2).encode()
        for root in ROOT_FOLDERS[drive_format]:
            yield Wanted(f"{root}/{place}/{file.name}", copied, size, category, reason, source)
            if chart:
                target = f"{root}/{place}/{stem}{_PROGRESSION}"
                chart_hash = hashlib.sha256(chart).hexdigest()
                yield Wanted(target, chart_hash, len(chart), category, "made from the chords", None, chart)


def _plain(source: Path, digest: str, size: int) -> tuple[str, int]:
    """Hash and size of a copy that is not the file as it was found, but what was wrapped in it."""
    try:
        content = source.read_bytes()
    except OSError:
        return digest, size
    return hashlib.sha256(content).hexdigest(), len(content)
