"""A Dask cluster on loopback, as the user starts one; without Dask its tests are skipped."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from etl.runtime.work.cluster.address import Cluster
from etl.runtime.work.cluster.connection import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.runtime.work.cluster.connection import Connection


@contextmanager
def started(workers: int) -> Iterator[Connection]:
    """Start workers, and connect."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with connected(Cluster.parse(f"local:{workers}")) as connection:
        assert connection is not None
        yield connection


def address_of(connection: Connection) -> str:
    """Address of the scheduler."""
    address: str = connection.client.scheduler.address
    return address
