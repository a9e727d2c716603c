"""A first run says that it compiles."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from etl.runtime.jit import compile_watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.runtime.watch.progress import Watch


@contextmanager
def compilation_told(watch: Watch) -> Iterator[None]:
    """Show that the run waits for functions to be compiled, for as long as that lasts."""

    def tell(name: str, number: int, total: int) -> None:  # noqa: ARG001 -- numbers say more
        watch.waiting_for(f"compiling function {number} of {total}, once for all later runs")

    with compile_watch(tell):
        yield
    watch.waiting_for(None)
