"""Ask services for the genres of the artists and albums of a library: once each, by MBID where files have it.

A service that cannot be asked (no key, no contact, no network, too many requests) is passed over with its
reason, and the others go on. Whatever was answered is in the store before the next question goes out.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from etl.pipelines.enrich.ask import look_up_proven
from etl.pipelines.enrich.filing import Filing, fitting
from etl.pipelines.enrich.state import StoredState
from etl.pipelines.genres.questions import OpenIds
from etl.runtime.errors import EtlError
from etl.runtime.watch.progress import Stage
from etl.runtime.work.signals import stop_on_signals
from etl.services.catalog import GENRE_SOURCES, genre_source, unidentified_source
from etl.services.errors import AppError, StoppedError
from etl.services.politeness.gate import Gate
from etl.services.politeness.rates import Permits
from etl.store.answers import answer_schema, ask_again, well_known_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from etl.pipelines.enrich.filing import Key
    from etl.pipelines.genres.questions import GenreQuestions
    from etl.runtime.watch.progress import Watch
    from etl.services.contract import Answer, Kind, Service
    from etl.services.errors import ServiceError
    from etl.services.settings import ServiceSettings
    from etl.store.bursts import BurstWriter
    from etl.store.writes import Write

STAGES: Final = tuple(Stage(name, "artists and albums") for name in GENRE_SOURCES)
"""One for each service."""

_NOTABLE_PAUSE: Final = 1.0  # seconds; shorter pauses are not worth a word


@dataclass(frozen=True)
class SourceResult:
    """What came of asking a service.

    Attributes
    ----------
    source
        Its title.
    found, none, errors
        Artists and albums by what became of them; of those found some may be of several artists of a name.
    left
        Asked, or to be asked, without an answer for which they could be blamed; the next run asks about them.
    requests
        Sent, retries included.
    skipped, hint
        Why it was not asked (any further), and what can be done; empty if it was asked to the end.
    """

    source: str
    found: int = 0
    none: int = 0
    errors: int = 0
    left: int = 0
    requests: int = 0
    skipped: str = ""
    hint: str = ""


def ask_sources(store: BurstWriter, watch: Watch, questions: GenreQuestions) -> list[SourceResult]:
    """Ask all services what is open; each that has something to be asked has a result.

    Raises
    ------
    KeyboardInterrupt
        After SIGINT or SIGTERM, when all that was answered is stored.
    """
    stop = threading.Event()
    results = []
    known = OpenIds(store, anew=questions.force)
    with stop_on_signals(stop):
        for name in GENRE_SOURCES:
            settings = questions.settings(name)
            if not any(known.of(name).values()):
                continue
            try:
                service = genre_source(name, settings)
            except EtlError as error:
                title = unidentified_source(name, settings).title
                results.append(SourceResult(title, skipped=str(error.args[0]), hint=error.hint))
                continue
            if questions.force:
                store.put(ask_again(name, service.kinds))
            asking = _Asking(store, watch, service, known, questions=questions, settings=settings, stop=stop)
            results.append(asking.ask())
    watch.waiting_for(None)
    return results


class _Asking:
    """The questions to one service."""

    def __init__(
        self,
        store: BurstWriter,
        watch: Watch,
        service: Service,
        known: OpenIds,
        *,
        questions: GenreQuestions,
        settings: ServiceSettings,
        stop: threading.Event,
    ) -> None:
        self._store = store
        self._watch = watch
        self._service = service
        self._known = known
        self._questions = questions
        self._settings = settings
        self._stop = stop
        self._counts = {"found": 0, "gone": 0, "error": 0}
        self._asked: set[Key] = set()
        self._answered: set[Key] = set()

    def ask(self) -> SourceResult:
        service, ended = self._service, None
        state = StoredState(service)
        with self._store.reading() as connection:
            state.read(connection)
        with (
            Permits(self._questions.limits_file, service) as permits,
            state.kept_in(self._store),
        ):
            gate = Gate(
                service.title,
                permits,
                state,
                self._stop,
                patience=self._settings.patience,
                contact=self._settings.contact,
            )
            service.connect(gate)
            # Answers ask further questions: albums of an artist after the artist, parts of a name after the
            # whole, names after MBIDs.
            while ended is None and (parts := self._next_parts(self._known.of(service.name))):
                ended = self._ask(gate, parts)
        if isinstance(ended, StoppedError):
            raise KeyboardInterrupt
        return SourceResult(
            service.title,
            self._counts["found"],
            self._counts["gone"],
            self._counts["error"],
            len(self._asked - self._answered),
            gate.traffic.requests,
            skipped=str(ended) if ended else "",
            hint=_hint(ended),
        )

    def _next_parts(self, open_ids: Mapping[Kind, Sequence[str]]) -> list[tuple[Kind, list[str]]]:
        """Take what was not asked about before, within the limit."""
        limit = self._questions.limit
        parts = []
        for kind in self._service.kinds:
            left = None if limit is None else limit - len(self._asked)
            fresh = (item for item in open_ids[kind] if (kind, item) not in self._asked)
            ids = list(islice(fresh, left))
            parts.append((kind, ids))
            self._asked.update((kind, item) for item in ids)
        self._watch.total(self._service.name, len(self._asked))
        return [(kind, ids) for kind, ids in parts if ids]

    def _ask(self, gate: Gate, parts: Sequence[tuple[Kind, Sequence[str]]]) -> ServiceError | None:
        filing = Filing()
        with self._store.reading() as connection:
            schemas = {
                kind: answer_schema(connection, self._service.name, kind) for kind in self._service.kinds
            }
            control = well_known_id(connection, self._service.name, self._service.kinds)

        def keep(answers: list[Answer]) -> None:
            self._keep(*fitting(self._service.name, answers, schemas))

        def decide(answers: list[Answer]) -> Iterable[Key]:
            ready, again = filing.file(answers, gate.traffic.successes)
            keep(ready)
            return again

        def tick() -> None:
            if (pause := gate.pause) >= _NOTABLE_PAUSE:
                self._watch.waiting_for(self._service.title, until=time.time() + pause)
            else:
                self._watch.waiting_for(None)

        with self._watch.timed(self._service.name):
            ended = look_up_proven(
                self._service,
                parts,
                decide,
                filing=filing,
                control=control,
                stop=self._stop,
                tick=tick,
                connections=self._questions.workers,
            )
            keep(filing.rest(ended))
        return ended

    def _keep(self, answers: list[Answer], writes: list[Write]) -> None:
        if not answers:
            return
        self._store.put(*writes, items=len(answers))
        self._store.keep()
        self._known.answered(self._service.name, {answer.kind for answer in answers})
        for answer in answers:
            self._counts[answer.status] += 1
            self._answered.add((answer.kind, answer.id))
        errors = sum(answer.status == "error" for answer in answers)
        self._watch.advance(self._service.name, done=len(answers), errors=errors)


def _hint(ended: ServiceError | None) -> str:
    if isinstance(ended, AppError):
        return ended.hint
    return "What was answered is kept; run the same command later." if ended else ""
