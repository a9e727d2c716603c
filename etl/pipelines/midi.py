"""The MIDI library: find files, read each once, analyse, store; name and split copies of them.

The main process walks and stores, the workers do the rest. Work moves in batches; a bounded number is in
flight, so that a slow stage slows those before it. Results are committed with the ledger at least every five
seconds, files in the library first.
"""

from __future__ import annotations

import fnmatch
import os
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.sanitize import distinct_names, safe_stems
from etl.pipelines.midi_archives import SEPARATOR, Refusal, read_archive
from etl.pipelines.midi_batch import INCOMING, REJECTS, Entry, Result, Task, part_key, process, sweep
from etl.pipelines.midi_sources import Found, walk
from etl.runtime.errors import EtlError
from etl.runtime.executor import ordered_map, process_executor
from etl.runtime.meter import Meter
from etl.store.database import open_store, transaction
from etl.store.ledger import Ledger
from etl.store.midi import ANALYZE, ARCHIVE, SANITIZE, SPLIT, add_files, has_other_versions, unfinished
from etl.store.runs import REJECT_SCHEMA, Run, add_rejects, recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from etl.runtime.progress import Progress

ANALYSIS_VERSION: Final = "1"
_BATCH_FILES: Final = 256
_BATCH_BYTES: Final = 8 << 20
_CHUNK: Final = 4096
_COMMIT_SECONDS: Final = 5.0
_COMMIT_FILES: Final = 1000


class Stage(StrEnum):
    """What is done with the files; import and analysis are one pass over the same bytes."""

    ANALYZE = "analyze"
    SANITIZE = "sanitize"
    SPLIT = "split"


@dataclass(frozen=True)
class MidiRun:
    """What to do.

    Attributes
    ----------
    sources
        Files, folders and archives.
    database
        The store.
    library
        Folder for copies with safe names and for parts.
    stages
        What to do beside reading and storing.
    workers
        Processes.
    limit
        Take so many files at most, or None for all.
    pattern
        Only paths that match this glob.
    force
        Do again what is done.
    """

    sources: tuple[Path, ...]
    database: Path
    library: Path
    stages: frozenset[Stage]
    workers: int
    limit: int | None = None
    pattern: str = "*"
    force: bool = False

    @property
    def tasks(self) -> list[str]:
        """Ledger tasks that must be done for a file to need nothing more."""
        names = {Stage.SANITIZE: SANITIZE, Stage.SPLIT: SPLIT}
        return [ANALYZE, *(names[stage] for stage in sorted(self.stages) if stage in names)]

    @property
    def writes_library(self) -> bool:
        """Whether copies are written."""
        return bool(self.stages & {Stage.SANITIZE, Stage.SPLIT})


@dataclass
class MidiSummary:
    """What a run did."""

    found: int = 0
    unchanged: int = 0
    read: int = 0
    new: int = 0
    parts: int = 0
    rejected: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)


def run_midi(request: MidiRun, progress: Progress) -> MidiSummary:
    """Bring the library up to date with its sources.

    Raises
    ------
    EtlError
        If a source is missing, or the store or the library cannot be written.
    """
    for source in request.sources:
        if not source.exists():
            raise EtlError(f"there is no {source}.", "Check the path.")
    incoming = request.library / INCOMING
    arguments = {
        "sources": [str(source) for source in request.sources],
        "stages": sorted(request.stages),
        "library": str(request.library),
        "pattern": request.pattern,
    }
    summary = MidiSummary()
    with (
        process_executor(request.workers) as executor,
        open_store(request.database) as connection,
        recorded_run(connection, "midi run", arguments) as run,
    ):
        if request.writes_library:
            # Only now, with the store locked, is what lies there certainly nobody's.
            incoming.mkdir(parents=True, exist_ok=True)
            sweep(incoming)
        for _ in range(request.workers):
            # Workers load the compiled code while the walk begins.
            executor.submit(process, Task((), None, split=False))
        writer = _Writer(connection, run, request, summary)
        tasks = _tasks(request, writer, incoming if request.writes_library else None)
        for result in _results(ordered_map(executor, process, tasks, in_flight=2 * request.workers + 1)):
            writer.add(result)
            progress.advance(items=result.count)
            progress.note = (
                f"{summary.found:,} found, {summary.rejected:,} rejected, {writer.waiting:,} to commit"
            )
        writer.flush()
        run.items_in, run.items_out, run.meter = summary.found, summary.read, summary.meter
    if request.writes_library:
        sweep(incoming)
        incoming.rmdir()
    return summary


