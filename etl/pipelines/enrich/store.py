"""The one door through which an enrichment writes to the store, open only while a service is being asked."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from etl.store import service_state
from etl.store.database import open_store, second_connection, transaction
from etl.store.runs import recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import duckdb

    from etl.services.contract import Service
    from etl.store.runs import Run
    from etl.store.writes import Write


class EnrichmentStore:
    """The store of one stretch of asking; use :func:`writing`.

    Attributes
    ----------
    run
        The stretch as it stands in ``runs``.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, run: Run) -> None:
        self.run = run
        self._connection = connection
        self._lock = threading.Lock()

    def put(self, *writes: Write) -> None:
        """Apply writes in one transaction, durably before returning; called from any thread."""
        # A connection of its own: the other may be reading on the main thread.
        with self._lock, second_connection(self._connection) as connection, transaction(connection):
            for write in writes:
                write(connection)

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Read what has been put so far, on the main thread."""
        yield self._connection


@contextmanager
def writing(database: Path, command: str, arguments: Mapping[str, Any]) -> Iterator[EnrichmentStore]:
    """Open the store for one stretch of asking, and record it in ``runs``."""
    with open_store(database) as connection, recorded_run(connection, command, arguments) as run:
        yield EnrichmentStore(connection, run)


class StoredState:
    """What is known about a service and account, read when the store opens and written through it.

    While the store is closed the values of the last stretch hold; what threads report then is written when
    it opens again.
    """

    def __init__(self, service: Service) -> None:
        self._key = (service.name, service.account)
        self._values: dict[str, Any] = {}
        self._late: dict[str, Any] = {}
        self._store: EnrichmentStore | None = None

    @contextmanager
    def kept_in(self, store: EnrichmentStore) -> Iterator[None]:
        """Keep the values in this store until the block ends."""
        with store.reading() as connection:
            self._values = service_state.values(connection, *self._key)
        self._store = store
        while self._late:
            self.put(*self._late.popitem())
        try:
            yield
        finally:
            self._store = None

    def get(self, key: str) -> Any:
        """Return what was put last, None for nothing."""
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value, durably before returning."""
        self._values[key] = value
        if (store := self._store) is not None:
            store.put(service_state.put(*self._key, key, value))
        else:
            self._late[key] = value
