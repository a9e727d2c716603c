"""Copy the library to a drive for an Akai MPC or Force: sorted, verified, only what changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import etl
from etl.exports.midi import write_midi_npz, write_midi_parquet
from etl.midi.mpc import (
    CATEGORY_FOLDERS,
    EMPTY_FOLDERS,
    METADATA_FOLDER,
    ROOT_FOLDERS,
    DriveFormat,
    progression,
)
from etl.runtime.errors import EtlError
from etl.runtime.files import atomic_path
from etl.store.database import read_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA_NAME: Final = "midi_drive/1"
_SPARE_BYTES: Final = 1 << 20
_DEFAULT_CATEGORY: Final = "Loops"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file that belongs on the drive: a copy of ``source``, or ``content``."""

    target: str
    sha256: str
    size: int
    category: str
    reason: str
    source: Path | None
    content: bytes | None = None


@dataclass
class Exported:
    """What an export did."""

    copied: int = 0
    unchanged: int = 0
    removed: int = 0
    bytes: int = 0


def export_drive(
    library: Path, database: Path, drive: Path, drive_format: DriveFormat, *, dry_run: bool = False
) -> Exported:
    """Bring a drive up to date with the library.

    Files that an earlier export put there and that are no longer wanted are removed; others are not touched.

    Raises
    ------
    EtlError
        If the library is empty, a copy differs from its source, or the drive has too little room.
    """
    wanted = {entry.target: entry for entry in _wanted(library, database, drive_format)}
    if not wanted:
        raise EtlError(f"there is nothing in the library {library}.", "Fill it with `etl midi run SOURCE`.")
    index_path = drive / METADATA_FOLDER / "file_index.json"
    before: dict[str, Any] = {}
    if index_path.exists():
        before = {entry["path"]: entry for entry in json.loads(index_path.read_text("utf-8"))["files"]}
    copies = [
        entry
        for target, entry in wanted.items()
        if before.get(target, {}).get("sha256") != entry.sha256 or not _is_there(drive / target, entry.size)
    ]
    gone = [target for target in before if target not in wanted]
    done = Exported(len(copies), len(wanted) - len(copies), len(gone), sum(entry.size for entry in copies))
    if dry_run:
        return done
    foreign = [entry.target for entry in copies if entry.target not in before and _differs(entry, drive)]
    if foreign:
        raise EtlError(
            f"{drive / foreign[0]} is there already, and from no export ({len(foreign):,} such files).",
            "Move it away, or export to another folder. Nothing was written.",
        )
    drive.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(drive).free
    if done.bytes + _SPARE_BYTES > free:
        raise EtlError(
            f"{drive} has {free >> 20:,} MB free, and the export needs {(done.bytes >> 20) + 1:,} MB.",
            "Free some space, or choose another drive. Nothing was written.",
        )
    for root in ROOT_FOLDERS[drive_format]:
        for folder in (*CATEGORY_FOLDERS.values(), *EMPTY_FOLDERS):
            (drive / root / folder).mkdir(parents=True, exist_ok=True)
    for entry in copies:
        _copy(entry, drive / entry.target)
    for target in gone:
        (drive / target).unlink(missing_ok=True)
    _write_metadata(drive, list(wanted.values()), copies, gone, drive_format)
    return done


def export_tables(
    database: Path, *, npz: Path | None = None, parquet: Path | None = None
) -> Iterator[tuple[Path, int]]:
    """Write matrices and tables of the library; yield each file with its number of rows."""
    with read_store(database) as connection:
        if npz:
            yield npz, write_midi_npz(connection, npz)
        if parquet:
            yield parquet, write_midi_parquet(connection, parquet)


def _wanted(library: Path, database: Path, drive_format: DriveFormat) -> Iterator[_Wanted]:
    with read_store(database) as connection:
        rows = connection.sql(
            "SELECT library.sha256, folder, library.name, category, category_reason, key, chords, size_bytes "
            "FROM midi_library AS library JOIN midi_analysis USING (sha256) JOIN midi_files USING (sha256) "
            "WHERE track IS NULL AND notes > 0 ORDER BY library.name"
        ).fetchall()
    for digest, folder, name, category, reason, key, chords, size in rows:
        place = CATEGORY_FOLDERS[category or _DEFAULT_CATEGORY]
        progression_file = None
        if category == "Progressions" and key:
            stem = name.removesuffix(".mid")
            progression_file = json.dumps(progression(stem, key, chords), indent=2).encode()
        for root in ROOT_FOLDERS[drive_format]:
            target = f"{root}/{place}/{name}"
            yield _Wanted(
                target, digest, size, category or _DEFAULT_CATEGORY, reason or "", library / folder / name
            )
            if progression_file:
                yield _Wanted(
                    f"{target.removesuffix('.mid')}.progression",
                    hashlib.sha256(progression_file).hexdigest(),
                    len(progression_file),
                    category,
                    "made from the chords",
                    None,
                    progression_file,
                )


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _differs(entry: _Wanted, drive: Path) -> bool:
    """Whether another file has the name; a killed export may have left this very one."""
    target = drive / entry.target
    return target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() != entry.sha256


def _copy(entry: _Wanted, target: Path) -> None:
    """Copy a file whole or not at all, and read it back."""
    try:
        content = entry.content if entry.content is not None else entry.source.read_bytes()  # type: ignore[union-attr]
    except OSError as error:
        raise EtlError(
            f"{entry.source} cannot be read: {error.strerror}.",
            "Run `etl midi run --force` to put it back.",
        ) from error
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    if hashlib.sha256(target.read_bytes()).hexdigest() != entry.sha256:
        target.unlink()
        raise EtlError(f"{target} is not what was written.", "The drive or the library's copy is damaged.")


def _write_metadata(
    drive: Path, wanted: list[_Wanted], copies: list[_Wanted], gone: list[str], drive_format: DriveFormat
) -> None:
    """Write the index, the categories and the log of this export; the index last."""
    counts: dict[str, int] = {}
    for entry in wanted:
        counts[entry.category] = counts.get(entry.category, 0) + 1
    head = {
        "schema": SCHEMA_NAME,
        "made_by": f"music-etl {etl.__version__}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": str(drive_format),
    }
    documents = {
        "categories.json": {
            **head,
            "categories": [
                {"name": name, "folder": folder, "files": counts.get(name, 0)}
                for name, folder in CATEGORY_FOLDERS.items()
            ],
        },
        "export_log.json": {**head, "copied": [entry.target for entry in copies], "removed": gone},
        "file_index.json": {
            **head,
            "files": [
                {
                    "path": entry.target,
                    "sha256": entry.sha256,
                    "bytes": entry.size,
                    "category": entry.category,
                    "reason": entry.reason,
                }
                for entry in wanted
            ],
        },
    }
    for name, document in documents.items():
        with atomic_path(drive / METADATA_FOLDER / name) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
