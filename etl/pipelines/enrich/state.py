"""What is known about a service from earlier runs, kept in the store, which is not held meanwhile."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from etl.store import service_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from etl.services.contract import Client
    from etl.store.bursts import BurstWriter


class StoredState:
    """What is known about a service and account, read when a run begins to write and kept through it.

    Between two runs the values of the last one hold; what threads report then is written by the next.
    """

    def __init__(self, service: Client) -> None:
        self._key = (service.name, service.account)
        self._values: dict[str, Any] = {}
        self._late: dict[str, Any] = {}
        self._store: BurstWriter | None = None
        self._lock = threading.Lock()  # no thread is in the middle of a put when the run ends

    def read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take what the store knows; what was put since the last run stays."""
        values = service_state.values(connection, *self._key)
        with self._lock:
            self._values = values | self._late

    @contextmanager
    def kept_in(self, store: BurstWriter) -> Iterator[None]:
        """Keep the values in this store, from which they were read, until the block ends."""
        with self._lock:
            self._store = store
            late, self._late = self._late, {}
        for key, value in late.items():
            self.put(key, value)
        try:
            yield
        finally:
            with self._lock:
                self._store = None

    def get(self, key: str) -> Any:
        """Return what was put last, None for nothing."""
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value, durably before returning; called from any thread."""
        with self._lock:
            self._values[key] = value
            if self._store is None:
                self._late[key] = value
            else:
                self._store.put(service_state.put(*self._key, key, value))
                self._store.keep()
