"""Enrich songs with what a service knows: plan, ask, store, export; park when told to, and lose nothing.

The songs' valid ids are asked about once each, in order of value. Whatever ends the run (the last id, the
budget, a rate limit, a signal, a kill), every answer that came in is in the store, and the next run goes on
from there. While a run sleeps it does not hold the store.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from etl.chords.romantext import RomanStyle
from etl.pipelines.data3.export import write_stored_csv
from etl.pipelines.enrich.ask import look_up_all
from etl.pipelines.enrich.partial import parked_error, partial_path
from etl.pipelines.enrich.plan import plan
from etl.pipelines.enrich.state import EnrichmentState
from etl.pipelines.enrich.store import StoredState, writing
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.signals import stop_on_signals
from etl.services.errors import AppError, BudgetSpentError, ParkedError, StoppedError
from etl.services.politeness.gate import QUOTA_KEY, Gate
from etl.services.politeness.rates import Permits
from etl.services.politeness.retry import Patience
from etl.store.answers import answer_schema, answered_ids, coverage, put_answers
from etl.store.runs import keep_progress
from etl.store.songs import stored_counts, stored_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.pipelines.enrich.store import EnrichmentStore
    from etl.services.contract import Answer, Service
    from etl.services.errors import ServiceError

_COUNTDOWN_STEP: Final = 0.25


@dataclass(frozen=True)
class Enrichment:
    """What to do.

    Attributes
    ----------
    database
        The store.
    command
        The command line that goes on with the work; told to the user when the service is parked.
    folder
        Where partial CSVs go.
    output
        The data3 CSV to write again at the end, None for none.
    output_is_fresh
        Whether ``output`` has all names that are known now, so that it need not be written without new ones.
    sources
        Files whose songs the CSVs hold; those of the latest build where none is named.
    style
        How the CSVs spell Roman numerals.
    budget
        Requests that this run may send, None for no bound.
    priority
        Songs to prefer, see :func:`etl.store.answers.wanted_ids`.
    wait
        Sleep while the service is parked and go on, in place of ending.
    partial_every
        Write a partial CSV after so many more songs are settled.
    count_every
        Seconds between two counts of the settled songs.
    patience
        How long requests may take.
    contact
        Whom the service can write to; part of the User-Agent.
    """

    database: Path
    command: str
    folder: Path
    output: Path | None = None
    output_is_fresh: bool = False
    sources: Sequence[str] = ()
    style: RomanStyle = RomanStyle.HOUSE
    budget: int | None = None
    priority: Mapping[str, Sequence[str]] = field(default_factory=dict)
    wait: bool = False
    partial_every: int = 50_000
    count_every: float = 10.0
    patience: Patience = field(default_factory=Patience)
    contact: str | None = None


class Display(Protocol):
    """Shows an enrichment while it lasts; called on the main thread several times a second."""

    def show(self, state: EnrichmentState) -> None:
        """Show how it stands."""

    def wrote_partial(self, path: Path) -> None:
        """Tell of a partial CSV."""

    def could_not_write_partial(self, error: EtlError) -> None:
        """Tell why there is none; the asking goes on."""


def limits_path(database: Path) -> Path:
    """Where the record of requests is kept: beside the store."""
    return database.with_name(f"{database.name}.limits.sqlite")


def enrich(request: Enrichment, service: Service, display: Display) -> EnrichmentState:
    """Ask a service about the songs' ids.

    Returns
    -------
    EnrichmentState
        At the end of the ids or of the budget.

    Raises
    ------
    EtlError
        With exit code 75 when the service is parked; when it refuses the app.
    KeyboardInterrupt
        After SIGINT or SIGTERM, when all that was fetched is stored.
    """
    stop = threading.Event()
    arguments = {
        "service": service.name,
        "budget": request.budget,
        "priority": dict(request.priority),
        "wait": request.wait,
        "output": request.output,
    }
    known = StoredState(service)
    with stop_on_signals(stop), Permits(limits_path(request.database), service) as permits:
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
        enricher = _Enricher(request, service, gate, display)
        while not enricher.is_done:
            try:
                with (
                    writing(request.database, f"enrich {service.name}", arguments) as store,
                    known.kept_in(store),
                ):
                    enricher.ask(store)
            except EtlError as error:
                if error.exit_code != ExitCode.PARKED or not request.wait:
                    raise
                enricher.sleep()
    return enricher.state


class _Enricher:
    """One run: the plan, the asking, and what is written on the way."""

    def __init__(self, request: Enrichment, service: Service, gate: Gate, display: Display) -> None:
        self.state = EnrichmentState()
        self._request = request
        self._service = service
        self._gate = gate
        self._display = display
        self._sent_before = gate.permits.sent_last_day()
        self._next_count = 0.0
        self._partial_due = 0

    @property
    def is_done(self) -> bool:
        """Whether all is known, or the budget is spent."""
        return self.state.stage == "done"

    def ask(self, store: EnrichmentStore) -> None:
        """Ask about everything that is open, and write the CSV.

        Raises
        ------
        EtlError
            With exit code 75 when the service must rest.
        """
        try:
            self._ask(store)
        finally:
            state, run = self.state, store.run
            run.items_in, run.items_out, run.items_rejected = (
                state.ids,
                state.answered,
                state.answers["error"],
            )
            store.put(keep_progress(run.run_id, state.as_dict()))

    def sleep(self) -> None:
        """Wait until the service may be asked again."""
        self._stage("waiting")
        while (left := (self.state.parked_until or 0.0) - time.time()) > 0:
            if self._gate.stop.wait(min(left, _COUNTDOWN_STEP)):
                raise KeyboardInterrupt
            self._show()
        self.state.parked_until = None

    def _ask(self, store: EnrichmentStore) -> None:
        service = self._service
        self._stage("planning")
        self._count_songs(store)
        self._partial_due = self._partial_due or self.state.songs_settled + self._request.partial_every
        with store.reading() as connection:
            if not self.state.answered:
                self.state.cached = answered_ids(connection, service.name, service.kinds)
            parts = plan(connection, service, self._request.priority)
            schemas = {kind: answer_schema(connection, service.name, kind) for kind in service.kinds}
        self.state.begin_asking(sum(len(ids) for _, ids in parts))
        self._stage("asking")

        def keep(answers: list[Answer]) -> None:
            store.put(*put_answers(service.name, answers, schemas))
            self.state.count(answers)

        def tick() -> None:
            if time.monotonic() >= self._next_count:
                self._count_songs(store)
                if self.state.songs_settled >= self._partial_due:
                    self._write_partial(store)
            self._show()

        ended = look_up_all(service, parts, keep, stop=self._gate.stop, tick=tick)
        self._count_songs(store)
        if isinstance(ended, ParkedError):
            self.state.parked_until = ended.not_before
            # A run that was parked from the start knows nothing that an earlier one has not written.
            partial = self._write_partial(store) if self._gate.traffic.requests else None
            raise parked_error(ended, self.state, partial, self._request.command)
        _raise_unless_finished(service, ended)
        if self._request.output is not None and (self.state.answered or not self._request.output_is_fresh):
            self._stage("exporting")
            self._export(store, self._request.output)
        self._stage("done")

    def _export(self, store: EnrichmentStore, path: Path) -> None:
        with store.reading() as connection:
            sources = stored_sources(connection, self._request.sources)
            for _ in write_stored_csv(connection, sources, path, self._request.style):
                if self._gate.stop.is_set():
                    raise KeyboardInterrupt
                self._show()
        self.state.written.append(path)

    def _count_songs(self, store: EnrichmentStore) -> None:
        with store.reading() as connection:
            covered = coverage(connection, self._service.name, self._service.kinds)
        self.state.songs, self.state.songs_settled = covered.songs, covered.settled
        self._next_count = time.monotonic() + self._request.count_every

    def _write_partial(self, store: EnrichmentStore) -> Path | None:
        """Write all songs as far as they are known; a full disk must not end the asking."""
        with store.reading() as connection:
            songs = stored_counts(connection, stored_sources(connection, self._request.sources))[1]
        if not songs:
            return None
        stage = self.state.stage
        self._stage("exporting")
        self._partial_due = self.state.songs_settled + self._request.partial_every
        path = partial_path(self._request.folder, songs, datetime.now().astimezone())
        try:
            self._export(store, path)
        except EtlError as error:
            self.state.errors["partial CSV"] = self.state.errors.get("partial CSV", 0) + 1
            self._display.could_not_write_partial(error)
            return None
        else:
            self._display.wrote_partial(path)
            return path
        finally:
            self._stage(stage)

    def _stage(self, stage: str) -> None:
        self.state.stage = stage
        self._show()

    def _show(self) -> None:
        state, gate = self.state, self._gate
        state.requests = gate.traffic.requests
        state.errors |= gate.traffic.troubles
        used = {
            self._request.budget: state.requests,
            gate.state.get(QUOTA_KEY): self._sent_before + state.requests,
        }
        left = [bound - requests for bound, requests in used.items() if bound is not None]
        state.requests_left = max(0, min(left)) if left else None
        self._display.show(state)


def _raise_unless_finished(service: Service, ended: ServiceError | None) -> None:
    if isinstance(ended, StoppedError):
        raise KeyboardInterrupt
    if isinstance(ended, AppError):
        raise EtlError(str(ended), ended.hint)
    if ended is not None and not isinstance(ended, BudgetSpentError):
        raise EtlError(
            f"asking {service.title} failed: {ended}", "What was fetched is kept; run the same command again."
        )
