"""What of the library belongs on a drive for an Akai MPC or Force, and in matrices and tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from etl.exports.drive import Exported, update_drive
from etl.exports.midi import write_midi_npz, write_midi_parquet
from etl.midi.mpc import DriveFormat
from etl.pipelines.midi.drive_files import PREPARE, DriveOptions, files_for_drive
from etl.pipelines.midi.edited import as_they_are
from etl.pipelines.midi.find import with_instrument
from etl.pipelines.midi.request import ANALYSIS_VERSION, PartsWanted
from etl.runtime.disk.targets import check_mounted, check_writable, write_error
from etl.runtime.errors import EtlError
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.watch.progress import Stage, Watch
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.midi_library import (
    analysed_files,
    analysed_parts,
    analysed_with_tags,
    analysis_rows,
    count_unanalysed,
    has_analysis,
    part_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.midi.export_notes import NoteOptions
    from etl.runtime.watch.progress import Renderer


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
    options: DriveOptions | None = None,
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
        drive = export_drive(
            library, database, target, drive_format, options=options, dry_run=dry_run, renderers=renderers
        )
    if dry_run:
        return MidiExport(target, drive, [WrittenTable(path, None) for path in (npz, parquet) if path])
    if not (npz or parquet):
        return MidiExport(target, drive, [])
    tables = export_tables(
        database,
        npz=npz,
        parquet=parquet,
        parts=(options or DriveOptions()).parts,
        notes=notes,
        library=library,
        renderers=renderers,
    )
    return MidiExport(target, drive, tables)


def export_drive(
    library: Path,
    database: Path,
    drive: Path,
    drive_format: DriveFormat,
    *,
    options: DriveOptions | None = None,
    dry_run: bool = False,
    renderers: Sequence[Renderer] = (),
    limits: Limits = LIMITS,
) -> Exported:
    """Bring a drive up to date with the library.

    Files that an earlier export put there and that are no longer wanted are removed; others are not touched.
    Files without notes have no category and stay in the library. What somebody has edited in the library is
    exported as it is now, with the figures of what it is now.

    Parameters
    ----------
    library, database
        The library and the store.
    drive, drive_format
        The folder to write to, and the device that it is for.
    options
        How it is filled.
    dry_run
        Give what would be done, and do nothing.
    renderers
        Where the export is shown.
    limits
        How much is copied at once.

    Raises
    ------
    EtlError
        If there is nothing to export, the drive is not mounted, or as `etl.exports.drive.update_drive`.
    """
    options = options or DriveOptions()
    check_mounted(drive)
    with read_store(database) as connection:
        files, unanalysed = analysed_files(connection), count_unanalysed(connection)
        parts = [] if options.parts is PartsWanted.NO else analysed_parts(connection)
    if unanalysed and not files:
        raise EtlError(f"the files of {library} are not analyzed.", "Run `etl midi analyze SOURCE`.")
    if not any((library / file.folder / file.name).is_file() for file in files):
        raise EtlError(
            f"there is nothing in the library {library}.",
            "Pass --library DIR, or fill it with `etl midi run`.",
        )
    if options.parts is PartsWanted.ONLY:
        files = [file for file in files if file.parts == 1]  # it is its part
    stages = [Stage(PREPARE, "files"), Stage("copy", "files")]
    with (
        Watch("etl midi export", stages, renderers) as watch,
        TemporaryDirectory(prefix="etl-export-", ignore_cleanup_errors=True) as kept,
    ):
        try:
            pieces, edited = as_they_are(library, [*files, *parts])
            wanted = list(
                files_for_drive(library, pieces, drive_format, options, kept=Path(kept), watch=watch)
            )
        except OSError as error:
            raise write_error(Path(error.filename or kept), error) from error
        done = update_drive(drive, wanted, drive_format, watch=watch, dry_run=dry_run, limits=limits)
    done.unanalysed, done.edited = unanalysed, edited
    return done


def export_tables(
    database: Path,
    *,
    npz: Path | None = None,
    parquet: Path | None = None,
    notes: NoteOptions | None = None,
    library: Path | None = None,
    renderers: Sequence[Renderer] = (),
    parts: PartsWanted = PartsWanted.ALSO,
) -> list[WrittenTable]:
    """Write matrices and tables of the library, with the notes of its files if they are wanted.

    Matrices of parts stand beside those of files; a table has a row for each file, with a list of its parts,
    or a row for each part.

    Raises
    ------
    EtlError
        If nothing has been analysed, or a file cannot be written.
    """
    check_outputs([npz, parquet], database=database)
    with read_store(database) as connection:
        check_known(connection, [npz, parquet])
        if not has_analysis(connection):
            raise EtlError(f"{database} has no analyzed MIDI files.", "Run `etl midi analyze SOURCE`.")
        written = []
        of_parts = None if parts is PartsWanted.NO else with_instrument(part_rows(connection))
        if npz:
            add = None
            if notes is not None and library is not None:
                from etl.pipelines.midi.export_notes import notes_to_add  # noqa: PLC0415 - it compiles

                add = notes_to_add(connection, library, npz, notes, renderers)
            files = analysis_rows(connection)
            rows = write_midi_npz(files, npz, analysis=ANALYSIS_VERSION, parts=of_parts, add=add)
            written.append(WrittenTable(npz, rows))
        if parquet:
            table = of_parts
            if table is None or parts is PartsWanted.ALSO:
                table = analysed_with_tags(connection, with_parts=parts is PartsWanted.ALSO)
            written.append(WrittenTable(parquet, write_midi_parquet(table, parquet)))
    return written
