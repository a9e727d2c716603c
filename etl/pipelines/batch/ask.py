"""Ask a model about the items of a stage, and let nothing go on before what was said is stored.

A request is in the store before it leaves; its answers and the states of its items come in one transaction.
So a process that is killed loses at most the one request that was under way, and that is known.

A request that fails is put behind the next one. Where it fails again, halves of it show which item is to
blame; what a half has cleared is asked together with the rest. An item is blamed only once something else has
come through after its failure: else the service, or the way to it, is at fault.
"""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from etl.batch.plan import shared_out
from etl.batch.questions import messages, most_tokens, response_format, tokens_of
from etl.batch.replies import MISSING, confidence_of, parse_reply
from etl.runtime.errors import EtlError
from etl.runtime.wording import number_of
from etl.services.chat import FormatRefusedError
from etl.services.errors import (
    BudgetSpentError,
    ForeignError,
    GarbledError,
    ItemError,
    NetworkError,
    RateLimitedError,
    ServerError,
    ServiceError,
    StoppedError,
)
from etl.services.politeness.rates import Cost
from etl.store.batch_requests import put_outcome, put_reply, put_request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from etl.batch.task import Task
    from etl.pipelines.batch.facts import Item
    from etl.services.chat import Chat, Reply
    from etl.services.chat_settings import ChatSettings
    from etl.store.batch_jobs import BatchStage
    from etl.store.bursts import BurstWriter
    from etl.store.writes import Write

    _Row = tuple[str, str, str | None, str | None, float | None]

TRIES: Final = 2
"""Times that an item, or a request as it is, may fail."""

FEWEST: Final = 20
"""Items that are done before their share of failures can end a run."""

SOON: Final = 0.005
"""Seconds within which an answer is on the disk; a request that follows at once goes there with it."""

PLAIN_KEY: Final = "plain"
"""Where it is kept which models take no schema for answers."""


def remember_plain(chat: Chat) -> None:
    """Keep that a model takes no schema for answers."""
    chat.is_plain = True
    chat.gate.state.put(f"{PLAIN_KEY} {chat.model}", value=True)


class TooManyFailuresError(EtlError):
    """So many items fail that asking on would be a waste."""


@dataclass
class Spent:
    """What a job has cost so far, in the currency of the prices."""

    cost: float
    most: float | None

    def check(self, next_cost: float) -> None:
        """Raise BudgetSpentError where the next request would cost too much."""
        if self.most is not None and self.cost + next_cost > self.most:
            raise BudgetSpentError(
                f"The next request may cost {next_cost:.4g}; {self.cost:.4g} of {self.most:.4g} are spent."
            )


@dataclass(frozen=True)
class _Portion:
    items: Sequence[Item]
    failures: int = 0


@dataclass(frozen=True)
class _Told:
    """What a request gave: whether anything, what is to be asked again, whether it was cut off."""

    any_good: bool
    again: Sequence[Item] = ()
    is_cut: bool = False
    category: str = ""
    reason: str = ""
    is_about_items: bool = False


