"""Anthropic's Message Batches: handed over once, collected by request, what is missing asked again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from etl.pipelines.batch.parked import BatchParkedError
from etl.runtime.errors import EtlError, ExitCode
from tests.pipelines.batch.conftest import KEY, Batch
from tests.support.loopback import Reply
from tests.support.message_batch_server import MessageBatchServer
from tests.support.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    """Give jobs over an empty store, with a service that speaks as Anthropic's."""
    clock = VirtualClock()
    with MessageBatchServer(KEY, clock) as server:
        yield Batch(tmp_path, server, clock)


def service(batch: Batch) -> MessageBatchServer:
    """Give the server as what it is."""
    assert isinstance(batch.server, MessageBatchServer)
    return batch.server


def later(batch: Batch, number: int, **options: Any) -> Any:
    """Do a job of so many items, three a request."""
    options = {"batch_size": 3, "wait": True, "later": True, **options}
    settings = {"provider": "anthropic", **options.pop("settings", {})}
    return batch.run(batch.rows([f"n{index:03}" for index in range(number)]), settings, **options)


def test_one_batch_answers_all(batch: Batch) -> None:
    """Answers, tokens and states are as of single requests; nobody is asked often."""
    service(batch).looks = 3
    result = later(batch, 20)
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}
    assert (result.requests.sent, result.requests.answered, result.requests.under_way) == (7, 7, 0)
    assert set(batch.states().values()) == {"done"}
    assert batch.query("SELECT DISTINCT prompt_tokens, completion_tokens FROM batch_outcomes") == [(100, 50)]
    assert sum(arrival.path.endswith("msgbatch_0") for arrival in batch.server.requests) <= 4


def test_bounds_that_the_service_does_not_take_hold_all_the_same(batch: Batch) -> None:
    """The schema that is sent lacks them; an answer out of bounds is refused here, with its rule."""
    number = {"name": "energy", "type": "integer", "description": "how loud"}
    number["constraints"] = {"required": True, "minimum": 1, "maximum": 3}  # type: ignore[assignment]
    task = batch.task("loud", fields=[number])
    service(batch).spoken = lambda answers: {"items": [{**each, "energy": 9} for each in answers]}
    later(batch, 2, tasks=(str(task),), error_threshold=1.0)
    assert set(batch.states().values()) == {"failed"}
    assert "energy" in str(batch.query("SELECT any_value(reason) FROM batch_results WHERE engine = 'model'"))


def test_expired_refused_and_broken_requests_are_asked_again_and_no_others(batch: Batch) -> None:
    """What came back is kept; a poison item fails alone, and so does what the model refuses."""
    server = service(batch)
    server.poison, server.expired, server.refused = {"n004"}, {"n010"}, {"n007"}

    def spoil(lines: list[str]) -> list[str]:
        is_first = bool(server.expired)
        server.expired = set()
        stranger = json.dumps({"custom_id": "nobody", "result": {"type": "succeeded", "message": {}}})
        return [*lines[::-1], lines[0], stranger, "<html>"] if is_first else lines

    server.spoil = spoil
    later(batch, 15, error_threshold=1.0)
    states = batch.states()
    assert {name for name, state in states.items() if state == "failed"} == {"n004", "n007"}
    assert {state for name, state in states.items() if name not in {"n004", "n007"}} == {"done"}
    assert all(batch.server.asked[name] == 1 for name in states if name[-1] in "012" and name < "n003")
    assert ["n004"] in batch.server.batches


def lost_answer(batch: Batch) -> None:
    """Have the answer to the next submission be a page of something in between."""
    faults = iter([Reply(200, b"<html>proxy</html>", {"Content-Type": "text/html"})])
    service(batch).fault = lambda what: next(faults, None) if what == "create" else None


def test_a_submission_without_an_answer_is_known_by_its_requests(batch: Batch) -> None:
    """Among batches of others, of the same size and on other pages, once it has ended."""
    server = service(batch)
    server.add(2)
    lost_answer(batch)
    server.looks, server.page = 2, 1
    made = server.fault

    def fault(what: str) -> Reply | None:
        if what == "create":
            server.add(2)
            server.add(5)
        return made(what)

    server.fault = fault
    later(batch, 6)
    assert set(batch.server.asked.values()) == {1}
    assert len(server.made) == 4
    assert batch.query("SELECT state, vendor_id FROM batch_uploads") == [("collected", "msgbatch_1")]


