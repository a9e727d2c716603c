"""Prefetch items on a thread of its own, before they are asked for."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item = TypeVar("Item")


@contextmanager
def prefetched(items: Iterable[Item], *, waiting: int) -> Iterator[Iterator[list[Item]]]:
    """Give items in lists: each time all that are there by then, and at least twice as many as before.

    So there are few lists where each costs something, and the first comes with the first item.

    An error of ``items`` is raised when those before it have been given. Leaving the context does not wait
    for the thread, which may hang in a system call.

    Parameters
    ----------
    items
        What to draw.
    waiting
        How many may wait to be taken.
    """
    drawn: queue.Queue[Item | _End] = queue.Queue(waiting)
    is_over = threading.Event()

    def draw() -> None:
        end = _End(None)
        try:
            for item in items:
                drawn.put(item)
                if is_over.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the items are used
            end = _End(error)
        drawn.put(end)

    threading.Thread(target=draw, name="etl-prefetch", daemon=True).start()
    try:
        yield _taken(drawn, waiting)
    finally:
        is_over.set()
        while not drawn.empty():  # the thread may wait for room
            drawn.get_nowait()


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _taken(drawn: queue.Queue[Item | _End], most: int) -> Iterator[list[Item]]:
    least = 1
    while True:
        items: list[Item] = []
        while len(items) < least or not drawn.empty():
            item = drawn.get()
            if isinstance(item, _End):
                if items:
                    yield items
                if item.error is not None:
                    raise item.error
                return
            items.append(item)
        yield items
        least = min(2 * len(items), most)
