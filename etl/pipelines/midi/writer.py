"""What a MIDI run writes: files into the library, then each batch with its ledger entries at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.pipelines.midi.messages import REJECTS, failed
from etl.pipelines.midi.request import FIND, STORE, Stage
from etl.runtime.rejects import REJECT_SCHEMA
from etl.store.ledger import record_outcomes
from etl.store.midi import ARCHIVE, archive_versions
from etl.store.midi_results import store_batch
from etl.store.runs import record_rejects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from etl.pipelines.midi.messages import Batch, Result
    from etl.pipelines.midi.request import MidiResult, MidiRun
    from etl.pipelines.midi.shelf import Shelf
    from etl.runtime.watch.progress import Watch
    from etl.runtime.work.outcome import Outcome
    from etl.store.bursts import BurstWriter
    from etl.store.writes import Write


class Writer:
    """Takes what the workers give, puts files in their places and results into the store.

    Parameters
    ----------
    store
        The store.
    request
        What to do.
    shelf
        The library; None if no copies are wanted.
    replaced
        Ledger tasks that the store may have results of.
    watch, result
        Where it is counted.
    """

    def __init__(
        self,
        store: BurstWriter,
        request: MidiRun,
        *,
        shelf: Shelf | None,
        replaced: Collection[str],
        watch: Watch,
        result: MidiResult,
    ) -> None:
        self._store = store
        self._request = request
        self._shelf = shelf
        self._replaced = replaced
        self._watch = watch
        self._result = result

    def take(self, outcome: Outcome[Batch, Result]) -> None:
        """Take what became of a batch; what cost its process is a reject.

        Raises
        ------
        Exception
            What the worker raised: it could not write.
        """
        batch, problem = outcome.item, outcome.problem
        if problem is not None and problem.is_lost:
            found = failed(batch, Stage.IMPORT, problem.kind, problem.text)
        else:
            found = outcome.unwrap()
        count = len(batch.entries)
        self._watch.advance(Stage.IMPORT, waiting=-count)
        for stage, seconds in found.seconds.items():
            self._watch.advance(stage, done=count, seconds=seconds)
        with self._watch.timed(STORE):
            self._put(batch, found)
        self._result.read += count

    def take_rest(self, batch: Batch) -> None:
        """Take what goes with no file."""
        self._put(batch, None)

    def _put(self, batch: Batch, found: Result | None) -> None:
        writes = [*self._results(found), *self._rejects(batch, found), *self._archives(batch)]
        if writes:
            self._store.put(*writes, items=len(batch.entries))
            self._watch.advance(STORE, done=len(batch.entries))

    def _results(self, found: Result | None) -> Iterator[Write]:
        if found is None or not found.files.width:
            return
        if self._result.silent:
            valid = found.files.filter("valid").select("sha256")
            for path in found.paths.join(valid, on="sha256", how="semi")["path"]:
                self._result.heard(path)
        frames = {
            "midi_files": found.files,
            "midi_paths": found.paths.drop("name"),
            "midi_tracks": found.parts,
            "midi_tags": found.tags,
            **found.facts,
        }
        if Stage.ANALYZE in self._request.stages:
            frames["midi_analysis"] = found.analysis
            frames["midi_part_analysis"] = found.part_analysis
        if self._shelf is not None:
            valid = found.files.filter("valid").select("sha256")
            firsts = found.paths.unique("sha256", keep="first", maintain_order=True).join(
                valid, on="sha256", how="semi", maintain_order="left"
            )
            rows = self._shelf.put(
                firsts, found.split, split=Stage.SPLIT in self._request.stages, restore=self._request.force
            )
            self._result.parts += rows["track"].count()
            frames["midi_library"] = rows
        yield store_batch(
            frames,
            run_id=self._store.run.run_id,
            tasks=self._request.tasks,
            replaced=self._replaced,
            force=self._request.force,
        )

    def _rejects(self, batch: Batch, found: Result | None) -> Iterator[Write]:
        refused = [(refusal.path, FIND, refusal.category, refusal.reason) for refusal in batch.refused]
        rejects = pl.DataFrame(refused, schema=REJECTS, orient="row")
        if found is not None:
            rejects = pl.concat([found.rejects, rejects])
        if rejects.is_empty():
            return
        for stage, count in rejects["stage"].value_counts().rows():
            self._watch.advance(stage, errors=count)
        for category, count in rejects["category"].value_counts().rows():
            self._result.rejects[category] = self._result.rejects.get(category, 0) + count
        self._result.rejected += rejects.height
        rows = rejects.select(
            source="path",
            line=pl.lit(None, pl.Int64),
            stage="stage",
            category="category",
            reason="reason",
            raw=pl.lit(None, pl.String),
        ).select(*REJECT_SCHEMA)
        yield record_rejects(self._store.run, rows)

    def _archives(self, batch: Batch) -> Iterator[Write]:
        if batch.archives:
            rows = pl.DataFrame({"item": batch.archives, "status": "done"})
            for version in archive_versions(self._request.tasks):
                yield record_outcomes(ARCHIVE, version, rows)
