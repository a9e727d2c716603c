"""A Dask cluster on loopback, as the user starts one; without Dask its tests are skipped."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from etl.runtime.work.cluster.address import Cluster
from etl.runtime.work.cluster.connection import connected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

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


def free_port() -> int:
    """Give a port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def commanded(
    lines: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start `dask` commands as a shell would; what they start ends with them."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with ExitStack() as stack:
        processes = []
        for line in lines:
            words = shlex.split(line)
            assert words[0] == "dask"
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            processes.append(process)
        yield processes
