"""A connection to a cluster where there is one; most runs have none, and load nothing of what one takes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.runtime.work.cluster.address import Cluster
    from etl.runtime.work.cluster.connection import Connection


@contextmanager
def joined(cluster: Cluster | None) -> Iterator[Connection | None]:
    """Connect as `etl.runtime.work.cluster.connection.connected` does; None for none."""
    if cluster is None:
        yield None
        return
    from etl.runtime.work.cluster.connection import connected  # noqa: PLC0415 - see above

    with connected(cluster) as connection:
        yield connection
