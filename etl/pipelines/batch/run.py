"""Do a batch job: find the items, answer locally, ask the model; park when told to, and lose nothing.

Whatever ends a run (the last item, a budget, a rate limit, a signal, a kill), what was answered is in the
store, and the next run goes on from there. The store is open only for moments.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.batch.plan import APPROACHES
from etl.pipelines.batch.ask import Asker, Spent
from etl.pipelines.batch.ask_later import LaterAsker
from etl.pipelines.batch.find_items import READY, found_items
from etl.pipelines.batch.local import answer_locally, measure_files, skip_unmeant
from etl.pipelines.batch.parked import BatchParkedError, parked
from etl.pipelines.batch.plan import asked_stages, pace_of, per_call, portions_of, shared, strategy_of
from etl.pipelines.batch.request import LOCAL, Engine, Kind
from etl.pipelines.batch.tasks import load_tasks, stages_of
from etl.pipelines.enrich.state import StoredState
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.log_file import LogFile, log_path
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.work.cores import default_workers
from etl.runtime.work.signals import stop_on_signals
from etl.services.chat import Chat
from etl.services.chat_batches import WITHOUT_BATCHES
from etl.services.errors import AppError, BudgetSpentError, ParkedError, ServiceError, StoppedError
from etl.services.politeness.gate import Gate
from etl.services.politeness.rates import Permits
from etl.store.batch_jobs import StageCounts, by_urgency, items, put_items, put_job, stage_counts
from etl.store.batch_requests import SentCounts, error_counts, mark_unknown, sent_counts
from etl.store.bursts import writing
from etl.store.run_lock import RunLockedError
from etl.store.runs import keep_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from etl.batch.task import Task
    from etl.pipelines.batch.facts import Item
    from etl.pipelines.batch.request import BatchRequest
    from etl.runtime.watch.progress import Renderer
    from etl.services.chat_settings import ChatSettings
    from etl.store.batch_jobs import BatchStage
    from etl.store.bursts import BurstWriter


@dataclass(frozen=True)
class BatchResult:
    """How a job stands at the end of a run.

    Attributes
    ----------
    job
        Its name.
    items, skipped
        How many there are, and how many of them are not worked on.
    stages
        How the items stand in each.
    requests
        Those of the job.
    errors
        Requests that gave nothing, by class.
    """

    job: str
    items: int
    skipped: int
    stages: tuple[StageCounts, ...]
    requests: SentCounts
    errors: dict[str, int] = field(default_factory=dict)


def process(
    request: BatchRequest, settings: ChatSettings | None, renderers: Sequence[Renderer] = ()
) -> BatchResult:
    """Do a job, or go on with it.

    Parameters
    ----------
    request
        What to do.
    settings
        The model; None for the local engine alone.
    renderers
        Where the run is shown.

    Raises
    ------
    EtlError
        With exit code 75 when the service is parked or the budget is spent, 69 when it refuses the account or
        the model, 1 when too many items fail.
    KeyboardInterrupt
        After SIGINT or SIGTERM, when all that was answered is stored.
    """
    tasks = load_tasks(request.options.tasks)
    model = settings.model if settings is not None else None
    stages = stages_of(tasks, request.kind, request.options.engine, model)
    if not stages:
        raise EtlError(
            "there is nothing to do: no task has a local engine.",
            "Choose a task with --tasks, or --engine model.",
            exit_code=ExitCode.USAGE,
        )
    if settings is not None and request.options.later and settings.provider in WITHOUT_BATCHES:
        raise EtlError(
            f"{settings.provider} has no batches of this kind.",
            "Leave --async out, or set ETL_CHAT_URL to a service that has them, such as OpenAI or Anthropic.",
            exit_code=ExitCode.USAGE,
        )
    watched = [
        Stage("find", "items"),
        Stage(LOCAL, "files"),
        *(Stage(stage.task, "items") for stage in asked_stages(stages)),
    ]
    stop = request.clock.event()
    log = LogFile(log_path(request.database))
    with ExitStack() as stack:
        stack.enter_context(stop_on_signals(stop))
        watch = stack.enter_context(Watch("etl batch process", watched, [*renderers, log]))
        runner = _Runner(request, tasks, stages, settings=settings, watch=watch, stop=stop)
        if settings is not None:
            runner.connect(stack)
        while True:
            watch.waiting_for(f"the store {request.database}")
            try:
                with writing(
                    request.database, "batch process", _arguments(request), limits=request.limits, log=log
                ) as store:
                    watch.waiting_for(None)
                    return runner.run(store)
            except BatchParkedError as error:
                if not request.wait:
                    raise
                runner.rest(str(error.args[0]), error.not_before)
            except RunLockedError as error:
                if not runner.has_rested:
                    raise
                runner.rest(str(error.args[0]), request.clock.time() + request.limits.patience_s)


def _arguments(request: BatchRequest) -> dict[str, object]:
    return {"job": request.job, "source": request.source, **request.options.as_json()}


class _Runner:
    """One run of a job, through as many rests as it takes."""

    def __init__(
        self,
        request: BatchRequest,
        tasks: Sequence[Task],
        stages: Sequence[BatchStage],
        *,
        settings: ChatSettings | None,
        watch: Watch,
        stop: threading.Event,
    ) -> None:
        self.has_rested = False
        self._request = request
        self._tasks = {task.name: task for task in tasks}
        self._stages = stages
        self._settings = settings
        self._watch = watch
        self._stop = stop
        self._chat: Chat | None = None
        self._known: StoredState | None = None
        self._since_checkpoint = 0
        self._begun: set[str] = set()

    def connect(self, stack: ExitStack) -> None:
        """Connect the model to its gate."""
        assert self._settings is not None  # noqa: S101 - the caller has looked
        chat = Chat(self._settings)
        clock = self._request.clock
        permits = stack.enter_context(Permits(self._request.limits_file, chat, clock=clock))
        self._known = StoredState(chat)
        gate = Gate(
            chat.title, permits, self._known, self._stop, patience=self._settings.patience,
            contact=self._settings.contact, clock=clock,
        )  # fmt: skip
        chat.connect(gate)
        self._chat = chat

    def rest(self, why: str, until: float) -> None:
        """Do nothing until a time, in seconds since the epoch."""
        self.has_rested = True
        clock = self._request.clock
        self._watch.waiting_for(why, until=until)
        if self._stop.wait(max(0.0, until - clock.time())):
            raise KeyboardInterrupt

    def run(self, store: BurstWriter) -> BatchResult:
        """Do what is still to do."""
        try:
            self._find(store)
            with nullcontext() if self._known is None else self._known.kept_in(store):
                self._work_locally(store)
                if self._chat is not None:
                    self._ask_all(store)
        except StoppedError:
            raise KeyboardInterrupt from None
        finally:
            self._watch.waiting_for(None)
            store.put(keep_progress(store.run.run_id, self._watch.snapshot().as_json()))
        result = self._result(store)
        store.run.items_in = result.items
        store.run.items_out = sum(stage.done for stage in result.stages)
        store.run.items_rejected = sum(stage.failed for stage in result.stages)
        return result

    def _find(self, store: BurstWriter) -> None:
        request = self._request
        with self._watch.timed("find"):
            with store.reading() as connection:
                if self._known is not None:
                    self._known.read(connection)
                known = items(connection, request.job)
                found = known
                if not (request.is_resumed or self.has_rested):
                    found = found_items(connection, request, known)
            writes = [
                put_job(request.job, request.kind, request.source, request.options.as_json(), self._stages),
                mark_unknown(request.job),
            ]
            if not found.equals(known):
                writes.append(put_items(request.job, found))
            store.put(*writes, items=found.height)
        self._watch.total("find", found.height)
        self._watch.advance("find", done=found.height)
        self._strategy = strategy_of(request.options, found.height)
        self._watch.figures(job=request.job, items=found.height, strategy=self._strategy.value)

    def _work_locally(self, store: BurstWriter) -> None:
        request, approach = self._request, APPROACHES[self._strategy]
        workers = request.options.parallel_local
        if workers is None:
            workers = default_workers() if approach.parallel else 1
        if request.kind is Kind.FILES:
            measure_files(store, self._watch, request, workers=workers, stop=self._stop)
        skip_unmeant(store, request)
        for stage in self._stages:
            if stage.engine == Engine.LOCAL and stage.task != LOCAL:
                answer_locally(store, self._watch, request, stage, self._tasks.get(stage.task))

    def _ask_all(self, store: BurstWriter) -> None:
        """Ask about all stages of the model, in order.

        Raises
        ------
        EtlError
            When the service is parked, refuses the account, or a budget is spent.
        """
        assert self._chat is not None  # noqa: S101 - the caller has looked
        with store.reading() as connection:
            spent = sent_counts(connection, self._request.job)
        budget = Spent(spent.cost, self._request.options.max_cost)
        self._sent_before = spent.sent
        try:
            self._reconcile()
            for wave in self._waves(store):
                for stage in asked_stages(self._stages):
                    self._ask(store, stage, budget, wave)
        except BudgetSpentError as error:
            raise EtlError(
                f"the budget of {self._request.options.max_cost:g} is spent. {error}",
                f"What was answered is kept. Raise --max-cost and run:\n  {self._request.command}",
                exit_code=ExitCode.PARKED,
            ) from error
        except ParkedError as error:
            raise parked(error, self._request.command) from error
        except AppError as error:
            raise EtlError(
                f"{self._chat.title}: {error}", error.hint, exit_code=ExitCode.UNAVAILABLE
            ) from error
        except StoppedError:
            raise
        except ServiceError as error:
            raise EtlError(
                f"asking {self._chat.title} failed: {error}",
                f"What was answered is kept; run again later:\n  {self._request.command}",
                exit_code=ExitCode.UNAVAILABLE,
            ) from error

    def _reconcile(self) -> None:
        """Ask for the limits of the account; without an answer they are as set."""
        assert self._chat is not None  # noqa: S101 - the caller has looked
        try:
            self._chat.reconcile()
        except (AppError, StoppedError, ParkedError):
            raise
        except ServiceError as error:
            self._watch.say(f"the limits of the account are not known: {error}")

    def _waves(self, store: BurstWriter) -> Iterator[set[str] | None]:
        """Give the contents that go through all stages together, the most urgent first; None for all."""
        size = self._request.options.checkpoint_interval or APPROACHES[self._strategy].wave
        if self._request.options.later or not APPROACHES[self._strategy].wave:
            yield None
            return
        with store.reading() as connection:
            waiting = by_urgency(connection, self._request.job)
        for start in range(0, len(waiting), size):
            yield set(waiting[start : start + size])

    def _ask(self, store: BurstWriter, stage: BatchStage, budget: Spent, wave: set[str] | None) -> None:
        request, chat, settings = self._request, self._chat, self._settings
        assert chat is not None and settings is not None  # noqa: S101, PT018 - the caller has looked
        task = self._tasks[stage.task]
        waiting = self._open(store, stage)
        with store.reading() as connection:
            counts = stage_counts(connection, request.job)
        (so_far,) = (each for each in counts if (each.task, each.engine) == (stage.task, stage.engine))
        pace = pace_of(chat, request.limits_file, request.clock)
        most = per_call(task, request.options, len(waiting), pace)
        if stage.task not in self._begun:
            self._begun.add(stage.task)
            self._watch.total(stage.task, len(waiting))
            self._watch.figures(answered_before=so_far.done)
        if wave is not None:
            waiting = [item for item in waiting if item.content_hash in wave]
        asker = Asker(
            store, chat, settings,
            job=request.job, stage=stage, task=task, most=most, spent=budget,
            error_threshold=request.options.error_threshold,
            told=lambda done, failed: self._tell(store, stage.task, done, failed, budget),
        )  # fmt: skip
        self._watch.waiting_for(f"{chat.title} ({chat.model})")
        with self._watch.timed(stage.task):
            later = LaterAsker(
                store, chat, settings,
                asker=asker, job=request.job, stage=stage, task=task, most=most, spent=budget,
                strategy=self._strategy,
            )  # fmt: skip
            if request.options.later:
                later.ask(lambda: self._open(store, stage))
                return
            under_way, all_open = later.collect(waiting), waiting
            if under_way is not None:  # handed over by an earlier run: not to be paid for twice
                open_now = {item.content_hash for item in self._open(store, stage)} - under_way
                waiting = [item for item in waiting if item.content_hash in open_now]
            asker.ask(shared(waiting, most, self._strategy))
            later.wait_for(under_way, all_open)

    def _open(self, store: BurstWriter, stage: BatchStage) -> list[Item]:
        """Give the items that are open in a stage now."""
        with_answers = len(asked_stages(self._stages)) > 1
        with store.reading() as connection:
            return portions_of(connection, self._request.job, stage, with_answers=with_answers)

    def _tell(self, store: BurstWriter, task: str, done: int, failed: int, budget: Spent) -> None:
        """Show what a request gave; merge results into the store at checkpoints."""
        chat = self._chat
        assert chat is not None  # noqa: S101 - there are no requests without
        if self._stop.is_set():
            raise StoppedError("The run is ending.")
        self._watch.advance(task, done=done, errors=failed)
        gate = chat.gate
        per_day = chat.rates.per_day
        today = gate.permits.sent_utc_day()
        troubles = ", ".join(f"{number:,} {kind}" for kind, number in sorted(gate.traffic.troubles.items()))
        self._watch.figures(
            requests=self._sent_before + gate.traffic.requests,
            requests_today=today,
            requests_left=max(0, per_day - today) if per_day else None,
            cost=round(budget.cost, 6) if budget.cost else None,
            troubles=troubles or None,
        )
        self._since_checkpoint += done
        interval = self._request.options.checkpoint_interval
        interval = APPROACHES[self._strategy].checkpoint if interval is None else interval
        if interval and self._since_checkpoint >= interval:
            self._since_checkpoint = 0
            store.flush()
            self._watch.note(f"checkpoint at request {self._sent_before + gate.traffic.requests:,}")

    def _result(self, store: BurstWriter) -> BatchResult:
        job = self._request.job
        with store.reading() as connection:
            known = items(connection, job)
            return BatchResult(
                job,
                known.height,
                known.filter(known["status"] != READY).height,
                stage_counts(connection, job),
                sent_counts(connection, job),
                error_counts(connection, job),
            )
