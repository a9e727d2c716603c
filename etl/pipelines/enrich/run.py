"""Enrich songs with what Spotify knows: plan, ask, store, export; park when told to, and lose nothing.

The songs' valid ids are asked about once each, in order of value. Whatever ends the run (the last id, the
budget, a rate limit, a signal, a kill), every answer that came in is in the store, and the next run goes on
from there.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.romantext import RomanStyle
from etl.pipelines.enrich_state import EnrichmentState, state_rows
from etl.pipelines.export import write_stored_csv
from etl.pipelines.lookups import look_up_all
from etl.pipelines.service_state import known_quota, remember_quota
from etl.pipelines.spotify_service import SERVICE, spotify_client
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.live import LiveView, status_path
from etl.runtime.progress import duration
from etl.runtime.signals import stop_on_signals
from etl.services.errors import BadCredentialsError, BudgetSpentError, ParkedError, StoppedError
from etl.services.session import QUOTA_EXCEEDED
from etl.services.spotify_answers import Answer, Kind
from etl.store.database import open_store
from etl.store.runs import recorded_run
from etl.store.songs import stored_counts, stored_sources
from etl.store.spotify import ANSWER_SCHEMAS, answered_ids, coverage, put_answers, wanted_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from etl.pipelines.spotify_service import SpotifySettings
    from etl.services.credentials import Credentials
    from etl.services.errors import ServiceError
    from etl.services.spotify import SpotifyClient

PARTIAL_EVERY: Final = 50_000
_COVERAGE_INTERVAL: Final = 10.0
_COUNTDOWN_STEP: Final = 0.25


@dataclass(frozen=True)
class Enrichment:
    """What to do.

    Attributes
    ----------
    database
        The store.
    command
        The command line that goes on with the work; told to the user when Spotify is parked.
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
        Songs to prefer, see :func:`etl.store.spotify.wanted_ids`.
    wait
        Sleep while Spotify is parked and go on, in place of ending.
    partial_every
        Write a partial CSV after so many more songs are settled.
    log_json
        Show the state as JSON lines.
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
    partial_every: int = PARTIAL_EVERY
    log_json: bool = False


def enrich(request: Enrichment, credentials: Credentials, settings: SpotifySettings) -> EnrichmentState:
    """Ask Spotify about the songs' ids.

    Returns
    -------
    EnrichmentState
        At the end of the ids or of the budget.

    Raises
    ------
    EtlError
        With exit code 75 when Spotify is parked; when it refuses the credentials.
    KeyboardInterrupt
        After SIGINT or SIGTERM, when all that was fetched is stored.
    """
    stop = threading.Event()
    arguments = {
        "service": SERVICE,
        "budget": request.budget,
        "priority": dict(request.priority),
        "wait": request.wait,
        "output": request.output,
    }
    with ExitStack() as stack:
        connection = stack.enter_context(open_store(request.database))
        run = stack.enter_context(recorded_run(connection, "enrich spotify", arguments))
        stack.enter_context(stop_on_signals(stop))
        client = stack.enter_context(
            spotify_client(connection, request.database, credentials, settings, stop, budget=request.budget)
        )
        view = stack.enter_context(
            LiveView(
                "etl enrich spotify", status_file=status_path(request.database), log_json=request.log_json
            )
        )
        enricher = _Enricher(request, connection, client, view, credentials.app)
        try:
            enricher.run()
        finally:
            run.items_in, run.items_out = enricher.state.ids, enricher.state.answered
            run.items_rejected = enricher.state.answers["error"]
            connection.execute(
                "UPDATE runs SET progress = ? WHERE run_id = ?",
                [json.dumps(enricher.state.as_dict()), run.run_id],
            )
        return enricher.state


