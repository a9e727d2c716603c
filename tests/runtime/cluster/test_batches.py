"""Batches last about as long as wanted, and get short where little is left."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from etl.runtime.errors import EtlError
from etl.runtime.work.cluster.batches import Batches, Pace
from etl.runtime.work.cluster.messages import packed, unpacked
from etl.runtime.work.cluster.same_file import check_files, known_file
from etl.runtime.work.outcome import attempt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from etl.runtime.work.outcome import Outcome


def cut(items: Iterable[object], *, shares: int = 4, seconds: float = 10.0, each: float | None = 1.0):
    """Cut items that take so long each."""
    pace = Pace()
    if each is not None:
        pace.took(each, 1)
    return Batches(items, place=None, there=None, shares=shares, seconds=seconds, pace=pace)


@settings(deadline=None)
@given(st.lists(st.integers(), max_size=60), st.integers(1, 9), st.floats(0.001, 20))
def test_every_item_is_in_one_batch_in_order_and_none_is_too_long(items, shares, each):
    """Whatever the pace; an item that takes longer than a batch is one by itself."""
    batches = list(cut(items, shares=shares, each=each))
    assert [item for batch in batches for item in batch.items] == items
    assert all(len(batch.items) <= max(1, int(10 / each)) for batch in batches)


def test_the_last_batches_are_short():
    """Each takes its share of what is left, so that no worker is still at a long one at the end."""
    gate = threading.Event()

    def items():
        yield from range(40)
        gate.set()

    batches = iter(cut(items(), shares=4, each=0.1))
    next(batches)
    assert gate.wait(10)
    sizes = [len(batch.items) for batch in batches]
    assert 5 < sizes[0] <= 10
    assert sizes[-1] == 1
    assert sizes == sorted(sizes, reverse=True)


def test_one_item_goes_first_while_the_pace_is_not_known():
    """A batch of a hundred that takes an hour would be found out late."""
    assert len(next(iter(cut(range(100), each=None))).items) == 1


def test_an_error_of_the_source_comes_after_what_was_before_it():
    """Nothing that was drawn is lost."""

    def items():
        yield from "ab"
        raise OSError("the drive is gone")

    taken: list[object] = []

    def take() -> None:
        for batch in cut(items()):
            taken.extend(batch.items)

    with pytest.raises(OSError, match="gone"):
        take()
    assert taken == ["a", "b"]


def test_items_that_cannot_be_pickled_fail_alone():
    """On this machine; the others come back from the worker."""
    items: list[Any] = ["a", threading.Lock(), "b"]
    outcomes: list[Outcome[Any, Any]] = []
    for batch in cut(items):
        there = [attempt(pickle.loads, each) for each in batch.pickled]
        outcomes += unpacked(batch, packed(batch.pickled, there))
    assert [outcome.item for outcome in outcomes] == items
    assert [outcome.result for outcome in outcomes] == ["a", None, "b"]
    assert "cannot pickle" in str(outcomes[1].problem)


def test_files_are_the_same_by_size_and_content(tmp_path: Path):
    """Another size, another begin, middle or end, or no file: each is said, with both paths."""
    here, there = tmp_path / "here", tmp_path / "there"
    content = bytes(range(256)) * 100
    here.write_bytes(content)
    known = known_file(str(here), str(there))
    assert known is not None
    there.write_bytes(content)
    check_files([known])
    for changed in (
        content[:-1],
        b"x" + content[1:],
        content[:12_800] + b"xx" + content[12_802:],
        content + b"x",
    ):
        there.write_bytes(changed)
        with pytest.raises(EtlError, match="has another") as raised:
            check_files([known])
        assert str(here) in str(raised.value)
    there.unlink()
    with pytest.raises(EtlError, match="No such file"):
        check_files([known])
    assert known_file(str(tmp_path / "gone"), "/x") is None