class Asker:
    """Asks about the items of one stage.

    Parameters
    ----------
    store
        Where requests and answers go.
    chat, settings
        The model, connected to its gate, and its prices.
    job, stage, task
        What is asked, for which job.
    most
        Items that a request may hold.
    spent
        What the job has cost.
    error_threshold
        Share of failed items at which to stop.
    told
        Called after each request with the numbers of items that are done and that failed.

    Attributes
    ----------
    tries
        How often each content has come back without its answer.
    """

    def __init__(
        self,
        store: BurstWriter,
        chat: Chat,
        settings: ChatSettings,
        *,
        job: str,
        stage: BatchStage,
        task: Task,
        most: int,
        spent: Spent,
        error_threshold: float,
        told: Callable[[int, int], None],
    ) -> None:
        self._store = store
        self._chat = chat
        self._settings = settings
        self._job = job
        self._stage = stage
        self._task = task
        self._most = most
        self._spent = spent
        self._threshold = error_threshold
        self._told = told
        self._queue: deque[_Portion] = deque()
        self._again: list[Item] = []
        self.tries: Counter[str] = Counter()
        self._held: list[tuple[Item, str]] = []
        self._done = self._failed = 0
        self._left_at = -math.inf
        chat.is_plain = bool(chat.gate.state.get(f"{PLAIN_KEY} {chat.model}"))

    def ask(self, portions: Sequence[Sequence[Item]]) -> None:
        """Ask about all, a request each to begin with.

        Raises
        ------
        ServiceError
            What ends the run early: parked, budget spent, stopped, app refused.
        TooManyFailuresError
            When more items fail than may.
        """
        self._queue = deque(_Portion(tuple(items)) for items in portions)
        while self._queue or self._again:
            if not self._queue:
                size = 1 if self._task.answer.descriptor.get("againAlone") else self._most
                again, self._again = self._again, []
                self._queue.extend(_Portion(part) for part in shared_out(again, size))
            self._try(self._queue.popleft())
        self._blame_at_the_end()

    def _try(self, portion: _Portion) -> None:
        told = self._ask(portion.items)
        if told.any_good:
            self._again.extend(told.again)
            return
        failures = portion.failures + 1
        if len(portion.items) == 1 and failures >= TRIES:
            self._hold(portion.items[0], told)
        elif told.is_cut and len(portion.items) > 1:
            half = len(portion.items) // 2  # as it is, it would be cut again
            self._queue.extendleft(_Portion(part) for part in (portion.items[half:], portion.items[:half]))
        elif failures < TRIES:
            self._queue.insert(1, _Portion(portion.items, failures))
        else:
            self._find(portion.items)

    def _find(self, suspects: Sequence[Item]) -> None:
        """Find the item that spoils a request that failed twice: each test halves those that may."""
        cleared: list[Item] = []
        told = _Told(any_good=False)
        is_tested = False
        while len(suspects) > 1:
            half = len(suspects) // 2
            told = self._ask(suspects[:half])
            if told.any_good:
                self._again.extend(told.again)
                suspects, is_tested = suspects[half:], False
            else:
                cleared = [*suspects[half:], *cleared]
                suspects, is_tested = suspects[:half], True
        if not is_tested:
            told = self._ask(suspects)
        if told.any_good:  # it was not to blame after all, nor was another alone
            self._again.extend(told.again)
        else:
            self._hold(suspects[0], told)
        if cleared:
            self._queue.appendleft(_Portion(cleared))

    def _ask(self, items: Sequence[Item]) -> _Told:
        """Send one request about these, or as many as it takes until one is neither refused nor lost."""
        patience = self._chat.gate.patience
        for attempt in count(1):
            try:
                return self._send(items)
            except FormatRefusedError:
                if self._chat.is_plain:
                    raise
                remember_plain(self._chat)
            except (RateLimitedError, ForeignError) as error:
                if attempt >= patience.attempts:
                    self._chat.gate.breaker.open(str(error), error.category)
                    self._chat.gate.breaker.raise_if_open()
            except (NetworkError, ServerError, GarbledError, ItemError) as error:
                is_about_items = isinstance(error, ItemError)
                return _Told(
                    any_good=False,
                    category=error.category,
                    reason=f"{error.category}: {error}",
                    is_about_items=is_about_items,
                )
        raise AssertionError

    def _send(self, items: Sequence[Item]) -> _Told:
        task, chat = self._task, self._chat
        said = messages(task, [item.facts for item in items])
        tokens, most = tokens_of(said), most_tokens(task, len(items))
        price = self._settings.price(tokens, most) or 0.0
        self._spent.check(price)
        request_id, clock = uuid4().hex, chat.gate.clock
        is_sent = False

        def admitted() -> None:
            nonlocal is_sent
            self._store.put(
                put_request(
                    request_id, job=self._job, task=task.name, version=self._stage.version,
                    account=chat.account, model=chat.model, items=len(items), tokens=tokens + most,
                    cost=price, at=clock.time(),
                )
            )  # fmt: skip
            self._store.keep()
            self._wait_for_pace()
            is_sent = True

        try:
            reply = chat.complete(
                said,
                response_format=response_format(task, len(items)),
                most_tokens=most,
                cost=Cost(tokens + most, price),
                admitted=admitted,
            )
        except ServiceError as error:
            if is_sent:
                # Where no answer came, it may have been paid for all the same.
                is_lost = isinstance(error, (NetworkError, StoppedError))
                self._spent.cost += price if is_lost else 0.0
                self._store.put(
                    put_outcome(
                        request_id,
                        "unknown" if is_lost else "failed",
                        at=clock.time(),
                        category=error.category,
                        reason=str(error),
                    )
                )
                self._store.keep()
            self._told(0, 0)
            raise
        return self.take(request_id, reply, items, price)

    def _wait_for_pace(self) -> None:
        """Keep requests apart as they leave, not only as they are permitted: storing one takes a while."""
        gate = self._chat.gate
        wait = self._left_at + self._chat.rates.interval - gate.clock.monotonic()
        if wait > 0 and gate.stop.wait(wait):
            raise StoppedError("The run is ending.")
        self._left_at = gate.clock.monotonic()

    def take(self, request_id: str, reply: Reply, items: Sequence[Item], price: float) -> _Told:
        """Store what a reply says, in one transaction with the states of its items.

        Parameters
        ----------
        request_id, items
            The request, and what it was about, in order.
        reply
            What was said.
        price
            What it may have cost, where the reply does not tell.
        """
        parsed = parse_reply(self._task, reply.text, len(items))
        has_said = bool(parsed.good) or any(rule != MISSING for rule in parsed.broken.values())
        good: list[_Row] = []
        failed: list[_Row] = []
        again: list[Item] = []
        for number, item in enumerate(items, 1):
            if number in parsed.good:
                answer = parsed.good[number]
                text = json.dumps(answer, ensure_ascii=False)
                good.append((item.content_hash, "done", None, text, confidence_of(answer)))
            elif has_said:
                self.tries[item.content_hash] += not reply.is_cut
                if self.tries[item.content_hash] >= TRIES:
                    failed.append((item.content_hash, "failed", parsed.broken[number], None, None))
                else:
                    again.append(item)
        counted = self._settings.price(reply.prompt_tokens or 0, reply.completion_tokens or 0)
        cost = reply.cost if reply.cost is not None else counted
        self._spent.cost += price if cost is None else cost
        broken = Counter(parsed.broken.values())
        outcome = put_outcome(
            request_id,
            "answered" if has_said else "failed",
            at=self._chat.gate.clock.time(),
            category=("cut" if reply.is_cut else "partial") if broken else None,
            reason=", ".join(f"{number} {rule}" for rule, number in broken.items())[:300] or None,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cost=cost,
        )
        self._keep([*good, *failed], outcome, request_id=request_id)
        if has_said:
            self._blame()
        self._told(len(good) + len(failed), len(failed))
        self._check_failures()
        why = "cut off" if reply.is_cut else "the answer holds no items"
        return _Told(any_good=has_said, again=again, is_cut=reply.is_cut, category="garbled", reason=why)

    def _hold(self, item: Item, told: _Told) -> None:
        """Blame an item: at once for what is about it, else when something comes through after it."""
        self._held.append((item, told.reason))
        if told.is_about_items:
            self._blame()

    def blame(self, items: Sequence[Item], reason: str) -> None:
        """File that items have failed."""
        self._held += [(item, reason) for item in items]
        self._blame()

    def _blame(self) -> None:
        """File the failures that were held back."""
        held, self._held = self._held, []
        if not held:
            return
        failed = [(item.content_hash, "failed", reason, None, None) for item, reason in held]
        self._keep(failed)
        self._told(len(failed), len(failed))
        self._check_failures()

    def _blame_at_the_end(self) -> None:
        """File what is still held back, unless nothing ever came through.

        Raises
        ------
        ServerError
            In that case: the items are not to blame.
        """
        if self._held and not self._chat.gate.has_succeeded:
            raise ServerError(f"nothing has come through: {self._held[0][1]}")
        self._blame()

    def _keep(self, answers: Sequence[_Row], *others: Write, request_id: str | None = None) -> None:
        writes = list(others)
        if answers:
            writes.append(
                put_reply(answers, task=self._task.name, version=self._stage.version, request_id=request_id)
            )
        self._store.put(*writes, items=max(1, len(answers)))
        self._store.keep(within=SOON)
        self._done += len(answers)
        self._failed += sum(status == "failed" for _, status, *_ in answers)

    def _check_failures(self) -> None:
        if self._done >= FEWEST and self._failed > self._threshold * self._done:
            raise TooManyFailuresError(
                f"{self._failed:,} of {number_of(self._done, 'item')} failed in task `{self._task.name}`.",
                f"See why with `etl batch status {self._job}`. `etl batch retry` asks again; "
                "--error-threshold allows more.",
            )
