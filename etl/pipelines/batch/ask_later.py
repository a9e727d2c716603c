"""Ask about the items of a stage through a service's batches: hand over, come back, collect.

An upload and its requests are in the store before they leave. After a kill it is looked for at the service by
its mark, and handed over again only where the service does not know it. What comes back is stored request by
request, each once; what is missing, expired or broken is open again, and goes into the next upload alone.
What another job of the store has handed over is waited for and collected as well: equal contents are asked
about once.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from etl.batch.questions import messages, most_tokens, response_format, tokens_of
from etl.pipelines.batch.ask import TRIES, remember_plain
from etl.pipelines.batch.facts import Item
from etl.pipelines.batch.parked import UnderWayError
from etl.pipelines.batch.plan import shared
from etl.services.chat import FormatRefusedError
from etl.services.chat_batches import (
    EXPIRED,
    MOST_REQUESTS,
    ChatBatches,
    Line,
    Sought,
    VendorBatch,
    read_line,
)
from etl.services.errors import (
    AppError,
    BudgetSpentError,
    ForeignError,
    GarbledError,
    ItemError,
    NetworkError,
    NotFoundError,
    ParkedError,
    RateLimitedError,
    ServerError,
    ServiceError,
)
from etl.services.message_batches import MessageBatches
from etl.store.batch_jobs import finished
from etl.store.batch_requests import put_outcome, put_request, sent_counts
from etl.store.batch_uploads import COLLECTED, SUBMITTED, open_uploads, put_state, put_upload, tries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from etl.batch.plan import Strategy
    from etl.batch.task import Task
    from etl.pipelines.batch.ask import Asker, Spent
    from etl.services.chat import Chat
    from etl.services.chat_settings import ChatSettings
    from etl.store.batch_jobs import BatchStage
    from etl.store.batch_uploads import Upload
    from etl.store.bursts import BurstWriter
    from etl.store.writes import Write

SOONEST_S: Final = 60.0
LATEST_S: Final = 600.0
"""Bounds of the time between two looks at an upload: a tenth of the time that it has taken so far."""


class LaterAsker:
    """Asks about the items of one stage, in uploads.

    Parameters
    ----------
    store, chat, settings, job, stage, task, most, spent
        As of :class:`etl.pipelines.batch.ask.Asker`.
    asker
        What files the answers.
    strategy
        How items are shared out.
    """

    def __init__(
        self,
        store: BurstWriter,
        chat: Chat,
        settings: ChatSettings,
        *,
        asker: Asker,
        job: str,
        stage: BatchStage,
        task: Task,
        most: int,
        spent: Spent,
        strategy: Strategy,
    ) -> None:
        self._store = store
        self._chat = chat
        self._settings = settings
        self._asker = asker
        self._job = job
        self._stage = stage
        self._task = task
        self._most = most
        self._spent = spent
        self._strategy = strategy
        vendor = MessageBatches if settings.provider == "anthropic" else ChatBatches
        self._batches = vendor(chat, settings.url, settings.key)
        self._next_look = 0.0

    def ask(self, waiting: Callable[[], Sequence[Item]]) -> None:
        """Collect what is done, hand over what is open.

        Parameters
        ----------
        waiting
            Gives the items that are open, as the store has them now.

        Raises
        ------
        UnderWayError
            While the service works.
        ServiceError
            What else ends the run early.
        """
        with self._patience():
            open_now = waiting()
            while True:
                under_way = self._collected(open_now)
                if under_way is not None:
                    open_now = waiting()
                left = [item for item in open_now if item.content_hash not in (under_way or set())]
                if not left:
                    self.wait_for(under_way, open_now)
                    return
                self._hand_over(left)

    def collect(self, wanted: Iterable[Item]) -> set[str] | None:
        """Collect what is done; gives the contents that are still under way, None where nothing was.

        Parameters
        ----------
        wanted
            Items that are open: uploads of other jobs are looked at where they are about one of these.

        Raises
        ------
        ServiceError
            What ends the run early.
        """
        with self._patience():
            return self._collected(wanted)

    def wait_for(self, under_way: set[str] | None, wanted: Iterable[Item]) -> None:
        """End the run until the service is done with what is wanted.

        Raises
        ------
        UnderWayError
            If any of that is under way.
        """
        count = len((under_way or set()) & {item.content_hash for item in wanted})
        if count:
            why = f"{count:,} {'item is' if count == 1 else 'items are'} under way there"
            raise UnderWayError(self._chat.title, self._next_look, why)

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Come back later after trouble that passes; what was handed over may have arrived."""
        try:
            yield
        except (NetworkError, ServerError, ForeignError, GarbledError, RateLimitedError) as error:
            pause = max(SOONEST_S, getattr(error, "retry_after", None) or 0.0)
            until = self._chat.gate.clock.time() + pause
            raise ParkedError(self._chat.title, until, str(error)) from error

    def _collected(self, wanted: Iterable[Item]) -> set[str] | None:
        contents = {item.content_hash for item in wanted}
        uploads = [
            upload
            for upload in self._recounted()
            if upload.job == self._job or any(map(contents.intersection, upload.parts.values()))
        ]
        if not uploads:
            return None
        under_way = self._look(uploads)
        self._recounted()
        return under_way

    def _look(self, uploads: Sequence[Upload]) -> set[str]:
        """Look at each upload, collect those that have ended; gives the contents that are still under way."""
        under_way: set[str] = set()
        now = self._chat.gate.clock.time()
        self._next_look = now + LATEST_S
        for upload in uploads:
            try:
                vendor_id = upload.vendor_id or self._batches.find(_sought(upload, uploads))
            except NotFoundError:
                self._lose(upload, "the service lists no batches")
                continue
            if vendor_id is None:
                self._abandon(upload)
                continue
            if upload.vendor_id is None:
                self._keep(put_state(upload.upload_id, SUBMITTED, vendor_id=vendor_id))
            try:
                batch = self._batches.look(vendor_id)
            except NotFoundError as error:
                self._lose(upload, str(error))
                continue
            if batch.has_ended:
                self._collect(upload, batch)
                continue
            pause = min(max((now - upload.planned_at) / 10, SOONEST_S), LATEST_S)
            self._next_look = min(self._next_look, now + pause)
            under_way.update(content for part in upload.parts.values() for content in part)
        return under_way

    def _recounted(self) -> list[Upload]:
        """Count anew what was spent and tried, as the store has it; gives the uploads that are open."""
        with self._store.reading() as connection:
            self._spent.cost = sent_counts(connection, self._job).cost
            self._asker.tries.clear()
            self._asker.tries.update(tries(connection, self._job, self._stage))
            return open_uploads(connection, self._stage, self._chat.account)

    def _hand_over(self, items: Sequence[Item]) -> None:
        """Keep an upload, then hand it over."""
        tried = self._asker.tries
        portions = [[item] for item in items if tried[item.content_hash]]
        portions += shared(
            [item for item in items if not tried[item.content_hash]], self._most, self._strategy
        )
        upload_id, now = uuid4().hex, self._chat.gate.clock.time()
        bodies: dict[str, dict[str, Any]] = {}
        parts, writes, price = [], [], 0.0
        for portion in portions[:MOST_REQUESTS]:
            said = messages(self._task, [item.facts for item in portion])
            tokens, most = tokens_of(said), most_tokens(self._task, len(portion))
            cost = self._settings.price(tokens, most) or 0.0
            try:
                self._spent.check(price + cost)
            except BudgetSpentError:
                if not bodies:
                    raise
                break  # what there is money for
            price += cost
            request_id = uuid4().hex
            bodies[request_id] = self._chat.body(
                said, response_format=response_format(self._task, len(portion)), most_tokens=most
            )
            parts.append((request_id, [item.content_hash for item in portion]))
            writes.append(
                put_request(
                    request_id, job=self._job, task=self._task.name, version=self._stage.version,
                    account=self._chat.account, model=self._chat.model, items=len(portion),
                    tokens=tokens + most, cost=cost, at=now,
                )
            )  # fmt: skip
        upload = put_upload(
            upload_id, job=self._job, stage=self._stage, account=self._chat.account, at=now, parts=parts
        )
        self._keep(upload, *writes)
        try:
            vendor_id = self._batches.submit(upload_id, bodies)
        except (ItemError, AppError):
            self._keep(put_state(upload_id, COLLECTED, note="refused"), *self._outcomes(parts, "app"))
            raise
        self._keep(put_state(upload_id, SUBMITTED, vendor_id=vendor_id))

    def _collect(self, upload: Upload, batch: VendorBatch) -> None:
        """Store what has come back, each request in a transaction of its own, and then that all has."""
        worst: ServiceError | None = None
        has_any = False
        to_blame: list[tuple[Item, str]] = []
        lines = {line.request_id: line for line in self._batches.lines(batch)}
        silent = [part for part in upload.parts.items() if part[0] not in lines]
        for request_id, contents in upload.parts.items():
            if request_id not in lines:
                continue
            items = [Item(0, content, {}) for content in contents]
            try:
                has_any |= self._take(request_id, lines[request_id], items)
            except (AppError, RateLimitedError, ForeignError) as error:
                worst = error if worst is None or isinstance(error, AppError) else worst
            except ServiceError as error:
                worst = worst or error
                to_blame += [
                    (item, f"{error.category}: {error}")
                    for item in items
                    if self._asker.tries[item.content_hash] + 1 >= TRIES
                ]
        self._keep(
            put_state(upload.upload_id, COLLECTED, note=batch.problem or batch.status),
            *self._outcomes(silent, "expired"),
        )
        if batch.status in {"failed", "cancelled"}:
            why = batch.problem or f"it was {batch.status} there"
            raise AppError(f"the batch is not done ({why}).", "Run the same command to ask anew.")
        if isinstance(worst, AppError) or (worst is not None and not has_any):
            raise worst
        with self._store.reading() as connection:
            settled = finished(connection, self._stage)  # by another job, say
        for item, reason in to_blame:
            if item.content_hash not in settled:
                self._asker.blame([item], reason)

    def _take(self, request_id: str, line: Line, items: Sequence[Item]) -> bool:
        """Store what became of one request; whether it shows that the service works."""
        try:
            if line.error == EXPIRED:
                self._file(request_id, "expired", "the service did not get to it in time")
                return False
            if line.error:
                raise ServerError(line.error[:160])
            reply = read_line(self._chat, line)
        except FormatRefusedError as error:
            remember_plain(self._chat)
            self._file(request_id, "format", str(error))
            return True
        except ServiceError as error:
            self._file(request_id, error.category, str(error))
            raise
        self._asker.take(request_id, reply, items, 0.0)
        return True

    def _abandon(self, upload: Upload) -> None:
        """Give up an upload that the service does not know: it never arrived, and was not paid for."""
        self._keep(
            put_state(upload.upload_id, COLLECTED, note="never arrived"),
            *self._outcomes(list(upload.parts.items()), "not the service"),
        )

    def _lose(self, upload: Upload, why: str) -> None:
        """Give up an upload whose answers are gone: it may have been paid for."""
        self._keep(
            put_state(upload.upload_id, COLLECTED, note=why),
            *self._outcomes(list(upload.parts.items()), "expired", status="unknown"),
        )

    def _outcomes(
        self, parts: Sequence[tuple[str, Sequence[str]]], category: str, *, status: str = "failed"
    ) -> list[Write]:
        now = self._chat.gate.clock.time()
        return [put_outcome(request, status, at=now, category=category) for request, _ in parts]

    def _file(self, request_id: str, category: str, reason: str) -> None:
        now = self._chat.gate.clock.time()
        self._keep(put_outcome(request_id, "failed", at=now, category=category, reason=reason))

    def _keep(self, *writes: Write) -> None:
        self._store.put(*writes)
        self._store.keep()


def _sought(upload: Upload, uploads: Iterable[Upload]) -> Sought:
    others = frozenset(each.vendor_id for each in uploads if each.vendor_id is not None)
    return Sought(upload.upload_id, frozenset(upload.parts), upload.planned_at, others)
