"""The list of parts in their folder, `parts.json`: what is built, of which input as it was, by which version.

A run that was stopped goes on with what is not listed, and no file is replaced that no such run wrote.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.rejects import check_rejects_file

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIST: Final = "parts.json"


@dataclass(frozen=True)
class Part:
    """An input and what becomes of it.

    Attributes
    ----------
    name
        The input, as the machine knows it that gives out the work.
    source
        The input, as the machine knows it that builds the part.
    csv, parquet, rejects
        Files to write; the last if there are some.
    songs
        What the store is filled from, to be written if there is to be one.
    """

    name: str
    source: str
    csv: str
    parquet: str
    rejects: str
    songs: str

    @property
    def files(self) -> tuple[str, ...]:
        """All that may be written."""
        return self.csv, self.parquet, self.rejects, self.songs


@dataclass(frozen=True)
class BuiltPart:
    """What came of a part.

    Attributes
    ----------
    records, songs, rejected
        Rows in, rows out, and rows refused.
    has_ids
        Whether the input has ids, and not the numbers of its rows alone.
    notation
        What its chords are spelled in.
    content_hash, content_bytes
        What tells its content from others, as of :class:`~etl.sources.chords.files.Source`.
    source
        The input.
    version
        What it depends on beside the input.
    state
        Size in bytes and time of change of the input, in nanoseconds, as they were at the start of the run.
    """

    records: int
    songs: int
    rejected: int
    has_ids: bool
    notation: str = ""
    content_hash: str = ""
    content_bytes: int = 0
    source: str = ""
    version: str = ""
    state: tuple[int, int] = (0, 0)


class PartsList:
    """The list of parts in their folder: what a run wrote, or is about to write."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self._path = folder / _LIST
        self.done: dict[str, BuiltPart] = {}
        try:
            folder.mkdir(exist_ok=True)
            known = self._read()
            taken = [file for part in parts for file in part.files if Path(file).exists()]
            self._states = {part.name: _state(part.name) for part in parts}
        except OSError as error:
            raise EtlError(
                f"cannot write to {folder}: {error.strerror or error}.",
                "Choose another --output-dir.",
                exit_code=ExitCode.CANNOT_WRITE,
            ) from error
        foreign = [file for file in taken if file not in known]
        if foreign:
            raise EtlError(
                f"{foreign[0]} already exists and was not written by a build of parts.",
                "Move it away, or choose another --output-dir.",
                exit_code=ExitCode.CANNOT_WRITE,
            )
        for part in parts:
            check_rejects_file(Path(part.rejects))
        self._files = sorted({*known, *(file for part in parts for file in part.files)})
        self._write()

    def is_done(self, part: Part, version: str, *, has_store: bool) -> bool:
        """Whether a part is there, of the input as it is now, and what a store would be filled from."""
        done = self.done.get(part.name)
        return (
            done is not None
            and (done.version, done.state) == (version, self._states[part.name])
            and Path(part.csv).exists()
            and Path(part.parquet).exists()
            and (not has_store or (bool(done.content_hash) and Path(part.songs).exists()))
        )

    def has_ids(self, part: Part) -> bool:
        """Whether a part has ids of its input."""
        return part.name in self.done and self.done[part.name].has_ids

    def enter(self, part: Part, done: BuiltPart, version: str) -> None:
        """Enter a part as done."""
        state = self._states[part.name]
        self.done[part.name] = replace(done, source=part.name, version=version, state=state)
        self._write()

    def _read(self) -> set[str]:
        """Read what is done; gives the files that runs wrote or were about to write."""
        if not self._path.exists():
            return set()
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            done = (BuiltPart(**{**each, "state": tuple(each["state"])}) for each in found["done"])
            self.done = {each.source: each for each in done}
            return set(map(str, found["files"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise EtlError(
                f"{self._path} is not a list of parts.",
                "Move it away, or choose another --output-dir.",
                exit_code=ExitCode.CANNOT_WRITE,
            ) from error

    def _write(self) -> None:
        done = [asdict(each) for each in self.done.values()]
        with atomic_file(self._path) as file:
            file.write(json.dumps({"files": self._files, "done": done}, indent=1).encode())


def _state(source: str) -> tuple[int, int]:
    found = Path(source).stat()
    return found.st_size, found.st_mtime_ns