def test_what_never_arrived_is_handed_over_again(batch: Batch) -> None:
    """No batch there has its requests; old ones are not looked at."""
    server = service(batch)
    server.add(2)
    batch.clock.skip(7200)
    faults = iter([Reply(503, b"busy")])

    def fault(what: str) -> Reply | None:
        reply = next(faults, None) if what == "create" else None
        if reply is not None:
            del server.made["msgbatch_1"]
        return reply

    server.fault = fault
    later(batch, 6)
    assert set(batch.server.asked.values()) == {1}
    assert not any("msgbatch_0/results" in arrival.path for arrival in server.requests)
    assert batch.query("SELECT count(*) FROM batch_uploads WHERE note = 'never arrived'") == [(1,)]


def test_trouble_while_looking_is_waited_out(batch: Batch) -> None:
    """Whatever stands between: pages, limits, results that are cut off."""
    rounds = {
        "look": iter([
            Reply(429, b'{"error": {"message": "slow"}}', {"Retry-After": "200"}),
            Reply(529, b"{}"),
        ]),
        "results": iter([Reply(200, b"<html>portal</html>"), Reply(200, b""), Reply(503, b"{}")]),
    }  # fmt: skip
    service(batch).fault = lambda what: next(rounds[what], None) if what in rounds else None
    later(batch, 6)
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}
    assert set(batch.states().values()) == {"done"}


def test_a_batch_that_was_cancelled_there_ends_the_run(batch: Batch) -> None:
    """What was done before is kept; the rest is open, and asked when the command is given again."""
    service(batch).cancelled = True
    with pytest.raises(EtlError, match="cancelled there") as caught:
        later(batch, 6)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert sorted(batch.states().values()) == ["done"] * 3 + ["open"] * 3
    service(batch).cancelled = False
    later(batch, 6)
    assert set(batch.states().values()) == {"done"}


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, b'{"type": "error", "error": {"type": "authentication_error", "message": "invalid"}}', "key"),
        (
            404,
            b'{"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}',
            "no batches",
        ),
        (402, b'{"type": "error", "error": {"type": "billing_error", "message": "credit"}}', "no credit"),
    ],
)
def test_a_service_that_takes_none_says_so_and_keeps_nothing_under_way(
    batch: Batch, status: int, body: bytes, says: str
) -> None:
    """The key is refused, there is no credit, or the address knows no batches."""
    service(batch).fault = lambda what: Reply(status, body) if what == "create" else None
    with pytest.raises(EtlError, match=says) as caught:
        later(batch, 6, wait=False)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert KEY not in str(caught.value)
    assert batch.query("SELECT count(*) FROM batch_uploads WHERE state <> 'collected'") == [(0,)]


def test_a_model_that_takes_no_schema_is_asked_without(batch: Batch) -> None:
    """The refusal names the field; no item is to blame, and the next batch leaves it out."""
    service(batch).takes_schemas = False
    later(batch, 6)
    assert len(service(batch).made) == 2
    assert set(batch.server.asked.values()) == {1}
    assert set(batch.states().values()) == {"done"}


def test_batches_that_are_known_to_be_others_are_not_waited_for(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of our own that is at work does not hide that the next never arrived."""
    monkeypatch.setattr("etl.pipelines.batch.ask_later.MOST_REQUESTS", 2)
    server = service(batch)
    server.looks = 1000

    def fault(what: str) -> Reply | None:
        if what == "create" and len(server.made) == 2:
            server.made.popitem()
            server.fault = lambda _what: None
            return Reply(503, b"busy")
        return None

    server.fault = fault
    for _ in range(2):
        with pytest.raises(BatchParkedError):
            later(batch, 12, wait=False)
        batch.clock.skip(100)
    assert len(server.made) == 2
    states = batch.query("SELECT state, note FROM batch_uploads ORDER BY planned_at")
    assert states == [("submitted", None), ("collected", "never arrived"), ("submitted", None)]
