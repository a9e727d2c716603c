"""Bursts of writes that wait beside the store, flushed to disk, while another process holds its file.

Each is a file in the folder ``<store>.journal``. With frames it is a zip archive: ``burst.json`` (version,
functions, values) and an Arrow file for each frame. Without, it is lines, a checksum and JSON each: first the
version, then writes, to which others may be added with one flush; a last line that has no end was never kept.
A file appears under its name when it is whole. The name begins with a number that gives the order and ends in
an id that the store records with the burst, so that it is merged exactly once.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import etl
from etl.runtime.disk.staging import flush, sync
from etl.runtime.disk.targets import write_error
from etl.runtime.errors import EtlError
from etl.store.writes import Write, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_HEADER: Final = "burst.json"
_ZIP: Final = b"PK"
_FORMAT: Final = 1

COPY: Final = "copy"
"""Folder within the journal for a copy of the store to read from."""


@dataclass(frozen=True)
class Burst:
    """A burst that waits.

    Attributes
    ----------
    path
        Its file.
    migration
        Latest migration of the store that it is meant for.
    version
        Version of the program that wrote it.
    writes
        What to write, in order.
    """

    path: Path
    migration: int
    version: str
    writes: tuple[Write, ...]


def journal_path(database: Path) -> Path:
    """Where the journal of a store is: beside the file itself, through whatever link it is reached."""
    file = database.resolve()
    return file.with_name(f"{file.name}.journal")


def waiting_bursts(database: Path) -> list[Path]:
    """Files of the bursts that wait, in order."""
    try:
        return sorted(journal_path(database).glob("*.burst"))
    except FileNotFoundError:  # merged, and the folder deleted, while it was listed
        return []


def burst_id(path: Path) -> str:
    """Id of the burst in a file."""
    return path.stem.partition("-")[2]


def add_burst(
    database: Path, writes: Iterable[Write], migration: int, *, in_place_of: Path | None = None
) -> Path:
    """Keep a burst; it is on the disk when this returns, in the file that this gives.

    Parameters
    ----------
    database
        The store.
    writes
        What to write, in order.
    migration
        Latest migration of the store that they are meant for.
    in_place_of
        File of the last burst, if these writes begin with its own and nobody has merged it anywhere.

    Raises
    ------
    EtlError
        If it cannot be written.
    """
    folder = journal_path(database)
    try:
        if not folder.is_dir():
            folder.mkdir()
            sync(folder.parent)
        target = in_place_of or _next_burst(database)
        temporary = target.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                _write(file, list(writes), migration)
                file.flush()
                flush(file.fileno())
            temporary.rename(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync(folder)
    except OSError as error:
        raise write_error(folder, error) from error
    return target


def append_writes(path: Path, writes: Iterable[Write]) -> None:
    """Add writes without frames to a burst of such; they are on the disk when this returns.

    Raises
    ------
    EtlError
        If they cannot be written; the burst is then as it was.
    """
    try:
        with path.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            try:
                file.write(_line(_entries(writes)))
                file.flush()
                flush(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.truncate(path, end)
                raise
    except OSError as error:
        raise write_error(path.parent, error) from error


def _line(value: object) -> bytes:
    text = json.dumps(value).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entries(writes: Iterable[Write]) -> list[dict[str, Any]]:
    return [
        {"function": write.function, "values": write.values, "adds_up": write.adds_up} for write in writes
    ]


def _next_burst(database: Path) -> Path:
    waiting = waiting_bursts(database)
    number = int(waiting[-1].name.partition("-")[0]) + 1 if waiting else 1
    return journal_path(database) / f"{number:012}-{uuid4().hex}.burst"


def _write(file: io.BufferedWriter, writes: Sequence[Write], migration: int) -> None:
    header = {"format": _FORMAT, "version": etl.__version__, "migration": migration}
    if not any(write.frames for write in writes):
        file.write(_line(header) + _line(_entries(writes)))
        return
    entries = []
    with zipfile.ZipFile(file, "w") as archive:
        for number, write in enumerate(writes):
            files: dict[str, str] = {}
            for name, frame in write.frames.items():
                files[name] = f"{number}.{len(files)}.arrow"
                arrow = io.BytesIO()
                frame.write_ipc(arrow)
                archive.writestr(files[name], arrow.getbuffer())
            entries.append({"function": write.function, "values": write.values, "frames": files})
        archive.writestr(_HEADER, json.dumps(header | {"writes": entries}))


def read_burst(path: Path) -> Burst:
    """Read a burst.

    Raises
    ------
    EtlError
        If the file cannot be read, or a newer version of the program wrote it.
    """
    import polars as pl  # noqa: PLC0415 - a store without a journal is opened without

    try:
        with path.open("rb") as file:
            if file.read(len(_ZIP)) != _ZIP:
                file.seek(0)
                return _read_lines(path, file.read())
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read(_HEADER))
            _check_format(path, header)
            writes = tuple(
                Write(
                    entry["function"],
                    {name: pl.read_ipc(archive.read(file)) for name, file in entry["frames"].items()},
                    entry["values"],
                )
                for entry in header["writes"]
            )
            return Burst(path, header["migration"], header["version"], writes)
    except (
        OSError,
        zipfile.BadZipFile,
        ValueError,
        LookupError,
        TypeError,
        RecursionError,
        pl.exceptions.PolarsError,
    ) as error:
        raise EtlError(
            f"results that wait in {path} cannot be read: {error}",
            "Nothing was deleted. Restore the file; or move it away and run the same commands again, "
            "which do the work of the file anew.",
        ) from error


def _read_lines(path: Path, text: bytes) -> Burst:
    parts = []
    for line in text.split(b"\n")[:-1]:
        checksum, _, part = line.partition(b" ")
        if int(checksum, 16) != zlib.crc32(part):
            raise ValueError("its checksum is another one")
        parts.append(json.loads(part))
    header, first, *added = parts  # of which the first two came in one piece
    _check_format(path, header)
    writes = [
        Write(entry["function"], values=entry["values"], adds_up=entry["adds_up"])
        for entries in [first, *added]
        for entry in entries
    ]
    return Burst(path, header["migration"], header["version"], tuple(joined(writes)))


def _check_format(path: Path, header: Mapping[str, Any]) -> None:
    if header["format"] > _FORMAT:
        raise EtlError(
            f"{path} was written by music-etl {header['version']}, which is newer than this.",
            "Install that version (`pip install .` in its source folder); results stay until then.",
        )


def sync_journal(database: Path) -> None:
    """Let what was removed from the journal stay removed, also after a power cut."""
    sync(journal_path(database))


def remove_journal(database: Path) -> None:
    """Remove the folder if no burst waits in it."""
    folder = journal_path(database)
    if not folder.is_dir() or waiting_bursts(database):
        return
    for left_over in folder.glob("*.tmp"):  # of a killed process
        left_over.unlink()
    shutil.rmtree(folder / COPY, ignore_errors=True)
    with suppress(OSError):  # the user keeps something in it
        folder.rmdir()
