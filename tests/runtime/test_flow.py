"""Items flow through members of any kind: who gives up on an item, and who is waited for, at the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from etl.runtime.work.flow import Flow
from etl.runtime.work.job import Job
from etl.runtime.work.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stuck:
    """A member that does nothing with its second item until it is let go."""

    def __init__(self) -> None:
        self.is_begun, self.gate, self.done = threading.Event(), threading.Event(), 0
        self.is_at_work = False

    def do(self, _job: Job, item: Any, _is_over: threading.Event) -> list[Outcome[Any, Any]]:
        """Give an outcome."""
        if item:
            self.is_at_work = True
            self.is_begun.set()
            self.gate.wait(30)
            self.is_at_work = False
        self.done += 1
        return [Outcome(item, result=item)]

    def close(self) -> None:
        """Free nothing."""


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """Make such a member, and let it go at the end."""
    member = Stuck()
    yield member
    member.gate.set()


def left(member: Stuck, *, is_killable: bool) -> None:
    """Take the first of three outcomes, and leave while the member is at the second."""
    flow = Flow(Job("operator:neg"), range(3), [member], in_flight=3)
    outcomes = flow.outcomes(is_ordered=True, stop=None, look_seconds=0.05, is_killable=is_killable)
    assert next(outcomes).unwrap() == 0
    assert member.is_begun.wait(30)
    outcomes.close()


def test_a_member_that_can_be_killed_holds_up_the_end_no_longer_than_a_second(stuck: Stuck) -> None:
    """A process may just be starting; it is killed by whoever called it together."""
    left(stuck, is_killable=True)
    assert stuck.is_at_work


def test_a_member_that_cannot_be_killed_is_waited_for(stuck: Stuck) -> None:
    """Until it has done the item that it is at, and that alone."""
    threading.Timer(0.1, stuck.gate.set).start()
    left(stuck, is_killable=False)
    assert (stuck.is_at_work, stuck.done) == (False, 2)
