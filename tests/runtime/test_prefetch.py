"""Items are prefetched on a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from etl.runtime.work.prefetch import prefetched

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(items=st.lists(st.integers(), max_size=50), waiting=st.integers(1, 9))
def test_every_item_comes_once_and_in_order(items: list[int], waiting: int):
    """In lists of at least one."""
    with prefetched(items, waiting=waiting) as lists:
        given_out = list(lists)
    assert [item for part in given_out for item in part] == items
    assert all(given_out)


def test_an_error_of_the_source_comes_after_what_it_gave():
    """As it is."""

    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("source")

    given_out: list[int] = []

    def take() -> None:
        with prefetched(items(), waiting=9) as lists:
            for part in lists:
                given_out.extend(part)

    with pytest.raises(OSError, match="source"):
        take()
    assert given_out == [0, 1, 2]


def test_a_source_that_hangs_can_be_left():
    """Leaving does not wait for its thread."""
    gate, answers = threading.Event(), list[bool]()

    def items() -> Iterator[int]:
        yield 1
        answers.append(gate.wait(30))

    with prefetched(items(), waiting=9) as lists:
        assert next(lists) == [1]
    assert answers == []
    gate.set()
