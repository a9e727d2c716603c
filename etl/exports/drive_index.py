"""What a sampler's drive holds about its files: the index, by which an export knows its own, and the plan."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import etl
from etl.midi.mpc import CATEGORY_FOLDERS, METADATA_FOLDER, PROGRESSIONS_AT_ROOT, ROOT_FOLDERS, DriveFormat
from etl.runtime.disk.files import atomic_path
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SCHEMA_NAME: Final = "midi_drive/2"
_INDEX, _PLAN = "file_index.json", "export_plan.json"
_ROOTS: Final = "|".join((*ROOT_FOLDERS[DriveFormat.BOTH], PROGRESSIONS_AT_ROOT))
_OURS: Final = re.compile(rf"(?:{_ROOTS})(?:/(?!\.{{1,2}}(?:/|$))[A-Za-z0-9._-]+)+")

_NOTHING: Final[Mapping[str, Any]] = {"files": [], "paths": [], "removing": []}


@dataclass(frozen=True, slots=True)
class About:
    """What a file on the drive is: for the index.

    Attributes
    ----------
    category, reason
        Its category, and why it has that.
    bpm, key, tags
        As it is on the drive.
    name, source
        What the file was called where it was found, and where that was.
    """

    category: str
    reason: str
    bpm: float | None = None
    key: str | None = None
    tags: tuple[str, ...] = ()
    name: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that belongs on the drive: a copy of ``source``, or ``content``."""

    target: str
    sha256: str
    size: int
    about: About
    source: Path | None
    content: bytes | None = None


def write_metadata(
    drive: Path,
    there: Sequence[tuple[Wanted, str]],
    copied: Sequence[str],
    removed: Sequence[str],
    drive_format: DriveFormat,
) -> None:
    """Write the categories, the log of this export and the index; the index last."""
    counts: dict[str, int] = {}
    for entry, _ in there:
        counts[entry.about.category] = counts.get(entry.about.category, 0) + 1
    head = {
        "schema": SCHEMA_NAME,
        "made_by": f"music-etl {etl.__version__}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": str(drive_format),
    }
    categories = [
        {"name": name, "folder": folder, "files": counts.get(name, 0)}
        for name, folder in CATEGORY_FOLDERS.items()
    ]
    files = [
        {
            "path": entry.target,
            "sha256": digest,
            "bytes": (drive / entry.target).stat().st_size,
            **asdict(entry.about),
        }
        for entry, digest in there
    ]
    folder = drive / METADATA_FOLDER
    _write_json(folder / "categories.json", {**head, "categories": categories})
    _write_json(folder / "export_log.json", {**head, "copied": list(copied), "removed": list(removed)})
    _write_json(folder / _INDEX, {**head, "files": files})


def write_plan(drive: Path, writing: Sequence[str], removing: Sequence[str]) -> None:
    """Note which files an export is about to write and to remove."""
    _write_json(drive / METADATA_FOLDER / _PLAN, {"paths": list(writing), "removing": list(removing)})


def forget_plan(drive: Path) -> None:
    """Remove the plan: the index knows all that it led to."""
    (drive / METADATA_FOLDER / _PLAN).unlink()


def indexed_hashes(drive: Path) -> dict[str, str]:
    """Read which files are ours, and their SHA-256; an `EtlError` where the index is damaged."""
    hashes = {}
    with _soundly(drive / METADATA_FOLDER / _INDEX) as document:
        for row in document["files"]:
            hashes[_ours(row["path"])] = _text(row["sha256"])
    return hashes


def planned_paths(drive: Path) -> set[str]:
    """Read what an unfinished export was to write and to remove; an `EtlError` where its plan is damaged."""
    paths: set[str] = set()
    with _soundly(drive / METADATA_FOLDER / _PLAN) as document:
        for key in ("paths", "removing"):
            paths.update(_ours(path) for path in document[key])
    return paths


@contextmanager
def _soundly(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read a document of ours, empty where there is none; what is not as we write it raises `EtlError`."""
    try:
        yield json.loads(path.read_bytes()) if path.exists() else _NOTHING
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise EtlError(
            f"the index {path} is damaged, or was not written by an export.",
            f"Remove {path.name}: files identical to the library's then count as exported; others stay.",
            exit_code=ExitCode.BAD_DATA,
        ) from error


def _ours(path: object) -> str:
    """Give a path that an export may have written: a drive may come from anywhere, and say anything."""
    if not _OURS.fullmatch(text := _text(path)):
        raise ValueError(path)
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _write_json(target: Path, document: dict[str, Any]) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
