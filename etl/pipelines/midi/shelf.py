"""Names in the library: each copy and each part gets one of its own, and is moved to it.

What the store knows of the library is read once, at the start; what this run adds is kept here. So a name is
given and a file is in its place before its results are handed to the store, which may keep them waiting.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.midi.sanitize import distinct_names, safe_stems
from etl.pipelines.midi.messages import part_key
from etl.runtime.disk.staging import sync_filesystem

if TYPE_CHECKING:
    from pathlib import Path

    from etl.store.midi_library import LibraryNames

_ROWS: Final[dict[str, Any]] = {
    "sha256": pl.String, "track": pl.Int32, "channel": pl.Int16, "folder": pl.String, "name": pl.String,
    "content_sha256": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64,
}  # fmt: skip
_ENDING: Final = ".mid"


class Shelf:
    """Gives names, and moves files from where the workers leave them.

    Parameters
    ----------
    library
        The folder.
    incoming
        Where the workers leave copies and parts.
    names
        What the library holds; kept up to date.
    """

    def __init__(self, library: Path, incoming: Path, names: LibraryNames) -> None:
        self._library = library
        self._incoming = incoming
        self._names = names
        self._taken = {place.rpartition("/")[2].lower() for place in names.copies.values()}
        self._folders: set[str] = set()  # that are there
        self._moved: list[Path] = []

    def put(self, files: pl.DataFrame, parts: pl.DataFrame, *, split: bool, restore: bool) -> pl.DataFrame:
        """Put what is not in the library yet into its place.

        Parameters
        ----------
        files
            ``sha256`` and ``name`` of files that have a copy in the incoming folder, each content once.
        parts
            Parts of these files that are there: ``sha256``, ``track``, ``channel``, ``suffix`` and
            ``content_sha256``.
        split
            Whether parts are wanted.
        restore
            Put back what the library has lost.

        Returns
        -------
        DataFrame
            Rows of ``midi_library``. All is on the disk.
        """
        if restore:
            self._restore(files["sha256"].to_list())
        new = [digest for digest in files["sha256"] if digest not in self._names.copies]
        rows = self._put_copies(files.filter(pl.col("sha256").is_in(new)))
        if split:
            todo = [digest for digest in files["sha256"] if digest not in self._names.split]
            rows += self._put_parts(parts.filter(pl.col("sha256").is_in(todo)))
            self._names.split.update(todo)
        sync_filesystem(
            self._library, self._moved
        )  # what the store is about to vouch for must outlast a power cut
        self._moved.clear()
        return pl.DataFrame(rows, schema=_ROWS, orient="row")

    def _restore(self, digests: list[str]) -> None:
        places = {digest: self._names.copies[digest] for digest in digests if digest in self._names.copies}
        wanted = set(digests)
        for (digest, track, channel), place in self._names.parts.items():
            if digest in wanted:
                places[part_key(digest, track, channel)] = place
        for key, place in places.items():
            if not (self._library / place).exists() and (self._incoming / key).exists():
                self._move(key, *place.rsplit("/", 1))

    def _put_copies(self, files: pl.DataFrame) -> list[tuple[Any, ...]]:
        stem = pl.col("name").str.replace(r"\.[A-Za-z]{1,4}$", "")
        named = files.select("sha256", stem=safe_stems(stem)).with_columns(
            folder=pl.col("stem").str.to_lowercase().str.extract(r"^([a-z0-9])").fill_null("_"),
        )
        rows = []
        for digest, folder, name in zip(
            named["sha256"], named["folder"], self._free_names(named), strict=True
        ):
            stamp = self._move(digest, folder, name)
            self._names.copies[digest] = f"{folder}/{name}"
            rows.append((digest, None, None, folder, name, None, *stamp))
        return rows

    def _free_names(self, named: pl.DataFrame) -> list[str]:
        """Name copies; what lies in the library and is not theirs keeps its name."""
        while True:
            names = distinct_names(named["stem"], self._taken)
            foreign = {
                name.lower()
                for name, folder, digest in zip(names, named["folder"], named["sha256"], strict=True)
                if self._is_taken(digest, folder, name)
            }
            if not foreign:
                return names
            self._taken -= {name.lower() for name in names}
            self._taken |= foreign

    def _put_parts(self, parts: pl.DataFrame) -> list[tuple[Any, ...]]:
        rows = []
        for digest, track, channel, suffix, content in parts.sort("sha256", "track", "channel").rows():
            folder, copy = self._names.copies[digest].rsplit("/", 1)
            folder += "/parts"
            stem, number, key = f"{copy.removesuffix(_ENDING)}{suffix}", 0, part_key(digest, track, channel)
            name = stem + _ENDING
            while self._is_taken(key, folder, name):
                number += 1
                name = f"{stem}_{number}{_ENDING}"
            stamp = self._move(key, folder, name)
            rows.append((digest, track, channel, folder, name, content, *stamp))
        return rows

    def _is_taken(self, key: str, folder: str, name: str) -> bool:
        """Whether another file is there; a killed run may have left this very one."""
        try:
            with open(f"{self._library}/{folder}/{name}", "rb") as file:  # noqa: PTH123 - once per file
                there = file.read()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return there != (self._incoming / key).read_bytes()

    def _move(self, key: str, folder: str, name: str) -> tuple[int, int]:
        """Move a file to its place; give its size and time there."""
        if folder not in self._folders:
            (self._library / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        os.replace(f"{self._incoming}/{key}", f"{self._library}/{folder}/{name}")  # noqa: PTH105 - once per file
        self._moved.append(self._library / folder / name)
        there = os.stat(f"{self._library}/{folder}/{name}")  # noqa: PTH116 - the same
        return there.st_size, there.st_mtime_ns
