"""What of the library belongs on a drive for an Akai MPC or Force, and in matrices and tables."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from etl.exports.drive import Exported, Wanted, update_drive
from etl.exports.midi import write_midi_npz, write_midi_parquet
from etl.midi.mpc import CATEGORY_FOLDERS, ROOT_FOLDERS, DriveFormat, progression, subfolders
from etl.pipelines.midi.request import ANALYSIS_VERSION
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError
from etl.store.database import read_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DEFAULT_CATEGORY: Final = "Loops"
_MIDI, _PROGRESSION = ".mid", ".progression"


def export_drive(
    library: Path, database: Path, drive: Path, drive_format: DriveFormat, *, dry_run: bool = False
) -> Exported:
    """Bring a drive up to date with the library.

    Files that an earlier export put there and that are no longer wanted are removed; others are not touched.
    Files without notes have no category and stay in the library.

    Raises
    ------
    EtlError
        If there is nothing to export, or as `etl.exports.drive.update_drive`.
    """
    with read_store(database) as connection:
        rows = connection.sql(
            "SELECT library.sha256, folder, library.name, category, category_reason, key, chords, "
            "size_bytes, list_contains(repairs, 'junk_before_header') FROM midi_library AS library "
            "JOIN midi_analysis USING (sha256) JOIN midi_files USING (sha256) "
            "WHERE track IS NULL AND notes > 0 ORDER BY library.name"
        ).fetchall()
        ((unanalysed,),) = connection.sql(
            "SELECT count(*) FROM midi_library ANTI JOIN midi_analysis USING (sha256) WHERE track IS NULL"
        ).fetchall()
    if unanalysed and not rows:
        raise EtlError(f"the files of {library} are not analysed.", "Run `etl midi analyze SOURCE`.")
    there = [row for row in rows if (library / row[1] / row[2]).is_file()]
    if not there:
        raise EtlError(
            f"there is nothing in the library {library}.",
            "Pass --library DIR, or fill it with `etl midi run`.",
        )
    wanted = list(_wanted(library, rows, drive_format))
    done = update_drive(drive, wanted, drive_format, dry_run=dry_run)
    done.unanalysed = unanalysed
    return done


def check_tables(*targets: Path | None) -> None:
    """Raise an `EtlError` if a file for :func:`export_tables` cannot be written."""
    for target in targets:
        if target:
            check_writable(target)


def export_tables(
    database: Path, *, npz: Path | None = None, parquet: Path | None = None
) -> Iterator[tuple[Path, int]]:
    """Write matrices and tables of the library; yield each file with its number of rows.

    Raises
    ------
    EtlError
        If nothing has been analysed, or a file cannot be written.
    """
    check_tables(npz, parquet)
    with read_store(database) as connection:
        if not connection.sql("SELECT 1 FROM midi_analysis LIMIT 1").fetchall():
            raise EtlError(f"{database} has no analysed MIDI files.", "Run `etl midi analyze SOURCE`.")
        if npz:
            yield npz, write_midi_npz(connection, npz, analysis=ANALYSIS_VERSION)
        if parquet:
            yield parquet, write_midi_parquet(connection, parquet)


def _wanted(
    library: Path,
    rows: list[tuple[str, str, str, str, str, str | None, list[str], int, bool]],
    drive_format: DriveFormat,
) -> Iterator[Wanted]:
    by_category: dict[str, list[str]] = {}
    for _, _, name, category, *_ in rows:
        by_category.setdefault(category or _DEFAULT_CATEGORY, []).append(name)
    shelves = {category: subfolders(names) for category, names in by_category.items()}
    for digest, folder, name, found, reason, key, chords, size, was_wrapped in rows:
        source = library / folder / name
        category = found or _DEFAULT_CATEGORY
        copied, copied_size = _plain(source, digest, size) if was_wrapped else (digest, size)
        place = f"{CATEGORY_FOLDERS[category]}/{shelves[category][name]}".rstrip("/")
        stem = name.removesuffix(_MIDI)
        chart = b""
        if category == "Progressions" and key:
            chart = json.dumps(progression(stem, key, chords), indent=2).encode()
        for root in ROOT_FOLDERS[drive_format]:
            yield Wanted(f"{root}/{place}/{name}", copied, copied_size, category, reason or "", source)
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
