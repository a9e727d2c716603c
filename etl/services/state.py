"""What is known about a service and account from earlier runs: parked until, batches or not, quota."""

from __future__ import annotations

from typing import Any, Protocol


class ServiceState(Protocol):
    """Values by key that outlive the process; called from any thread."""

    def get(self, key: str) -> Any:
        """Return what was put last, None for nothing."""

    def put(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold, durably before returning."""


class MemoryState:
    """Keeps values in this process only."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def get(self, key: str) -> Any:
        """Return what was put last."""
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = value
