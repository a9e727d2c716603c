"""What a run waits for until its worker processes give something: they load their code, or compile it first."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from etl.runtime.compile_folder import compiled_since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.runtime.watch.progress import Watch

_INTERVAL: Final = 0.25


@contextmanager
def workers_starting(watch: Watch) -> Iterator[None]:
    """Show what the workers do before they work; leave it with the first result."""
    began = time.time()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            count = compiled_since(began)
            is_compiling = f"workers to compile their code, once: {count} functions so far"
            watch.waiting_for(is_compiling if count else "workers to load their code")
            is_over.wait(_INTERVAL)

    thread = threading.Thread(target=look, name="etl-worker-start", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        watch.waiting_for(None)
