"""Everything of a MIDI run that touches the store and the names in the library: one thread writes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.sanitize import distinct_names, safe_stems
from etl.pipelines.midi_archives import SEPARATOR, Refusal
from etl.pipelines.midi_batch import INCOMING, REJECTS, Result, part_key
from etl.pipelines.midi_request import ANALYSIS_VERSION, MidiRun, MidiSummary, Stage
from etl.store.database import transaction
from etl.store.ledger import Ledger
from etl.store.midi import ARCHIVE, SANITIZE, SPLIT, add_files, has_other_versions, unfinished
from etl.store.runs import REJECT_SCHEMA, Run, add_rejects

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from etl.pipelines.midi_sources import Found

_COMMIT_SECONDS: Final = 5.0
_COMMIT_FILES: Final = 1000


def archive_key(found: Found) -> str:
    """Name an archive on disk as it is now, for the ledger."""
    return f"{found.path}|{found.size}|{found.mtime_ns}"


class Writer:
    """Takes what is found, refused and read; commits it now and then, in one transaction at a time."""

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
                {"item": [archive_key(e) for e in found if e.is_archive]}, schema={"item": pl.String}
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
        return [e for e in found if (archive_key(e) in wanted_archives if e.is_archive else e.path in wanted)]

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
