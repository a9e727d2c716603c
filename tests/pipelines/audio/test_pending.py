"""Recordings that are given for description: as many as asked for, or until a time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

import pytest

from etl.audio.features import Mode
from etl.pipelines.audio.pending import Pending, PendingRecordings
from etl.runtime.watch.progress import Stage, Watch

if TYPE_CHECKING:
    from etl.store.bursts import BurstWriter

ITEMS = tuple((f"{number:032x}", f"/music/{number}.flac") for number in range(5))


@pytest.mark.parametrize(("seconds", "given"), [(0.0, 1), (60.0, 5)])
def test_none_begins_after_the_time(seconds: float, given: int) -> None:
    """The one that is at work is finished; the rest is left for later."""
    pending = Pending(Mode.BEAT, ITEMS, frozenset(item for item, _ in ITEMS), frozenset(), ())
    with Watch("sonic", [Stage("hash", "files"), Stage("sonic", "tracks")]) as watch:
        found = PendingRecordings(
            pending,
            None,
            until=time.monotonic() + seconds,
            store=cast("BurstWriter", None),  # nothing is hashed
            watch=watch,
            stop=threading.Event(),
        )
        assert len(list(found)) == given
