"""Everything of a MIDI run that touches the store and the names in the library: one thread writes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.sanitize import distinct_names, safe_stems
from etl.pipelines.midi.board import FIND, STORE, Board
from etl.pipelines.midi.messages import REJECTS, Result, part_key
from etl.pipelines.midi.request import VERSIONS, MidiRun, MidiSummary, Stage
from etl.runtime.disk.staging import sync_filesystem
from etl.runtime.rejects import REJECT_SCHEMA
from etl.runtime.work.memory import give_back_memory
from etl.store.database import transaction
from etl.store.ledger import Ledger
from etl.store.midi import ANALYZE, ARCHIVE, IMPORT, SANITIZE, SPLIT, archive_versions
from etl.store.midi_results import add_paths, add_results, add_tags, has_other_versions, seen_files
from etl.store.runs import Run, add_rejects

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from etl.sources.archives.limits import Refusal

_COMMIT_SECONDS: Final = 5.0
_COMMIT_FILES: Final = 1000
_TRIM_EVERY: Final = 8  # commits
_NOT_STORED: Final = "name"


class Writer:
    """Takes what is found, refused and read; commits it now and then, in one transaction at a time.

    Parameters
    ----------
    connection, run
        The store and the run.
    request, summary, board
        What to do, and where it is counted.
    incoming
        Where the workers leave copies and parts; None if there are none.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        run: Run,
        request: MidiRun,
        *,
        summary: MidiSummary,
        board: Board,
        incoming: Path | None,
    ) -> None:
        self._connection = connection
        self._run = run
        self._request = request
        self._incoming = incoming
        self.summary = summary
        self._board = board
        self._results: list[Result] = []
        self._refusals: list[tuple[str, str, str, str]] = []
        self._archives: list[str] = []
        self._folders: set[str] = set()  # that are there
        self._waiting = 0
        self._flushes = 0
        self._committed = time.monotonic()
        self._replaces = {
            task: request.force or has_other_versions(connection, task, VERSIONS[task])
            for task in (IMPORT, ANALYZE)
        }

    def find(self, files: int) -> None:
        """Count files found."""
        self.summary.found += files
        self._board.count(FIND, files)

    def refuse(self, refusal: Refusal) -> None:
        """Note what was not taken."""
        self._refusals.append((refusal.path, FIND, refusal.category, refusal.reason))

    def close_archives(self, keys: list[str]) -> None:
        """Note archives that were read to their ends, and gave nothing that the workers have yet to do."""
        self._archives += keys

    def add(self, result: Result) -> None:
        """Take a batch's results; commit now and then."""
        self._board.take_back(result.count, result.seconds)
        self._results.append(result)
        self._waiting += result.count
        if self._waiting >= _COMMIT_FILES or time.monotonic() - self._committed > _COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit everything that is waiting, in one transaction with its ledger entries."""
        results = self._results
        with self._board.timed(STORE):
            with transaction(self._connection):
                if any(result.files.width for result in results):
                    self._store(results)
                if self._request.writes_library:
                    # What the store is about to vouch for must outlast a power cut.
                    sync_filesystem(self._request.library)
                refusals = pl.DataFrame(self._refusals, schema=REJECTS, orient="row")
                self._store_rejects(pl.concat([*(result.rejects for result in results), refusals]))
                archives = [*self._archives, *(key for result in results for key in result.archives)]
                if archives:
                    rows = pl.DataFrame({"item": archives, "status": "done"})
                    for version in archive_versions(self._request.tasks):
                        Ledger(self._connection, ARCHIVE, version).record(rows)
            self._board.stored(self._waiting)
        self.summary.read += self._waiting
        self._results, self._refusals, self._archives, self._waiting = [], [], [], 0
        self._committed = time.monotonic()
        self._flushes += 1
        if self._flushes % _TRIM_EVERY == 0:
            give_back_memory()

    def _store(self, results: list[Result]) -> None:
        def joined(name: str, *keys: str) -> pl.DataFrame:
            frames: list[pl.DataFrame] = [getattr(r, name) for r in results if getattr(r, name).width]
            # Batches have no file twice within, but two batches may have the same one.
            return pl.concat(frames).unique(keys or None, keep="first", maintain_order=True)

        files, paths = joined("files", "sha256"), joined("paths", "path")
        seen = seen_files(self._connection, files, self._run.run_id)
        add_paths(self._connection, paths.drop(_NOT_STORED), self._run.run_id)
        tags = joined("tags", "sha256", "tag", "kind", "source")
        frames = {
            "midi_files": files,
            "midi_tracks": joined("parts", "sha256", "track", "channel"),
            "midi_tags": tags,
        }
        fresh = self._add(IMPORT, frames, files, seen)
        self.summary.new += fresh.height
        known = tags.join(fresh, left_on="sha256", right_on="item", how="anti", maintain_order="left")
        if known.height:
            add_tags(self._connection, known)
        if Stage.ANALYZE in self._request.stages:
            self._add(ANALYZE, {"midi_analysis": joined("analysis", "sha256")}, files, seen)
        if self._request.writes_library:
            skipped = files.filter(~pl.col("valid")).select(item="sha256", status=pl.lit("skipped"))
            for task in self._request.tasks.keys() & {SANITIZE, SPLIT}:
                Ledger(self._connection, task, VERSIONS[task]).record(skipped)
            valid = files.filter("valid").select("sha256")
            firsts = paths.unique("sha256", keep="first", maintain_order=True).join(
                valid, on="sha256", how="semi", maintain_order="left"
            )
            self._shelve(firsts, joined("split", "sha256", "track", "channel"))

    def _add(
        self, task: str, frames: dict[str, pl.DataFrame], files: pl.DataFrame, seen: pl.DataFrame
    ) -> pl.DataFrame:
        """Store results; what this run has stored already is not replaced by what another path gives."""
        ledger = Ledger(self._connection, task, VERSIONS[task])
        replace = self._replaces[task]
        if replace and seen.height:
            files, *rows = (
                frame.join(seen, on="sha256", how="anti", maintain_order="left")
                for frame in (files, *frames.values())
            )
            frames = dict(zip(frames, rows, strict=True))
        return add_results(ledger, frames, files.select(item="sha256"), replace=replace)

    def _shelve(self, paths: pl.DataFrame, split: pl.DataFrame) -> None:
        """Move copies and parts from the incoming folder to their names in the library."""
        if self._request.force:
            self._restore(paths)
        ledger = Ledger(self._connection, SANITIZE, VERSIONS[SANITIZE])
        missing = ledger.missing(paths.select(item="sha256"))
        new = paths.join(missing, left_on="sha256", right_on="item", how="semi", maintain_order="left")
        if new.height:
            self._shelve_copies(new)
            ledger.record(missing.with_columns(status=pl.lit("done")))
        if Stage.SPLIT in self._request.stages:
            ledger = Ledger(self._connection, SPLIT, VERSIONS[SPLIT])
            missing = ledger.missing(paths.select(item="sha256"))
            self._shelve_parts(
                split.join(missing, left_on="sha256", right_on="item", how="semi", maintain_order="left")
            )
            ledger.record(missing.with_columns(status=pl.lit("done")))

    def _restore(self, paths: pl.DataFrame) -> None:  # noqa: ARG002 (read by name)
        """Put back what the library should have of these files, and has not."""
        rows = self._connection.sql(
            "SELECT sha256, track, channel, folder, name FROM midi_library "
            "WHERE sha256 IN (SELECT sha256 FROM paths)"
        ).fetchall()
        for digest, track, channel, folder, name in rows:
            key = digest if track is None else part_key(digest, track, channel)
            is_there = (self._request.library / folder / name).exists()
            if not is_there and self._incoming and (self._incoming / key).exists():
                self._move(key, folder, name)

    def _shelve_copies(self, new: pl.DataFrame) -> None:
        stem = pl.col("name").str.replace(r"\.[A-Za-z]{1,4}$", "")
        named = new.select("sha256", stem=safe_stems(stem)).with_columns(
            folder=pl.col("stem").str.to_lowercase().str.extract(r"^([a-z0-9])").fill_null("_"),
            base=pl.col("stem").str.to_lowercase().str.replace(r"(_[0-9]+)+$", ""),
        )
        taken = self._connection.sql(
            "SELECT lower(name) FROM midi_library WHERE base IN (SELECT base FROM named) AND track IS NULL"
        ).fetchall()
        rows = named.with_columns(name=self._free_names(named, {name for (name,) in taken})).drop("stem")
        for digest, folder, name in rows.select("sha256", "folder", "name").rows():
            self._move(digest, folder, name)
        self._connection.execute("INSERT INTO midi_library BY NAME SELECT * FROM rows")

    def _free_names(self, named: pl.DataFrame, taken: set[str]) -> pl.Series:
        """Name copies; what lies in the library and is not theirs keeps its name."""
        while True:
            names = distinct_names(named["stem"], set(taken))
            foreign = {
                name.lower()
                for name, folder, digest in zip(names, named["folder"], named["sha256"], strict=True)
                if self._is_taken(digest, folder, name)
            }
            if not foreign:
                return pl.Series(names, dtype=pl.String)
            taken |= foreign

    def _shelve_parts(self, parts: pl.DataFrame) -> None:
        if parts.is_empty():
            return
        rows = self._connection.sql(
            "SELECT parts.sha256, parts.track, parts.channel, folder || '/parts' AS folder, base, "
            "regexp_replace(name, '[.]mid$', '') || suffix || '.mid' AS name "
            "FROM parts JOIN midi_library copies ON copies.sha256 = parts.sha256 AND copies.track IS NULL "
            "ORDER BY ALL"
        ).pl()
        names = []
        for digest, track, channel, folder, name in rows.select(
            "sha256", "track", "channel", "folder", "name"
        ).rows():
            key, number, free = part_key(digest, track, channel), 0, name
            while self._is_taken(key, folder, free):
                number += 1
                free = f"{name.removesuffix('.mid')}_{number}.mid"
            self._move(key, folder, free)
            names.append(free)
        rows = rows.with_columns(name=pl.Series(names, dtype=pl.String))
        self._connection.execute("INSERT INTO midi_library BY NAME SELECT * FROM rows")
        self.summary.parts += rows.height

    def _is_taken(self, key: str, folder: str, name: str) -> bool:
        """Whether another file is there; a killed run may have left this very one."""
        try:
            with open(f"{self._request.library}/{folder}/{name}", "rb") as file:  # noqa: PTH123 - once per file
                there = file.read()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return self._incoming is not None and there != (self._incoming / key).read_bytes()

    def _move(self, key: str, folder: str, name: str) -> None:
        if self._incoming is None:
            return
        if folder not in self._folders:
            (self._request.library / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        os.replace(f"{self._incoming}/{key}", f"{self._request.library}/{folder}/{name}")  # noqa: PTH105 - once per file

    def _store_rejects(self, rejects: pl.DataFrame) -> None:
        if rejects.is_empty():
            return
        rows = rejects.select(
            source="path",
            line=pl.lit(None, pl.Int64),
            stage="stage",
            category="category",
            reason="reason",
            raw=pl.lit(None, pl.String),
        ).select(*REJECT_SCHEMA)
        add_rejects(self._connection, self._run, rows)
        self.summary.rejected += rows.height
        for stage, count in rows["stage"].value_counts().rows():
            self._board.refuse(stage, count)
        for category, count in rows["category"].value_counts().rows():
            self.summary.rejects[category] = self.summary.rejects.get(category, 0) + count
