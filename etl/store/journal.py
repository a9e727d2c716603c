"""Bursts of writes that wait beside the store, flushed to disk, while another process holds its file.

Each is one zip archive in the folder ``<store>.journal``: ``burst.json`` (version, functions, values) and an
Arrow file for each frame. It appears under its name when it is whole. The name begins with a number that
gives the order and ends in an id that the store records with the burst, so that it is merged exactly once.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import etl
from etl.runtime.disk.staging import flush, sync
from etl.runtime.disk.targets import write_error
from etl.runtime.errors import EtlError
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEADER: Final = "burst.json"
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
                _write(file, writes, migration)
                file.flush()
                flush(file.fileno())
            temporary.rename(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync(folder)
    except OSError as error:
        raise write_error(folder, error) from error
    return target


def _next_burst(database: Path) -> Path:
    waiting = waiting_bursts(database)
    number = int(waiting[-1].name.partition("-")[0]) + 1 if waiting else 1
    return journal_path(database) / f"{number:012}-{uuid4().hex}.burst"


def _write(file: io.BufferedWriter, writes: Iterable[Write], migration: int) -> None:
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
        header = {"format": _FORMAT, "version": etl.__version__, "migration": migration, "writes": entries}
        archive.writestr(_HEADER, json.dumps(header))


def read_burst(path: Path) -> Burst:
    """Read a burst.

    Raises
    ------
    EtlError
        If the file cannot be read, or a newer version of the program wrote it.
    """
    import polars as pl  # noqa: PLC0415 - a store without a journal is opened without

    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read(_HEADER))
            if header["format"] > _FORMAT:
                raise EtlError(
                    f"{path} was written by music-etl {header['version']}, which is newer than this.",
                    "Install that version (`pip install .` in its source folder); results stay until then.",
                )
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
        pl.exceptions.PolarsError,
    ) as error:
        raise EtlError(
            f"results that wait in {path} cannot be read: {error}",
            "Nothing was deleted. Restore the file; or move it away and run the same commands again, "
            "which do the work of the file anew.",
        ) from error


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