class _Enricher:
    """One run: the plan, the asking, and what is written on the way."""

    def __init__(
        self,
        request: Enrichment,
        connection: duckdb.DuckDBPyConnection,
        client: SpotifyClient,
        view: LiveView,
        app: str,
    ) -> None:
        self.state = EnrichmentState()
        self._request = request
        self._connection = connection
        self._client = client
        self._view = view
        self._stop = client.politeness.stop
        self._app = app
        self._quota = known_quota(connection, SERVICE, app)
        self._sent_before = client.politeness.limit.sent_last_day()
        self._next_coverage = 0.0
        self._partial_due = 0

    def run(self) -> None:
        """Ask until all is known, the budget is spent, or the run must end."""
        self._count_songs()
        self._partial_due = self.state.songs_settled + self._request.partial_every
        self.state.cached = answered_ids(self._connection)
        while (parked := self._ask()) is not None:
            # A run that was parked from the start knows nothing that an earlier one has not written.
            partial = self._write_partial_csv() if self._client.politeness.traffic.requests else None
            if not self._request.wait:
                raise self._parked_error(parked, partial)
            self._sleep_until(parked.not_before)
        self._stage("done")

    def _ask(self) -> ParkedError | None:
        """Ask about everything that is open; give why Spotify must rest, if it must."""
        self._stage("planning")
        parts = plan(self._connection, self._request.priority)
        self.state.begin_asking(sum(len(ids) for _, ids in parts))
        self._stage("asking")
        ended = look_up_all(
            self._client,
            parts,
            self._store,
            connections=self._client.connections,
            stop=self._stop,
            tick=self._tick,
        )
        self._count_songs()
        if isinstance(ended, ParkedError):
            self._park(ended)
            return ended
        _raise_unless_finished(ended)
        if self._request.output is not None and (self.state.answered or not self._request.output_is_fresh):
            self._stage("exporting")
            self._export(self._request.output)
        return None

    def _export(self, path: Path) -> None:
        sources = stored_sources(self._connection, self._request.sources)
        for _ in write_stored_csv(self._connection, sources, path, self._request.style):
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._show()

    def _store(self, answers: list[Answer]) -> None:
        put_answers(self._connection, answer_frames(answers))
        self.state.count(answers)

    def _park(self, parked: ParkedError) -> None:
        self.state.parked_until = parked.not_before
        if QUOTA_EXCEEDED in parked.reason and self._client.politeness.traffic.requests:
            self._quota = self._client.politeness.limit.sent_last_day()
            remember_quota(self._connection, SERVICE, self._app, self._quota)

    def _tick(self) -> None:
        if time.monotonic() >= self._next_coverage:
            self._count_songs()
            if self.state.songs_settled >= self._partial_due:
                self._write_partial_csv()
        self._show()

    def _count_songs(self) -> None:
        covered = coverage(self._connection)
        self.state.songs, self.state.songs_settled = covered.songs, covered.settled
        self._next_coverage = time.monotonic() + _COVERAGE_INTERVAL

    def _write_partial_csv(self) -> Path | None:
        """Write all songs as far as they are known; a full disk must not end the asking."""
        songs = stored_counts(self._connection, stored_sources(self._connection, self._request.sources))[1]
        if not songs:
            return None
        stage = self.state.stage
        self._stage("exporting")
        self._partial_due = self.state.songs_settled + self._request.partial_every
        path = partial_path(self._request.folder, songs, datetime.now().astimezone())
        try:
            self._export(path)
        except EtlError as error:
            self.state.errors["partial CSV"] = self.state.errors.get("partial CSV", 0) + 1
            self._view.say(f"No partial CSV: {error}")
            return None
        else:
            self._view.say(f"Partial CSV: {path}")
            return path
        finally:
            self._stage(stage)

    def _parked_error(self, parked: ParkedError, partial: Path | None) -> EtlError:
        until = datetime.fromtimestamp(parked.not_before).astimezone()
        rest = duration(max(0.0, parked.not_before - time.time()))
        songs = f"{self.state.songs_settled:,} of {self.state.songs:,} songs"
        lines = [f"What was fetched is kept: {songs} are complete."]
        if partial is not None:
            lines.append(f"All songs as far as they are known are in {partial}.")
        lines.append(
            f"Come back after {until:%Y-%m-%d %H:%M:%S %Z} (in {rest}) with:\n  {self._request.command}"
        )
        lines.append("With --wait it sleeps until then and goes on by itself.")
        return EtlError(
            f"Spotify wants no more requests now ({parked.reason}).",
            "\n".join(lines),
            exit_code=ExitCode.PARKED,
        )

    def _sleep_until(self, not_before: float) -> None:
        self._stage("waiting")
        while (left := not_before - time.time()) > 0:
            if self._stop.wait(min(left, _COUNTDOWN_STEP)):
                raise KeyboardInterrupt
            self._show()
        self.state.parked_until = None

    def _stage(self, stage: str) -> None:
        self.state.stage = stage
        self._show()

    def _show(self) -> None:
        politeness = self._client.politeness
        state = self.state
        state.requests = politeness.traffic.requests
        state.errors |= politeness.traffic.troubles
        used = {self._request.budget: state.requests, self._quota: self._sent_before + state.requests}
        left = [bound - requests for bound, requests in used.items() if bound is not None]
        state.requests_left = max(0, min(left)) if left else None
        snapshot = state.as_dict()
        self._view.show(snapshot, state_rows(snapshot))


def plan(
    connection: duckdb.DuckDBPyConnection, priority: Mapping[str, Sequence[str]]
) -> list[tuple[Kind, list[str]]]:
    """Order the ids that are still to be asked about by what they are worth.

    Ids of preferred songs come first; among them, and then among the others, artists before tracks, for one
    artist fills many rows; within these the ids that occur in most songs.
    """
    wanted = {kind: wanted_ids(connection, kind.value, priority) for kind in Kind}
    return [
        (kind, wanted[kind].filter(condition)["id"].to_list())
        for condition in (pl.col("preferred") > 0, pl.col("preferred") == 0)
        for kind in (Kind.ARTIST, Kind.TRACK)
    ]


def answer_frames(answers: Sequence[Answer]) -> dict[str, pl.DataFrame]:
    """Put answers into frames with the columns of the store's tables, by kind."""
    frames = {}
    for kind in Kind:
        rows = [
            {
                "id": answer.id,
                "status": answer.status.value,
                "reason": answer.reason,
                "answered_id": answer.answered_id,
                "name": answer.name,
                **answer.details,
            }
            for answer in answers
            if answer.kind is kind
        ]
        if rows:
            frames[kind.value] = pl.DataFrame(rows, schema=dict(ANSWER_SCHEMAS[kind.value]))
    return frames


def partial_path(folder: Path, songs: int, now: datetime) -> Path:
    """Name a partial CSV.

    Examples
    --------
    >>> from pathlib import Path
    >>> partial_path(Path("out"), 12345, datetime(2026, 1, 2, 3, 4, 5)).name
    'data3_partial_20260102_030405_12,345_songs.csv'
    """
    return folder / f"data3_partial_{now:%Y%m%d_%H%M%S}_{songs:,}_songs.csv"


def _raise_unless_finished(ended: ServiceError | None) -> None:
    if isinstance(ended, StoppedError):
        raise KeyboardInterrupt
    if isinstance(ended, BadCredentialsError):
        raise EtlError(
            str(ended),
            "Check SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET, or [spotify] in the configuration file.",
        )
    if ended is not None and not isinstance(ended, BudgetSpentError):
        raise EtlError(
            f"asking Spotify failed: {ended}", "What was fetched is kept; run the same command again."
        )
