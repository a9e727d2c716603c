"""Uploads to a service's own batches: submitted once, collected by request, what is missing asked again."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from etl.cli.batch_summary import plan_lines
from etl.pipelines.batch.estimate import estimate
from etl.pipelines.batch.parked import BatchParkedError
from etl.runtime.errors import EtlError, ExitCode
from tests.pipelines.batch.conftest import KEY, Batch
from tests.support.batch_server import BatchServer
from tests.support.command_line import environment, etl, run_here
from tests.support.empty_store import empty_store
from tests.support.forked import Copy
from tests.support.loopback import Reply
from tests.support.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    """Give jobs over an empty store, with a service that has batches."""
    clock = VirtualClock()
    with BatchServer(clock) as server:
        yield Batch(tmp_path, server, clock)


def service(batch: Batch) -> BatchServer:
    """Give the server as what it is."""
    assert isinstance(batch.server, BatchServer)
    return batch.server


def names(number: int) -> list[str]:
    """Name so many items."""
    return [f"n{index:03}" for index in range(number)]


def later(batch: Batch, number: int, **options: Any) -> Any:
    """Do a job of so many items through uploads."""
    options = {"batch_size": 3, "wait": True, **options}
    return batch.run(batch.rows(names(number)), later=True, **options)


def test_one_upload_answers_all_and_takes_nothing_of_the_limits(batch: Batch) -> None:
    """It is waited for without asking often, and a day's few requests stay for others."""
    service(batch).looks = 3
    result = later(batch, 20, settings={"per_day": 1, "per_minute": 1.0})
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}
    assert (result.requests.sent, result.requests.answered, result.requests.under_way) == (7, 7, 0)
    assert set(batch.states().values()) == {"done"}
    looks = [arrival for arrival in batch.server.requests if "/batches/" in arrival.path]
    assert len(looks) <= 4


def test_without_wait_it_ends_with_75_and_the_same_command_collects(batch: Batch) -> None:
    """Known uploads are looked at, not handed over again."""
    service(batch).looks = 1
    with pytest.raises(BatchParkedError, match="under way") as caught:
        later(batch, 6, wait=False)
    assert caught.value.exit_code == ExitCode.PARKED
    batch.clock.skip(100)
    later(batch, 6, wait=False)
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}


def test_without_async_what_is_under_way_is_not_asked_again(batch: Batch) -> None:
    """New items are asked one by one; those handed over are collected when they are done."""
    service(batch).looks = 2
    with pytest.raises(BatchParkedError):
        later(batch, 6, wait=False)
    with pytest.raises(BatchParkedError, match="6 items are under way"):
        batch.run(batch.rows(names(9)), batch_size=3)
    assert batch.server.batches == [["n006", "n007", "n008"]]
    batch.clock.skip(100)
    batch.run(batch.rows(names(9)), batch_size=3)
    assert set(batch.server.asked.values()) == {1}
    assert set(batch.states().values()) == {"done"}


@pytest.mark.parametrize("is_later", [True, False])
def test_what_another_job_has_under_way_is_not_asked_again(batch: Batch, *, is_later: bool) -> None:
    """Equal contents are paid for once: it is waited for, or collected, by whichever job comes first."""
    service(batch).looks = 3
    with pytest.raises(BatchParkedError):
        later(batch, 6, wait=False)
    others = batch.rows(names(9)[4:])  # two of these are under way
    with pytest.raises(BatchParkedError, match=f"{5 if is_later else 2} items are under way"):
        batch.run(others, job="other", batch_size=3, later=is_later)
    for _ in range(4):
        batch.clock.skip(1000)
        try:
            batch.run(others, job="other", batch_size=3, later=is_later)
            break
        except BatchParkedError:
            continue
    assert set(batch.server.asked.values()) == {1}
    assert batch.query("SELECT DISTINCT status FROM batch_results WHERE engine = 'model'") == [("done",)]
    later(batch, 6, wait=False)
    assert set(batch.server.asked.values()) == {1}


