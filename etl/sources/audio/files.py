"""Files of an audio library as they are on the disk: of folders, and of inventories that list them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.runtime.errors import EtlError, ExitCode
from etl.sources.folders.ignored import NEVER_MUSIC
from etl.sources.folders.walk import Aside, File, shown, walk, whole

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

FILE_SCHEMA: Final = {"path": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64}
"""A file on the disk."""


class FoundFiles:
    """What is on the disk, as it is found.

    Attributes
    ----------
    files
        Columns of :data:`FILE_SCHEMA`.
    problems
        Path and reason of what could not be listed, or is not as an inventory says.
    unlisted
        Folders and files that could not be looked at: whether they are gone is not known.
    absent
        Files that an inventory lists and that are not there.
    drives
        Folders on other drives than the folders above them.
    links
        Links to folders that were not followed.
    """

    def __init__(self) -> None:
        self.files = pl.DataFrame(schema=FILE_SCHEMA)
        self.problems: list[tuple[str, str]] = []
        self.unlisted: list[Path] = []
        self.absent: list[str] = []
        self.drives: list[Path] = []
        self.links: list[str] = []

    def add(self, rows: Sequence[tuple[str, int, int]]) -> None:
        """Add path, size and time of files."""
        columns = dict(zip(FILE_SCHEMA, zip(*rows, strict=True), strict=True)) if rows else {}
        self.files = pl.concat([self.files, pl.DataFrame(columns, schema=FILE_SCHEMA)])

    def refuse(self, path: str, error: OSError) -> None:
        """Add something that cannot be looked at."""
        self.problems.append((shown(path), f"cannot be looked at: {error.strerror or error}"))
        self.unlisted.append(Path(path))


def located(sources: Sequence[Path], known: Collection[str] = ()) -> list[Path]:
    """Give the whole paths of sources, without `..`, so that a file has one path however it is given.

    Parameters
    ----------
    sources
        Folders and inventories.
    known
        Folders that need not exist: they did once, and all that was in them is not there now.

    Raises
    ------
    EtlError
        If another one does not exist.
    """
    roots = [Path(whole(source)) for source in sources]
    for root in roots:
        if not root.exists() and str(root) not in known:
            raise EtlError(
                f"{root} does not exist.", "Give folders of audio, or an inventory CSV or Parquet."
            )
    return roots


def find_files(
    roots: Sequence[Path], *, follow_links: bool = False, exclude: Sequence[str] = ()
) -> FoundFiles:
    """List all files of folders and inventories, sorted by path, each once.

    Parameters
    ----------
    roots
        Folders, or inventories: CSV or Parquet with a column ``path``, relative to the inventory's folder.
        Size and time come from the disk; where a column ``size`` disagrees, that is a problem.
    follow_links
        Whether links to folders are followed.
    exclude
        Patterns of what to leave out of folders, besides `NEVER_MUSIC` and what files ``.etlignore`` say.

    Raises
    ------
    EtlError
        If a file is no inventory.
    """
    found = FoundFiles()
    for root in roots:
        if root.is_dir():
            _add_folder(root, found, follow_links=follow_links, exclude=exclude)
        elif root.exists():
            _read_inventory(root, found)
    found.files = found.files.unique("path", maintain_order=False).sort("path")
    return found


def _add_folder(folder: Path, found: FoundFiles, *, follow_links: bool, exclude: Sequence[str]) -> None:
    """Add the files below a folder."""
    rows = []
    for entry in walk([folder], follow_links=follow_links, ignore=(*NEVER_MUSIC, *exclude)):
        if isinstance(entry, File):
            if shown(entry.location) == entry.location:
                rows.append((entry.location, entry.size, entry.mtime_ns))
            else:
                found.problems.append((shown(entry.location), "the name is not valid UTF-8; rename it"))
        elif isinstance(entry, Aside):
            if entry.is_link:
                found.links.append(shown(entry.location))
            else:
                found.drives.append(Path(entry.location))
        elif not isinstance(entry.error, FileNotFoundError):  # else it was deleted since the folder was read
            found.refuse(entry.location, entry.error)
        elif Path(entry.location).is_symlink():  # to a drive, perhaps, that is not there now
            found.unlisted.append(Path(entry.location))
    found.add(rows)


def _read_inventory(source: Path, found: FoundFiles) -> None:
    """Look at the files that an inventory lists."""
    try:
        listed = (
            pl.read_parquet(source)
            if source.suffix.lower() == ".parquet"
            else pl.read_csv(source, infer_schema=False)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise EtlError(
            f"cannot read the inventory {source}: {error}",
            "Give a CSV or Parquet file.",
            exit_code=ExitCode.BAD_DATA,
        ) from error
    if "path" not in listed.columns:
        raise EtlError(
            f"the inventory {source} has no column `path`.",
            f"It has: {', '.join(listed.columns)}.",
            exit_code=ExitCode.BAD_DATA,
        )
    size = pl.col("size") if "size" in listed.columns else pl.lit(None)
    listed = listed.select(pl.col("path").cast(pl.String), size=size.cast(pl.Int64, strict=False))
    rows = []
    for name, expected in listed.drop_nulls("path").iter_rows():
        path = whole(source.parent / name)
        try:
            status = os.stat(path)  # noqa: PTH116 -- forty thousand times
        except FileNotFoundError:
            found.problems.append((path, "listed, but there is no such file"))
            found.absent.append(path)
        except ValueError as error:  # a null byte
            found.problems.append((name, f"listed, but no path: {error}"))
        except OSError as error:
            found.refuse(path, error)
        else:
            if not stat.S_ISREG(status.st_mode):
                found.problems.append((path, "listed, but not a file"))
                continue
            if expected is not None and expected != status.st_size:
                words = f"listed with {expected:,} bytes, has {status.st_size:,}; taken as it is"
                found.problems.append((path, words))
            rows.append((path, status.st_size, status.st_mtime_ns))
    found.add(rows)
