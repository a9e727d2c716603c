"""Connections whose answers are complete in time, headers included, however slowly their bytes drip."""

from __future__ import annotations

import http.client
import io
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    import socket

    from urllib3 import PoolManager


class TimelyAdapter(HTTPAdapter):
    """Gives an answer up that takes too long; the time-outs of requests are for a single piece.

    Parameters
    ----------
    seconds
        From the first byte that is read to the last.
    connections
        That are kept open.
    """

    def __init__(self, seconds: float, *, connections: int) -> None:
        response = {"response_class": partial(_Response, seconds)}
        self._pools = {
            scheme: type("Pool", (pool,), {"ConnectionCls": type("Connection", (connection,), response)})
            for scheme, pool, connection in (
                ("http", HTTPConnectionPool, HTTPConnection),
                ("https", HTTPSConnectionPool, HTTPSConnection),
            )
        }
        super().__init__(pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make connections of this kind."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> PoolManager:
        """Make connections of this kind by way of a proxy."""
        manager: PoolManager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Response(http.client.HTTPResponse):
    def __init__(self, seconds: float, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Timely(self.fp.detach(), sock, time.monotonic() + seconds))


class _Timely(io.RawIOBase):
    """Reads from a socket until a time, and then no more."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, end: float) -> None:
        self._raw, self._socket, self._end = raw, sock, end
        self._patience = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._socket.settimeout(left if self._patience is None else min(left, self._patience))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
