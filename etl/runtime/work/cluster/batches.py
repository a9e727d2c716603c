"""Cut items into batches that take a worker about as long as wanted, and shorter ones where few are left.

Items are drawn on a thread of their own, so that a slow source delays no batch: a batch is what is there, its
fair share of it at most. So the last batches are short, and all workers end at about the same time.
"""

from __future__ import annotations

import pickle
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from etl.runtime.work.cluster.messages import Batch
from etl.runtime.work.cluster.same_file import known_file
from etl.runtime.work.outcome import failed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from etl.runtime.work.cluster.same_file import KnownFile
    from etl.runtime.work.outcome import Outcome

Place: TypeAlias = "Callable[[Any, Callable[[str], str]], tuple[Any, Sequence[str]]]"

_BATCH_BYTES: Final = 16 << 20
_WAITING_BYTES: Final = 64 << 20
_SLOWNESS: Final = 0.3  # weight of the latest batch in the pace


class Pace:
    """How long an item takes, from what has been done lately."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def took(self, seconds: float, items: int) -> None:
        """Learn from a batch."""
        each = seconds / max(items, 1)
        self._seconds = each if self._seconds is None else self._seconds + _SLOWNESS * (each - self._seconds)

    def items_in(self, seconds: float) -> int:
        """How many items take so long; one, as long as nothing is known."""
        if self._seconds is None:
            return 1
        return max(1, int(seconds / max(self._seconds, 1e-4)))


class _Drawn:
    """An item, ready to be sent."""

    __slots__ = ("files", "item", "pickled", "unsent")

    def __init__(
        self,
        item: Any,
        pickled: bytes,
        files: tuple[KnownFile, ...],
        unsent: Outcome[Any, Any] | None = None,
    ) -> None:
        self.item = item
        self.pickled = pickled
        self.files = files
        self.unsent = unsent


class Batches:
    """Gives batches of items.

    Parameters
    ----------
    items
        What to cut.
    place
        Gives an item as workers are to know it, and the paths here of files that must be the same there; it
        is handed what gives the path there of a path here. None for items that hold no paths.
    there
        Gives the path there of a path here; None where workers are on this machine.
    shares
        How many batches are under way at once: each takes a share of what waits.
    seconds
        Longest batch.
    pace
        How long items take.
    """

    def __init__(
        self,
        items: Iterable[Any],
        *,
        place: Place | None,
        there: Callable[[str], str] | None,
        shares: int,
        seconds: float,
        pace: Pace,
    ) -> None:
        self._items = items
        self._place = place
        self._there = there
        self._shares = shares
        self._seconds = seconds
        self._pace = pace
        self._waiting: deque[_Drawn] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._is_drawn = False
        self._is_over = False
        self._error: BaseException | None = None

    def __iter__(self) -> Generator[Batch]:
        """Give batches; an error of ``items`` comes after those before it."""
        threading.Thread(target=self._draw, name="etl-batches", daemon=True).start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._is_drawn)
                    if not self._waiting:
                        break
                    taken = self._taken()
                    self._changed.notify_all()
                yield Batch(
                    tuple(each.item for each in taken),
                    tuple(each.pickled for each in taken),
                    tuple(file for each in taken for file in each.files),
                    {number: each.unsent for number, each in enumerate(taken) if each.unsent},
                )
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
        if self._error is not None:
            raise self._error

    def _taken(self) -> list[_Drawn]:
        share = -(-len(self._waiting) // self._shares)
        most = min(share, self._pace.items_in(self._seconds))
        taken: list[_Drawn] = []
        size = 0
        while self._waiting and len(taken) < most and size < _BATCH_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1].pickled)
        self._bytes -= size
        return taken

    def _has_room(self) -> bool:
        most = 2 * self._shares * self._pace.items_in(self._seconds)
        return self._is_over or (len(self._waiting) < most and self._bytes < _WAITING_BYTES)

    def _draw(self) -> None:
        source: Iterator[Any] = iter(())
        try:
            source = iter(self._items)
            for item in source:
                drawn = self._drawn(item)
                with self._changed:
                    self._waiting.append(drawn)
                    self._bytes += len(drawn.pickled)
                    self._changed.notify_all()
                    self._changed.wait_for(self._has_room)
                    if self._is_over:
                        break
        except BaseException as error:  # noqa: BLE001 - raised where batches are taken
            self._error = error
        finally:
            if hasattr(source, "close"):
                source.close()
            with self._changed:
                self._is_drawn = True
                self._changed.notify_all()

    def _drawn(self, item: Any) -> _Drawn:
        placed = item
        files: tuple[KnownFile, ...] = ()
        if self._place is not None and self._there is not None:
            placed, paths = self._place(item, self._there)
            looked = (known_file(path, self._there(path)) for path in paths)
            files = tuple(file for file in looked if file is not None)
        try:
            return _Drawn(item, pickle.dumps(placed, pickle.HIGHEST_PROTOCOL), files)
        except Exception as error:  # noqa: BLE001 - whatever the item's own code raises
            return _Drawn(item, b"", files, failed(item, error))
