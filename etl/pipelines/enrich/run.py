"""Enrich songs with what a service knows: plan, ask, store, export; park when told to, and lose nothing.

The songs' valid ids are asked about once each, in order of value. Whatever ends the run (the last id, the
budget, a rate limit, a signal, a kill), every answer that came in is in the store, and the next run goes on
from there. The store is open only for moments; between two stretches of asking, while the service is parked,
not even other writers are kept out.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

from etl.pipelines.enrich.ask import look_up_proven
from etl.pipelines.enrich.estimate import daily_quota, seconds_for
from etl.pipelines.enrich.filing import Filing, Key, fitting
from etl.pipelines.enrich.partial import (
    ServiceParkedError,
    keeping_newest,
    parked_error,
    partial_path,
    sweep_partials,
)
from etl.pipelines.enrich.plan import check_priority, plan
from etl.pipelines.enrich.result import EnrichmentResult
from etl.pipelines.enrich.state import StoredState
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.log_file import LogFile, log_path
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.work.signals import stop_on_signals
from etl.services.errors import AppError, BudgetSpentError, ParkedError, StoppedError
from etl.services.politeness.gate import QUOTA_KEY, UNKNOWN, Gate
from etl.services.politeness.rates import DAY, Permits
from etl.store.answers import (
    answer_schema,
    answered_ids,
    coverage,
    suspected_ids,
    well_known_id,
)
from etl.store.bursts import writing
from etl.store.kept_files import check_known, check_outputs
from etl.store.run_lock import RunLockedError
from etl.store.runs import keep_progress
from etl.store.scope import count_songs, use_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

    from etl.pipelines.enrich.request import Enrichment
    from etl.runtime.watch.progress import Renderer
    from etl.services.contract import Answer, Kind, Service
    from etl.services.errors import ServiceError
    from etl.store.bursts import BurstWriter
    from etl.store.writes import Write

_STAGES: Final = (Stage("plan", "ids"), Stage("ask", "ids"), Stage("export", "songs"))
_NOTABLE_PAUSE: Final = 1.0  # seconds; shorter pauses are not worth a word


def enrich(request: Enrichment, service: Service, renderers: Sequence[Renderer] = ()) -> EnrichmentResult:
    """Ask a service about the songs' ids.

    Parameters
    ----------
    request
        What to do.
    service
        Whom to ask; not connected yet.
    renderers
        Where the run is shown.

    Returns
    -------
    EnrichmentResult
        At the end of the ids or of the budget.

    Raises
    ------
    EtlError
        With exit code 75 when the service is parked, or another run writes to the store; with 69 when the
        service refuses the app; with 2 when no song is as preferred.
    KeyboardInterrupt
        After SIGINT or SIGTERM, when all that was fetched is stored.
    """
    check_outputs([request.output], database=request.database)
    stop = threading.Event()
    command = f"enrich {service.name}"
    log = LogFile(log_path(request.database))
    known = StoredState(service)
    with (
        stop_on_signals(stop),
        Permits(request.limits_file, service) as permits,
        Watch(f"etl {command}", _STAGES, [*renderers, log]) as watch,
    ):
        gate = Gate(
            service.title,
            permits,
            known,
            stop,
            budget=request.budget,
            patience=request.patience,
            contact=request.contact,
        )
        service.connect(gate)
        enricher = _Enricher(request, service, gate, watch)
        has_rested = False
        while True:
            watch.waiting_for(f"the store {request.database}")
            try:
                with writing(
                    request.database, command, _arguments(request), limits=request.limits, log=log
                ) as store:
                    watch.waiting_for(None)
                    with store.reading() as connection:
                        known.read(connection)
                        if request.output is not None and not request.output_is_fresh:
                            check_known(connection, [request.output])
                        check_priority(connection, request.priority)
                        enricher.plan(connection)
                    with known.kept_in(store):
                        enricher.ask(store)
            except ServiceParkedError as error:
                if not request.wait:
                    raise
                enricher.rest(f"{service.title}: {error.reason}", error.not_before)
            except RunLockedError as error:
                if not has_rested:
                    raise
                # Another run began meanwhile.
                enricher.rest(str(error.args[0]), time.time() + request.limits.patience_s)
            else:
                return enricher.result
            has_rested = True


def _arguments(request: Enrichment) -> dict[str, object]:
    return {
        "budget": request.budget,
        "priority": dict(request.priority),
        "wait": request.wait,
        "output": request.output,
    }


class _Enricher:
    """One enrichment: the plan, the asking, and what is written on the way."""

    def __init__(self, request: Enrichment, service: Service, gate: Gate, watch: Watch) -> None:
        self.result = EnrichmentResult(service.kinds[0].gives)
        self._request = request
        self._service = service
        self._gate = gate
        self._watch = watch
        self._sent_before = gate.permits.sent_last_day()
        self._next_count = 0.0
        self._partial_due = 0
        self._found_by_partial = 0
        self._exported = 0

    def plan(self, connection: duckdb.DuckDBPyConnection) -> None:
        """See what is to be asked, in which order."""
        service, watch = self._service, self._watch
        with watch.timed("plan"):
            self._count_songs(connection)
            if not self.result.answered:
                self.result.cached = answered_ids(connection, service.name, service.kinds)
            self._parts = plan(connection, service, self._request.priority)
            self._filing = Filing(suspected_ids(connection, service.name, service.kinds))
            self._control = well_known_id(connection, service.name, service.kinds)
            if self._control and len(self._filing.suspects.intersection(_ids_in(self._parts))) >= UNKNOWN:
                # It goes first: else so many that are gone would look like an outage.
                self._parts = [(self._control[0], [self._control[1]]), *self._parts]
            self._schemas = {kind: answer_schema(connection, service.name, kind) for kind in service.kinds}
        self._partial_due = self._partial_due or self.result.songs_settled + self._request.partial_every
        open_ids = sum(len(ids) for _, ids in self._parts)
        self.result.ids = self.result.answered + open_ids
        watch.advance("plan", done=open_ids)
        watch.total("ask", self.result.ids)

    def ask(self, store: BurstWriter) -> None:
        """Ask about everything that is open, and write the CSV.

        Raises
        ------
        ServiceParkedError
            When the service must rest.
        """
        try:
            self._ask(store)
        finally:
            result, run = self.result, store.run
            run.items_in, run.items_out, run.items_rejected = (
                result.ids,
                result.answered,
                result.answers["error"],
            )
            self._show()
            store.put(keep_progress(run.run_id, self._watch.snapshot().as_json()))

    def rest(self, why: str, until: float) -> None:
        """Do nothing until a time, in seconds since the epoch."""
        self._watch.waiting_for(why, until=until)
        if self._gate.stop.wait(max(0.0, until - time.time())):
            raise KeyboardInterrupt

    def _ask(self, store: BurstWriter) -> None:
        service, watch, filing = self._service, self._watch, self._filing

        def keep(answers: list[Answer]) -> None:
            self._keep(store, *fitting(service.name, answers, self._schemas), filing)

        def decide(answers: list[Answer]) -> list[Key]:
            ready, again = filing.file(answers, self._gate.traffic.successes)
            keep(ready)
            return again

        def tick() -> None:
            if time.monotonic() >= self._next_count:
                with store.reading() as connection:
                    self._count_songs(connection)
                if self.result.songs_settled >= self._partial_due:
                    self._write_partial(store)
            self._show_pause()
            self._show()

        with watch.timed("ask"):
            ended = look_up_proven(
                service, self._parts, decide,
                filing=filing, control=self._control, stop=self._gate.stop, tick=tick,
            )  # fmt: skip
            keep(filing.rest(ended))
        watch.waiting_for(None)
        with store.reading() as connection:
            self._count_songs(connection)
        if isinstance(ended, ParkedError):
            partial = self._write_partial(store)
            raise parked_error(ended, service, self.result, partial, self._request.command)
        _raise_unless_finished(service, ended)
        if self._request.output is not None and (self.result.answered or not self._request.output_is_fresh):
            self._export(store, self._request.output)

    def _keep(self, store: BurstWriter, answers: list[Answer], writes: list[Write], filing: Filing) -> None:
        """Store answers, and count them."""
        if not answers:
            return
        store.put(*writes, items=len(answers))
        store.keep()
        doubted = sum(filing.was_doubted(answer) for answer in answers)
        self.result.count(answers, doubted)
        errors = sum(answer.status == "error" for answer in answers) - doubted
        self._watch.advance("ask", done=len(answers) - doubted, errors=errors)

    def _export(self, store: BurstWriter, path: Path) -> None:
        # It loads what compiles, for half a second; a run may be parked or stopped before it writes.
        from etl.pipelines.data3.export import write_stored_csv  # noqa: PLC0415

        with self._watch.timed("export"), store.reading() as connection:
            sources = use_sources(connection, self._request.sources)
            self._watch.total("export", self._exported + count_songs(connection))
            for songs in write_stored_csv(connection, sources, path, self._request.style):
                if self._gate.stop.is_set():
                    raise KeyboardInterrupt
                self._exported += songs.height
                self._watch.advance("export", done=songs.height)
        self.result.written.append(path)

    def _count_songs(self, connection: duckdb.DuckDBPyConnection) -> None:
        covered = coverage(connection, self._service.name, self._service.kinds)
        self.result.songs, self.result.songs_settled = covered.songs, covered.settled
        self.result.songs_named, self.result.songs_complete = covered.named, covered.complete
        self._next_count = time.monotonic() + self._request.limits.count_s

    def _write_partial(self, store: BurstWriter) -> Path | None:
        """Write all songs as far as they are known, if names came; a full disk must not end the asking."""
        self._partial_due = self.result.songs_settled + self._request.partial_every
        if self.result.gives != "names" or self.result.answers["found"] == self._found_by_partial:
            return None
        with store.reading() as connection:
            use_sources(connection, self._request.sources)
            songs = count_songs(connection)
        if not songs:
            return None
        path = partial_path(self._request.folder, songs, datetime.now().astimezone())
        try:
            sweep_partials(self._request.folder)
            found = self.result.answers["found"]
            with keeping_newest(self._gate.state, path, self._request.partial_keep):
                self._export(store, path)
            self._found_by_partial = found
        except EtlError as error:
            self.result.errors["partial CSV"] = self.result.errors.get("partial CSV", 0) + 1
            self._watch.say(f"no partial CSV: {error}")
            return None
        self._watch.say(f"partial CSV: {path}")
        return path

    def _show_pause(self) -> None:
        pause = self._gate.pause
        if pause < _NOTABLE_PAUSE:
            self._watch.waiting_for(None)
        else:
            self._watch.waiting_for(self._service.title, until=time.time() + pause)

    def _show(self) -> None:
        result, gate = self.result, self._gate
        result.requests = gate.traffic.requests
        result.errors |= gate.traffic.troubles
        today = self._sent_before + result.requests
        quota = daily_quota(self._service.rates, gate.state.get(QUOTA_KEY))
        bounds = ((self._request.budget, result.requests), (quota, today))
        left = [bound - requests for bound, requests in bounds if bound is not None]
        result.requests_left = max(0, min(left)) if left else None
        open_ids = max(0, result.ids - result.answered)
        seconds = seconds_for(
            -(-open_ids // self._service.portion), self._service.rates.per_second, quota, sent=today
        )
        troubles = ", ".join(f"{count:,} {category}" for category, count in sorted(result.errors.items()))
        self._watch.figures(
            songs=result.songs,
            songs_named=result.songs_named,
            found=result.answers["found"],
            gone=result.answers["gone"],
            known_before=result.cached,
            requests=result.requests,
            requests_today=today,
            requests_left=result.requests_left,
            days_left=round(seconds / DAY, 1) if quota and math.isfinite(seconds) else None,
            troubles=troubles or None,
            songs_complete=result.songs_complete,
        )


def _ids_in(parts: Sequence[tuple[Kind, Sequence[str]]]) -> Iterator[Key]:
    return ((kind, item) for kind, ids in parts for item in ids)


def _raise_unless_finished(service: Service, ended: ServiceError | None) -> None:
    if isinstance(ended, StoppedError):
        raise KeyboardInterrupt
    if isinstance(ended, AppError):
        raise EtlError(str(ended), ended.hint, exit_code=ExitCode.UNAVAILABLE)
    if ended is not None and not isinstance(ended, BudgetSpentError):
        raise EtlError(
            f"asking {service.title} failed: {ended}",
            "What was fetched is kept; run the same command again.",
            exit_code=ExitCode.UNAVAILABLE,
        )
