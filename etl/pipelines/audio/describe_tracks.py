"""Describe the sound of every track: hash what is new, analyze what no run has, store it as it comes."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.audio.features import version_of
from etl.pipelines.audio.pending import PendingRecordings, read_pending
from etl.pipelines.audio.recording import placed
from etl.runtime.compile_folder import kept_functions, writable_folder
from etl.runtime.work.cluster.joined import joined
from etl.runtime.work.crew import crew
from etl.runtime.work.signals import stop_on_signals
from etl.store.runs import record_rejects
from etl.store.sonic_features import FEATURE_SCHEMA, OUTCOME_SCHEMA, put_descriptions

if TYPE_CHECKING:
    from collections.abc import Generator

    from etl.audio.features import Mode
    from etl.pipelines.audio.recording import Recording
    from etl.runtime.limits import Limits
    from etl.runtime.watch.progress import Watch
    from etl.runtime.work.cluster.address import Cluster
    from etl.runtime.work.crew import Crew
    from etl.runtime.work.outcome import Outcome
    from etl.store.bursts import BurstWriter

PRELOAD: Final = "etl.pipelines.audio.preload"
_COMPILED: Final = "etl.audio"
_VERSIONS: Final = "etl.pipelines.versions:of_audio"
_PUT_SECONDS: Final = 1.0
"""Outcomes that come so close together are put into the store together; those before a pause, at once."""


@dataclass
class SonicResult:
    """What a run described, in distinct recordings.

    Attributes
    ----------
    known
        Settled by an earlier run, described or failed for good.
    described, failed
        By this run.
    unreadable
        Files that could not be read at the time; a later run looks again.
    fallbacks
        Of the described, those without a steady pulse.
    reasons
        Failures and unreadable files by reason, the most frequent first.
    seconds
        Wall seconds that it took.
    cpu_use
        Average share of all cores in use, 0-1.
    peak_bytes
        Largest memory of a worker process.
    """

    known: int = 0
    described: int = 0
    failed: int = 0
    unreadable: int = 0
    fallbacks: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_use: float = 0.0
    peak_bytes: int = 0

    @property
    def tracks_per_second(self) -> float:
        """Recordings per second of wall time."""
        return (self.described + self.failed) / max(self.seconds, 1e-9)

    def count(self, outcome: Outcome[Recording, dict[str, Any]]) -> None:
        """Count what became of a recording."""
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes)
        if outcome.result is not None:
            self.described += 1
            self.fallbacks += outcome.result["fallback"] is not None
        elif outcome.problem is not None:
            self.failed += 1
            # Without the figures, so that like failures count together.
            self._count_reason(outcome.problem.text.split(":")[0].split(" (")[0])

    def count_unreadable(self, reason: str) -> None:
        """Count a file that could not be read."""
        self.unreadable += 1
        self._count_reason(reason)

    def _count_reason(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.reasons = dict(sorted(self.reasons.items(), key=lambda counted: -counted[1]))


def describe_tracks(
    store: BurstWriter,
    watch: Watch,
    *,
    mode: Mode,
    workers: int,
    limits: Limits,
    force: bool = False,
    limit: int | None = None,
    cluster: Cluster | None = None,
    seconds: float | None = None,
) -> SonicResult:
    """Describe every track whose content has no description of this version and mode.

    Parameters
    ----------
    store
        Descriptions go there as they come.
    watch
        Its stages ``hash`` and ``sonic`` count files and recordings.
    mode
        Beat-synchronous or windowed.
    workers
        Processes.
    limits
        Most time and memory for a recording.
    force
        Describe again what is done, and try again what failed.
    limit
        Describe so many recordings at most.
    cluster
        Whose workers describe, instead of processes of this machine.
    seconds
        Begin none after so many; None for no end.

    Raises
    ------
    EtlError
        If the cluster does not answer, or is not as this machine.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, once all that is finished has been put into the store.
    """
    stop = threading.Event()
    until = None if seconds is None else time.monotonic() + seconds
    with watch.timed("sonic"), stop_on_signals(stop):
        with store.reading() as connection:
            pending = read_pending(connection, mode, force=force)
        found = PendingRecordings(pending, limit, until=until, store=store, watch=watch, stop=stop)
        outcomes = _Outcomes(store, watch, version_of(mode), limits)
        recordings = iter(found)
        first = next(recordings, None)
        if first is not None:  # a run over what is known loads nothing
            writable_folder()  # where there is none it is said here, for all workers
            if cluster is not None:
                watch.waiting_for(f"the cluster {cluster.address}")
            with (
                joined(cluster) as connected,
                crew(
                    workers=workers, preload=[PRELOAD], stop=stop, cluster=connected, versions_of=_VERSIONS
                ) as members,
            ):
                _load(members, watch, mode)
                for outcome in members.map(
                    "etl.pipelines.audio.describe:describe_file",
                    _chained(first, recordings),
                    in_flight=2 * workers,
                    seconds=limits.track_s,
                    memory=limits.track_bytes,
                    ordered=False,
                    idle=outcomes.put,
                    place=placed,
                ):
                    outcomes.add(outcome)
            outcomes.put()
        if found.unreadable:
            store.put(record_rejects(store.run, _rejects(found.unreadable, "unreadable")))
    if stop.is_set():
        raise KeyboardInterrupt
    result = outcomes.result
    for _, reason in found.unreadable:
        result.count_unreadable(reason)
    result.known, result.seconds, result.cpu_use = found.settled, watch.seconds["sonic"], watch.cpu_use
    store.run.items_out += result.described
    return result


def load_ahead() -> None:
    """Begin to load what describes, for there will be work; the caller has other things to do meanwhile."""
    writable_folder()  # where there is none it is said here, for all workers
    with crew(workers=1, preload=[PRELOAD]) as members:
        members.start()


def _load(members: Crew, watch: Watch, mode: Mode) -> None:
    """Wait until one process has loaded what describes, or compiled it: then the others need not."""
    before = kept_functions(_COMPILED)

    def tell() -> None:
        compiled = kept_functions(_COMPILED) - before
        watch.waiting_for(
            f"compiling the analysis, {compiled} functions so far; half a minute in all"
            if compiled
            else "loading the analysis"
        )

    for outcome in members.map("etl.pipelines.audio.describe:load", [mode], in_flight=1, idle=tell):
        outcome.unwrap()
    watch.waiting_for(None)


def _chained(first: Recording, others: Generator[Recording]) -> Generator[Recording]:
    with closing(others):
        yield first
        yield from others


class _Outcomes:
    """Counts and shows what became of recordings, and puts it into the store."""

    def __init__(self, store: BurstWriter, watch: Watch, version: str, limits: Limits) -> None:
        self.result = SonicResult()
        self._store = store
        self._watch = watch
        self._version = version
        self._limits = limits
        self._gathered: list[Outcome[Recording, dict[str, Any]]] = []
        self._due = 0.0

    def add(self, outcome: Outcome[Recording, dict[str, Any]]) -> None:
        """Take an outcome."""
        self._gathered.append(outcome)
        self.result.count(outcome)
        self._watch.advance("sonic", done=1, errors=int(outcome.problem is not None))
        self._watch.figures(largest_worker_mb=self.result.peak_bytes // 1_000_000)
        self._watch.note(", ".join(f"{count:,} {why}" for why, count in [*self.result.reasons.items()][:3]))
        if time.monotonic() >= self._due:
            self.put()

    def put(self) -> None:
        """Put what has gathered into the store; results, rejects and ledger entries together."""
        gathered, self._gathered = self._gathered, []
        self._due = time.monotonic() + _PUT_SECONDS
        if not gathered:
            return
        writes = [
            put_descriptions(
                pl.DataFrame([each.result for each in gathered if each.result is not None], FEATURE_SCHEMA),
                pl.DataFrame([_entry(each) for each in gathered], OUTCOME_SCHEMA, orient="row"),
                version=self._version,
                tries=self._limits.track_tries,
            )
        ]
        failed = [(each.item.path, each.problem.text) for each in gathered if each.problem is not None]
        if failed:
            writes.append(record_rejects(self._store.run, _rejects(failed, "sonic")))
        self._store.put(*writes, items=len(gathered))


def _entry(outcome: Outcome[Recording, dict[str, Any]]) -> tuple[str, str | None, bool, bool]:
    """Give an outcome as a row of `OUTCOME_SCHEMA`."""
    item, problem = outcome.item, outcome.problem
    if problem is None:
        return item.content_hash, None, False, True
    return item.content_hash, problem.text, problem.is_lost, os.access(item.path, os.R_OK)


def _rejects(refused: list[tuple[str, str]], category: str) -> pl.DataFrame:
    schema = {"source": pl.String, "reason": pl.String}
    rows = pl.DataFrame(refused, schema=schema, orient="row")
    return rows.with_columns(stage=pl.lit("sonic"), category=pl.lit(category))