def test_estimate_leaves_out_what_is_under_way(batch: Batch) -> None:
    """Whichever job has handed it over; it says how many these are."""
    service(batch).looks = 3
    with pytest.raises(BatchParkedError):
        later(batch, 6, wait=False)
    request = batch.request(batch.rows(names(9)[4:]), job="other", batch_size=3)
    (stage,) = estimate(request, batch.settings).stages
    assert (stage.items, stage.calls, stage.under_way) == (3, 1, 2)
    assert "2 items under way" in plan_lines(estimate(request, batch.settings))
    other_key = replace(batch.settings, key="sk-another")
    assert estimate(request, other_key).stages[0].items == 5  # nothing is under way with this key


def test_a_job_does_not_wait_for_what_only_others_want(batch: Batch) -> None:
    """It ends with its own answers; what the other job has handed over stays under way."""
    service(batch).looks = 9
    with pytest.raises(BatchParkedError):
        later(batch, 4, wait=False)
    result = batch.run(batch.rows(["x", "y"]), job="other", batch_size=2)
    assert [stage.done for stage in result.stages] == [2]
    assert batch.server.batches == [["x", "y"]]


def test_what_there_is_money_for_is_handed_over(batch: Batch) -> None:
    """The bound counts what is under way at what it may cost at most."""
    prices = {"prompt_price": 10.0, "completion_price": 10.0}
    with pytest.raises(EtlError, match="budget"):
        later(batch, 20, settings=prices, max_cost=0.013)
    done = sum(state == "done" for state in batch.states().values())
    assert 0 < done < 20
    assert batch.query("SELECT sum(cost) <= 0.013 FROM batch_outcomes") == [(True,)]


def spoiled(lines: list[str]) -> list[str]:
    """Give lines in another order, one twice, one of nobody, one cut off, one that is no JSON."""
    stranger = json.dumps({"custom_id": "nobody", "response": {"status_code": 200, "body": {}}})
    return [*lines[:0:-1], lines[1], stranger, "<html>", lines[0][: len(lines[0]) // 2]]


def test_expired_failed_and_broken_parts_are_asked_again_and_no_others(batch: Batch) -> None:
    """What came back is kept; a poison item fails alone; nothing is answered twice."""
    server = service(batch)
    server.poison, server.expired = {"n004"}, {"n010"}
    server.ending = "expired"

    def spoil(lines: list[str]) -> list[str]:
        is_first = server.ending == "expired"
        server.ending, server.expired = "completed", set()
        return spoiled(lines) if is_first else lines

    server.spoil = spoil
    later(batch, 15, error_threshold=1.0)
    states = batch.states()
    assert {name for name, state in states.items() if state != "done"} == {"n004"}
    assert states["n004"] == "failed"
    # The line that was cut off was paid for twice; nobody could know.
    assert sum(count > 1 for count in batch.server.asked.values()) <= 3
    alone = [asked for asked in batch.server.batches if len(asked) == 1]
    assert ["n004"] in alone
    assert len(server.made) <= 3


def test_an_answer_to_the_submission_that_is_lost_is_found_by_its_mark(batch: Batch) -> None:
    """The service took it: it is not handed over again."""
    faults = iter([Reply(200, b"<html>proxy</html>", {"Content-Type": "text/html"})])
    service(batch).fault = lambda what: next(faults, None) if what == "batches" else None
    later(batch, 6)
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}
    assert batch.query("SELECT state, vendor_id FROM batch_uploads") == [("collected", "batch_0")]


def test_what_never_arrived_is_handed_over_again(batch: Batch) -> None:
    """The service does not know it; a file that it has is no batch, and costs nothing."""
    faults = iter([Reply(503, b"busy"), Reply(500, b'{"error": {"message": "down"}}')])
    service(batch).fault = lambda what: next(faults, None) if what == "files" else None
    later(batch, 6)
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}
    assert dict(batch.query("SELECT status, count(*) FROM batch_outcomes GROUP BY 1")) == {
        "answered": 2,
        "failed": 4,
    }