def _results(results: Iterator[Result]) -> Iterator[Result]:
    """Pass results on; say what to do when a worker dies."""
    try:
        yield from results
    except BrokenProcessPool as error:
        raise EtlError(
            "a worker process died, perhaps for want of memory.",
            "What was finished is kept. Run again, with fewer --workers; --filter can leave files out.",
        ) from error


def preview(request: MidiRun) -> str:
    """Say what a run would find, without the store: counts by kind."""
    files = archives = size = 0
    refused: dict[str, int] = {}
    for entry in walk(request.sources, pattern=request.pattern):
        if isinstance(entry, Refusal):
            refused[entry.category] = refused.get(entry.category, 0) + 1
        else:
            archives += entry.is_archive
            files += not entry.is_archive
            size += entry.size
    lines = [
        f"{files:,} MIDI files and {archives:,} archives, {size / 2**20:,.1f} MB; nothing was written",
        f"stages: {', '.join(sorted(request.stages))}; store: {request.database}; library: {request.library}",
    ]
    return "\n".join([*lines, *(f"would be rejected, {name}: {n:,}" for name, n in sorted(refused.items()))])


def _tasks(request: MidiRun, writer: _Writer, incoming: Path | None) -> Iterator[Task]:
    """Cut what is to do into batches."""
    batch: list[Entry] = []
    closed: list[tuple[str, str]] = []
    size = 0
    for entry in _entries(request, writer):
        if isinstance(entry, tuple):
            closed.append(entry)
            continue
        batch.append(entry)
        size += entry.size
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield Task(tuple(batch), incoming, Stage.SPLIT in request.stages, tuple(closed))
            batch, closed, size = [], [], 0
    if batch or closed:
        yield Task(tuple(batch), incoming, Stage.SPLIT in request.stages, tuple(closed))


def _entries(request: MidiRun, writer: _Writer) -> Iterator[Entry | tuple[str, str]]:
    """Give what is to read: files, members of archives and, after its last member, each archive's key."""
    left = request.limit if request.limit is not None else 1 << 62
    for chunk in _chunks(walk(request.sources, pattern=request.pattern)):
        writer.refuse([entry for entry in chunk if isinstance(entry, Refusal)])
        for found in writer.to_do([entry for entry in chunk if isinstance(entry, Found)]):
            if left <= 0:
                return
            if not found.is_archive:
                left -= 1
                yield Entry(found.path, found.location, found.size, found.mtime_ns)
                continue
            with Path(found.location).open("rb") as stream:
                for member in read_archive(stream, found.path, found.size):
                    if isinstance(member, Refusal):
                        writer.refuse([member])
                        continue
                    if not fnmatch.fnmatch(member.path, request.pattern):
                        continue
                    if left <= 0:
                        return
                    left -= 1
                    writer.summary.found += 1
                    yield Entry(member.path, None, len(member.blob), found.mtime_ns, member.blob)
            yield (found.path, _archive_key(found))


def _chunks(entries: Iterator[Found | Refusal]) -> Iterator[list[Found | Refusal]]:
    chunk: list[Found | Refusal] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _archive_key(found: Found) -> str:
    return f"{found.path}|{found.size}|{found.mtime_ns}"


