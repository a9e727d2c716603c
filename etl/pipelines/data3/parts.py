"""Build data3 part by part: a CSV and a Parquet file for each input, by processes here or by a cluster.

Parts do not know of one another, so that any number of machines can write them. What each becomes is listed
in `parts.json` in their folder: a run that was stopped goes on with what it has not done, and no file is
replaced that no such run wrote.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.chords.romantext import RomanStyle
from etl.pipelines.data3.build import build
from etl.pipelines.data3.export import SongExport, export_parquet
from etl.pipelines.data3.request import Data3Build
from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.jit import without_matrix_products
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.rejects import check_rejects_file, remove_rejects_file
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.work.cluster.connection import connected
from etl.runtime.work.crew import crew
from etl.store.database import read_store
from etl.store.songs import stored_rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from etl.chords.keys import KeyMethod
    from etl.chords.notations import Notation
    from etl.runtime.watch.progress import Renderer
    from etl.runtime.work.cluster.address import Cluster

_JOB: Final = "etl.pipelines.data3.parts:build_part"
_VERSIONS: Final = "etl.pipelines.versions:of_chords"
_LIST: Final = "parts.json"
_MARK: Final = ".parts.mark"
"""In the folder of the parts: shows workers of a cluster that theirs is the same."""

_ENDINGS: Final = (".gz", ".zst", ".bz2", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")


@dataclass(frozen=True)
class PartsBuild:
    """What to build.

    Attributes
    ----------
    inputs
        Chord song files, each of which becomes a part.
    folder
        Where parts go.
    chords_column, id_column, notation, method, style, force, limits
        As of `Data3Build`.
    workers
        Processes; with one, it is this one.
    cluster
        Whose workers build, instead of processes of this machine; they see inputs and folder.
    """

    inputs: tuple[Path, ...]
    folder: Path
    chords_column: str | None = None
    id_column: str | None = None
    notation: Notation | None = None
    method: KeyMethod | None = None
    style: RomanStyle = RomanStyle.HOUSE
    force: bool = False
    workers: int = 1
    limits: Limits = LIMITS
    cluster: Cluster | None = None

    def of_part(self, part: Part, database: Path) -> Data3Build:
        """Give what to do for a part; a store of its own brings what its Parquet file holds."""
        return Data3Build(
            inputs=(Path(part.source),),
            output=Path(part.csv),
            database=database,
            chords_column=self.chords_column,
            id_column=self.id_column,
            notation=self.notation,
            method=self.method,
            style=self.style,
            workers=1,
            limits=self.limits,
        )

    @property
    def version(self) -> str:
        """What the parts depend on beside their inputs."""
        whole = self.of_part(Part("", "", "", ""), Path()).version
        return f"{whole}.{self.style}.{self.chords_column}.{self.id_column}"


@dataclass(frozen=True)
class Part:
    """An input and what becomes of it.

    Attributes
    ----------
    source
        The input.
    csv, parquet, rejects
        Files to write; the last if there are some.
    """

    source: str
    csv: str
    parquet: str
    rejects: str

    @property
    def files(self) -> tuple[str, str, str]:
        """All that may be written."""
        return self.csv, self.parquet, self.rejects


@dataclass(frozen=True)
class BuiltPart:
    """What came of a part.

    Attributes
    ----------
    records, songs, rejected
        Rows in, rows out, and rows refused.
    has_ids
        Whether the input has ids, and not the numbers of its rows alone.
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
    source: str = ""
    version: str = ""
    state: tuple[int, int] = (0, 0)


@dataclass
class PartsResult:
    """What a build of parts did.

    Attributes
    ----------
    folder
        Where the parts are.
    built, unchanged
        Parts of this run, and of earlier ones.
    failed
        Inputs that gave no part, and why.
    records, songs, rejected
        Rows of all parts: in, out and refused.
    repeated_ids
        Ids that are in more than one part; a build of one file keeps the first alone.
    seconds
        Wall time.
    """

    folder: Path
    built: int = 0
    unchanged: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    records: int = 0
    songs: int = 0
    rejected: int = 0
    repeated_ids: int = 0
    seconds: float = 0.0

    def count(self, part: BuiltPart) -> None:
        """Count the rows of a part."""
        self.records += part.records
        self.songs += part.songs
        self.rejected += part.rejected


def build_parts(request: PartsBuild, renderers: Sequence[Renderer] = ()) -> PartsResult:
    """Build what is not built yet.

    Raises
    ------
    EtlError
        If two inputs would become one part, a file is in the way, the folder cannot be written, or the
        cluster does not answer. A part that fails is told in the result.
    """
    parts = _parts(request)
    result = PartsResult(request.folder)
    with Watch("etl build data3", [Stage("parts", "files")], renderers) as watch:
        watch.total("parts", len(parts))
        listed = _List(request.folder, parts)
        with _marked(request.folder):
            todo = [part for part in parts if request.force or not listed.is_done(part, request.version)]
            result.unchanged = len(parts) - len(todo)
            watch.advance("parts", done=result.unchanged)
            if todo:
                _build(request, todo, listed, result, watch)
        for part in parts:
            if part.source in listed.done and part.source not in result.failed:
                result.count(listed.done[part.source])
        watch.waiting_for("ids that are in several parts")
        result.repeated_ids = _repeated([part.parquet for part in parts if listed.has_ids(part)])
        result.seconds = watch.elapsed
    return result