@pytest.mark.parametrize("page", [b'{"error": {"message": "no route"}}', b'{"detail": "Not Found"}'])
def test_a_service_without_batches_says_so_at_once(batch: Batch, page: bytes) -> None:
    """Nothing is left under way; without --async the same job goes on."""
    service(batch).fault = lambda what: Reply(404, page) if what == "files" else None
    with pytest.raises(EtlError, match="takes no batches") as caught:
        later(batch, 6)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert batch.run(batch.rows(names(6)), batch_size=3).requests.under_way == 0
    assert set(batch.states().values()) == {"done"}


def test_an_upload_that_cannot_be_looked_for_may_have_been_paid_for(batch: Batch) -> None:
    """Where a submission had no answer and nothing is listed, it counts, and is asked once more."""
    faults = iter([Reply(200, b"<html>proxy</html>")])
    lists = Reply(404, b'{"error": {"message": "no route"}}')

    def fault(what: str) -> Reply | None:
        return lists if what == "list" else next(faults, None) if what == "batches" else None

    service(batch).fault = fault
    later(batch, 6)
    assert len(service(batch).made) == 2
    outcomes = batch.query("SELECT status, count(*) FROM batch_outcomes GROUP BY 1 ORDER BY 1")
    assert outcomes == [("answered", 2), ("unknown", 2)]


def test_trouble_while_looking_is_waited_out(batch: Batch) -> None:
    """Whatever stands between: pages, limits, errors, answers that are cut off."""
    rounds = {
        "look": iter([
            Reply(429, b'{"error": {"message": "slow"}}', {"Retry-After": "200"}),
            Reply(200, b'{"id": "batch_0", "stat'),
        ]),
        "content": iter([Reply(200, b"<html>portal</html>"), Reply(200, b""), Reply(503, b"{}")]),
    }  # fmt: skip
    service(batch).fault = lambda what: next(rounds[what], None) if what in rounds else None
    later(batch, 6)
    assert len(service(batch).made) == 1
    assert set(batch.server.asked.values()) == {1}
    assert set(batch.states().values()) == {"done"}


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_a_batch_that_is_refused_or_cancelled_there_ends_the_run(batch: Batch, ending: str) -> None:
    """It is not handed over again by itself; what is done is kept, and the rest open."""
    service(batch).ending = ending
    service(batch).expired = {"n000"}
    with pytest.raises(EtlError, match="batch is not done") as caught:
        later(batch, 6)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert len(service(batch).made) == 1
    assert Counter(batch.states().values()) == ({"open": 6} if ending == "failed" else {"open": 3, "done": 3})
    service(batch).ending, service(batch).expired = "completed", set()
    later(batch, 6)
    assert set(batch.states().values()) == {"done"}
    assert set(batch.server.asked.values()) == {1}


def test_a_kill_right_after_the_submission_hands_nothing_over_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL while the service's answer is under way: the next run finds the batch there."""
    with BatchServer() as server:
        arrived, killed = threading.Event(), threading.Event()

        def fault(what: str) -> None:
            if what == "batches":
                arrived.set()
                killed.wait(20)

        server.fault = fault
        (tmp_path / "songs.csv").write_text("title\na\nb\nc\nd\n", encoding="utf-8")
        settings = {
            "ETL_CHAT_URL": server.base_url, "ETL_CHAT_MODEL": "m", "ETL_CHAT_KEY": KEY,
            "ETL_LIMITS": str(tmp_path / "limits.sqlite"), "ETL_CONFIG": str(tmp_path / "none.toml"),
            "ETL_DB": str(empty_store(tmp_path / "music.duckdb")),
        }  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        words = ("batch", "process", tmp_path / "songs.csv", "--tasks", "genre", "--async")
        with Copy(
            etl(*words), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            assert arrived.wait(60)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        killed.set()
        server.fault = lambda _what: None
        run_here(*words)
        assert len(server.made) == 1
        assert set(server.asked.values()) == {1}