class _Writer:
    """Everything that touches the store and the library's names: one thread, one transaction at a time."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, run: Run, request: MidiRun, summary: MidiSummary
    ) -> None:
        self._connection = connection
        self._run = run
        self._request = request
        self.summary = summary
        self._results: list[Result] = []
        self._refusals: list[tuple[str, str, str]] = []
        self.waiting = 0
        self._committed = time.monotonic()
        self._replace = request.force or has_other_versions(connection, ANALYSIS_VERSION)

    def to_do(self, found: list[Found]) -> list[Found]:
        """Keep what is new, changed, or lacks a stage."""
        if not found:
            return []
        with self.summary.meter.stage("look up"):
            rows = [(e.path, e.size, e.mtime_ns) for e in found if not e.is_archive]
            frame = pl.DataFrame(
                rows, schema={"path": pl.String, "size_bytes": pl.Int64, "mtime_ns": pl.Int64}, orient="row"
            )
            archives = pl.DataFrame(
                {"item": [_archive_key(e) for e in found if e.is_archive]}, schema={"item": pl.String}
            )
            self.summary.found += frame.height
            if self._request.force:
                return found
            wanted = set(
                unfinished(self._connection, frame, self._request.tasks, ANALYSIS_VERSION, self._run.run_id)[
                    "path"
                ]
            )
            wanted_archives = set(self._archive_ledger.missing(archives)["item"])
            self.summary.unchanged += frame.height - len(wanted)
        return [
            e for e in found if (_archive_key(e) in wanted_archives if e.is_archive else e.path in wanted)
        ]

    @property
    def _archive_ledger(self) -> Ledger:
        return Ledger(self._connection, ARCHIVE, f"{ANALYSIS_VERSION}.{'.'.join(self._request.tasks)}")

    def refuse(self, refusals: list[Refusal]) -> None:
        """Note what was not taken."""
        self._refusals += [(entry.path, entry.category, entry.reason) for entry in refusals]

    def add(self, result: Result) -> None:
        """Take a batch's results; commit now and then."""
        self._results.append(result)
        self.waiting += result.count
        if self.waiting >= _COMMIT_FILES or time.monotonic() - self._committed > _COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit everything that is waiting, in one transaction with its ledger entries."""
        results = self._results
        with self.summary.meter.stage("store"), transaction(self._connection):
            if results:
                self._store(results)
            rejects = pl.concat(
                [*(r.rejects for r in results), pl.DataFrame(self._refusals, schema=REJECTS, orient="row")]
            )
            self._store_rejects(rejects)
            keys = [key for result in results for _, key in result.archives]
            if keys:
                self._archive_ledger.record(pl.DataFrame({"item": keys, "status": "done"}))
        self.summary.read += self.waiting
        self._results, self._refusals, self.waiting = [], [], 0
        self._committed = time.monotonic()

    def _store(self, results: list[Result]) -> None:
        def joined(name: str) -> pl.DataFrame:
            frames: list[pl.DataFrame] = [getattr(result, name) for result in results]
            return pl.concat(frames)

        files = joined("files").unique("sha256", keep="first", maintain_order=True)
        frames = {"midi_files": files}
        for table, name, keys in (
            ("midi_analysis", "analysis", ["sha256"]),
            ("midi_tracks", "parts", ["sha256", "track", "channel"]),
            ("midi_tags", "tags", ["sha256", "tag", "kind", "source"]),
        ):
            frames[table] = joined(name).unique(keys, keep="first", maintain_order=True)
        paths = joined("paths")
        fresh = add_files(
            self._connection,
            frames,
            paths,
            version=ANALYSIS_VERSION,
            run_id=self._run.run_id,
            replace=self._replace,
        )
        self.summary.new += fresh.height
        if self._request.writes_library:
            skipped = files.filter(~pl.col("valid")).select(item="sha256", status=pl.lit("skipped"))
            for task in self._request.tasks[1:]:
                Ledger(self._connection, task, ANALYSIS_VERSION).record(skipped)
            valid = files.filter("valid").select("sha256")
            firsts = paths.unique("sha256", keep="first", maintain_order=True).join(
                valid, on="sha256", how="semi", maintain_order="left"
            )
            self._shelve(firsts, joined("split"))

    def _shelve(self, paths: pl.DataFrame, split: pl.DataFrame) -> None:
        """Move copies and parts from the incoming folder to their names in the library."""
        ledger = Ledger(self._connection, SANITIZE, ANALYSIS_VERSION)
        missing = ledger.missing(paths.select(item="sha256"))
        new = paths.join(missing, left_on="sha256", right_on="item", how="semi", maintain_order="left")
        if new.height:
            self._shelve_copies(new)
            ledger.record(missing.with_columns(status=pl.lit("done")))
        if Stage.SPLIT in self._request.stages:
            ledger = Ledger(self._connection, SPLIT, ANALYSIS_VERSION)
            missing = ledger.missing(paths.select(item="sha256"))
            parts = split.unique(["sha256", "track", "channel"], keep="first", maintain_order=True)
            self._shelve_parts(
                parts.join(missing, left_on="sha256", right_on="item", how="semi", maintain_order="left")
            )
            ledger.record(missing.with_columns(status=pl.lit("done")))

    def _shelve_copies(self, new: pl.DataFrame) -> None:
        member = pl.col("path").str.split(SEPARATOR).list.last()
        file_name = member.str.extract(r"([^/\\]+)$").str.replace(r"\.[A-Za-z]{1,4}$", "")
        named = new.select("sha256", stem=safe_stems(file_name)).with_columns(
            folder=pl.col("stem").str.to_lowercase().str.extract(r"^([a-z0-9])").fill_null("_"),
            base=pl.col("stem").str.to_lowercase().str.replace(r"(_[0-9]+)+$", ""),
        )
        taken = self._connection.sql(
            "SELECT lower(name) FROM midi_library WHERE base IN (SELECT base FROM named) AND track IS NULL"
        ).fetchall()
        rows = named.with_columns(
            name=pl.Series(distinct_names(named["stem"], {name for (name,) in taken}))
        ).drop("stem")
        for digest, folder, name in rows.select("sha256", "folder", "name").rows():
            self._move(digest, self._request.library / folder / name)
        self._connection.execute("INSERT INTO midi_library BY NAME SELECT * FROM rows")

    def _shelve_parts(self, parts: pl.DataFrame) -> None:
        if parts.is_empty():
            return
        rows = self._connection.sql(
            "SELECT parts.sha256, parts.track, parts.channel, folder || '/parts' AS folder, base, "
            "regexp_replace(name, '[.]mid$', '') || suffix || '.mid' AS name "
            "FROM parts JOIN midi_library copies ON copies.sha256 = parts.sha256 AND copies.track IS NULL "
            "ORDER BY ALL"
        ).pl()
        for digest, track, channel, folder, name in rows.select(
            "sha256", "track", "channel", "folder", "name"
        ).rows():
            self._move(part_key(digest, track, channel), self._request.library / folder / name)
        self._connection.execute("INSERT INTO midi_library BY NAME SELECT * FROM rows")
        self.summary.parts += rows.height

    def _move(self, key: str, target: Path) -> None:
        source = self._request.library / INCOMING / key
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(source, target)  # noqa: PTH105 - Path.replace builds a path per file for nothing
        except FileNotFoundError:
            if not target.exists():
                raise

    def _store_rejects(self, rejects: pl.DataFrame) -> None:
        if rejects.is_empty():
            return
        rows = rejects.select(
            source="path",
            line=pl.lit(None, pl.Int64),
            stage=pl.lit("read"),
            category="category",
            reason="reason",
            raw=pl.lit(None, pl.String),
        ).select(*REJECT_SCHEMA)
        add_rejects(self._connection, self._run, rows)
        self.summary.rejected += rows.height
        for category, count in rows["category"].value_counts().rows():
            self.summary.rejects[category] = self.summary.rejects.get(category, 0) + count