def _build(request: PartsBuild, todo: list[Part], listed: _List, result: PartsResult, watch: Watch) -> None:
    if request.cluster is not None:
        watch.waiting_for(f"the cluster {request.cluster.address}")
    with (
        connected(request.cluster) as joined,
        crew(
            workers=request.workers if request.workers > 1 else 0, cluster=joined, versions_of=_VERSIONS
        ) as members,
        closing(
            members.map(
                _JOB,
                todo,
                in_flight=2 * request.workers,
                shared=replace(request, cluster=None, inputs=()),
                ordered=False,
                place=partial(_placed, mark=str(request.folder / _MARK)),
            )
        ) as outcomes,
    ):
        for outcome in outcomes:
            watch.waiting_for(None)
            if outcome.problem is None:
                listed.enter(outcome.item, outcome.unwrap(), request.version)
                result.built += 1
            else:
                result.failed[outcome.item.source] = outcome.problem.text
            watch.advance("parts", done=1, errors=int(outcome.problem is not None))


def build_part(part: Part, request: PartsBuild) -> BuiltPart:
    """Build one part: what each worker does.

    Raises
    ------
    EtlError
        As of a build; then nothing is written.
    """
    without_matrix_products()
    with tempfile.TemporaryDirectory(prefix="etl-part-") as folder:
        database = Path(folder) / "part.duckdb"
        todo = request.of_part(part, database)
        with todo.opened_inputs() as (source,):
            has_ids = source.has_ids
        done = build(todo)
        export_parquet(SongExport(path=Path(part.parquet), database=database))
        with read_store(database) as connection:
            rejects = stored_rejects(connection, done.sources)
    if rejects.height:
        with atomic_file(Path(part.rejects)) as file:
            file.write(rejects.write_csv().encode())
    else:
        remove_rejects_file(Path(part.rejects))
    return BuiltPart(done.records, done.songs, done.rejected, has_ids)


def _parts(request: PartsBuild) -> list[Part]:
    """Name what each input becomes."""
    parts: dict[str, Part] = {}
    folder = request.folder.absolute()
    for source in request.inputs:
        name = source.name
        while Path(name).suffix.lower() in _ENDINGS:
            name = Path(name).stem
        if name in parts:
            raise EtlError(
                f"{parts[name].source} and {source} would both become {folder / name}.csv.",
                "Give the inputs different names, or build them into two folders.",
                exit_code=ExitCode.USAGE,
            )
        stem = str(folder / name)
        parts[name] = Part(str(source.absolute()), f"{stem}.csv", f"{stem}.parquet", f"{stem}.rejects.csv")
    inputs = {part.source for part in parts.values()}
    for part in parts.values():
        if not inputs.isdisjoint(part.files):
            raise EtlError(
                f"{part.csv} is an input.", "Choose another --output-dir.", exit_code=ExitCode.USAGE
            )
    return list(parts.values())


def _placed(part: Part, there: Callable[[str], str], *, mark: str) -> tuple[Part, tuple[str, str]]:
    """Give a part as another machine knows it, and what must be the same there: its input and the folder."""
    return Part(there(part.source), *map(there, part.files)), (part.source, mark)


class _List:
    """The list of parts in their folder: what a run wrote, or is about to write."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self._path = folder / _LIST
        self.done: dict[str, BuiltPart] = {}
        try:
            folder.mkdir(exist_ok=True)
            known = self._read()
            taken = [file for part in parts for file in part.files if Path(file).exists()]
            self._states = {part.source: _state(part.source) for part in parts}
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

    def is_done(self, part: Part, version: str) -> bool:
        """Whether a part is there, of the input as it is now."""
        done = self.done.get(part.source)
        return (
            done is not None
            and (done.version, done.state) == (version, self._states[part.source])
            and Path(part.csv).exists()
            and Path(part.parquet).exists()
        )

    def has_ids(self, part: Part) -> bool:
        """Whether a part has ids of its input."""
        return part.source in self.done and self.done[part.source].has_ids

    def enter(self, part: Part, done: BuiltPart, version: str) -> None:
        """Enter a part as done."""
        state = self._states[part.source]
        self.done[part.source] = replace(done, source=part.source, version=version, state=state)
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
        except (ValueError, KeyError, TypeError) as error:
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


@contextmanager
def _marked(folder: Path) -> Iterator[None]:
    """Keep a file of random bytes in the folder."""
    mark = folder / _MARK
    mark.write_bytes(os.urandom(16))
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _repeated(parquets: Sequence[str]) -> int:
    """Count the ids that are in several parts."""
    if len(parquets) < 2:
        return 0
    ids = pl.concat(pl.scan_parquet(path).select("id") for path in parquets)
    counted = ids.group_by("id").len().filter(pl.col("len") > 1).select(pl.len())
    return int(counted.collect().item())
