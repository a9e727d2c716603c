"""Build data3 part by part: a CSV and a Parquet file for each input, by processes here or by a cluster.

Parts do not know of one another, so that any number of machines can write them. At the end the store is
filled from them, by the process that gave out the work.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.romantext import RomanStyle
from etl.pipelines.data3.build import build
from etl.pipelines.data3.export import SongExport, export_parquet
from etl.pipelines.data3.part_songs import write_part_songs
from etl.pipelines.data3.parts_list import BuiltPart, Part, PartsList
from etl.pipelines.data3.parts_store import STAGE as STORE, store_parts
from etl.pipelines.data3.request import Data3Build
from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.jit import without_matrix_products
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.rejects import remove_rejects_file
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.work.cluster.joined import joined
from etl.runtime.work.crew import crew
from etl.store.database import read_store
from etl.store.kept_files import check_outputs
from etl.store.scope import current_set
from etl.store.songs import stored_contents, stored_notations, stored_rejects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from etl.chords.keys import KeyMethod
    from etl.chords.notations import Notation
    from etl.runtime.watch.progress import Renderer
    from etl.runtime.work.cluster.address import Cluster

_JOB: Final = "etl.pipelines.data3.parts:build_part"
_VERSIONS: Final = "etl.pipelines.versions:of_chords"
_SONGS: Final = ".store"
"""Folder in that of the parts: what the store is filled from."""

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
    database
        The store, or None for none.
    chords_column, id_column, notation, method, style, force, limits
        As of `Data3Build`.
    workers
        Processes; with one, it is this one.
    cluster
        Whose workers build, instead of processes of this machine; they see inputs and folder.
    """

    inputs: tuple[Path, ...]
    folder: Path
    database: Path | None = None
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
        return replace(self.whole([part.source]), output=Path(part.csv), database=database, workers=1)

    def whole(self, sources: Sequence[str]) -> Data3Build:
        """Give the build of all these at once."""
        return Data3Build(
            inputs=tuple(map(Path, sources)),
            output=self.folder,
            database=self.database,
            chords_column=self.chords_column,
            id_column=self.id_column,
            notation=self.notation,
            method=self.method,
            style=self.style,
            force=self.force,
            workers=self.workers,
            limits=self.limits,
        )

    @property
    def version(self) -> str:
        """What the parts depend on beside their inputs."""
        return f"{self.whole([]).version}.{self.style}.{self.chords_column}.{self.id_column}"


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
        Ids that are in more than one part; a build of one file keeps the first alone, and so does the store.
    database
        The store; None if there is to be none, or no part was built.
    stored
        Songs in it.
    is_stored
        Whether they were there before.
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
    database: Path | None = None
    stored: int = 0
    is_stored: bool = False
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
    has_store = request.database is not None
    files = [Path(file) for part in parts for file in part.files]
    check_outputs(files, inputs=request.inputs, database=request.database)
    result = PartsResult(request.folder)
    stages = [Stage("parts", "files"), *([Stage(STORE, "songs")] if has_store else [])]
    with Watch("etl build data3", stages, renderers) as watch:
        watch.total("parts", len(parts))
        listed = PartsList(request.folder, parts)
        if has_store:
            (request.folder / _SONGS).mkdir(exist_ok=True)
        with _marked(request.folder):
            todo = [
                part
                for part in parts
                if request.force or not listed.is_done(part, request.version, has_store=has_store)
            ]
            result.unchanged = len(parts) - len(todo)
            watch.advance("parts", done=result.unchanged)
            if todo:
                _build(request, todo, listed, result, watch)
        built = [
            (part, listed.done[part.name])
            for part in parts
            if part.name in listed.done and part.name not in result.failed
        ]
        for _, done in built:
            result.count(done)
        watch.waiting_for("ids that are in several parts")
        result.repeated_ids = _repeated([part.parquet for part in parts if listed.has_ids(part)])
        if has_store and built:
            stored = store_parts(request.whole([part.name for part, _ in built]), built, watch)
            result.database, result.stored, result.is_stored = (
                request.database,
                stored.songs,
                stored.is_stored,
            )
        result.seconds = watch.elapsed
    return result


def _build(
    request: PartsBuild, todo: list[Part], listed: PartsList, result: PartsResult, watch: Watch
) -> None:
    if request.cluster is not None:
        watch.waiting_for(f"the cluster {request.cluster.address}")
    with (
        joined(request.cluster) as connection,
        crew(
            workers=request.workers if request.workers > 1 else 0, cluster=connection, versions_of=_VERSIONS
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
                result.failed[outcome.item.name] = outcome.problem.text
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
        with todo.opened_inputs() as (opened,):
            has_ids = opened.has_ids
        done = build(todo)
        export_parquet(SongExport(path=Path(part.parquet), database=database))
        with read_store(database) as connection:
            rejects = stored_rejects(connection, done.sources).with_columns(source=pl.lit(part.name))
            (source,) = current_set(connection)
            (content,) = stored_contents(connection)
            _, notation = stored_notations(connection, [source.source_id])[source.source_id]
            if request.database is not None:
                write_part_songs(connection, source.source_id, Path(part.songs))
    if rejects.height:
        with atomic_file(Path(part.rejects)) as file:
            file.write(rejects.write_csv().encode())
    else:
        remove_rejects_file(Path(part.rejects))
    return BuiltPart(
        done.records,
        done.songs,
        done.rejected,
        has_ids,
        notation,
        content.content_hash,
        content.content_bytes,
    )


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
        parts[name] = Part(
            name=str(source.absolute()),
            source=str(source.absolute()),
            csv=f"{stem}.csv",
            parquet=f"{stem}.parquet",
            rejects=f"{stem}.rejects.csv",
            songs=str(folder / _SONGS / f"{name}.parquet"),
        )
    inputs = {part.source for part in parts.values()}
    for part in parts.values():
        if not inputs.isdisjoint(part.files):
            raise EtlError(
                f"{part.csv} is an input.", "Choose another --output-dir.", exit_code=ExitCode.USAGE
            )
    return list(parts.values())


def _placed(part: Part, there: Callable[[str], str], *, mark: str) -> tuple[Part, tuple[str, str]]:
    """Give a part as another machine knows it, and what must be the same there: its input and the folder."""
    return Part(part.name, there(part.source), *map(there, part.files)), (part.source, mark)


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
