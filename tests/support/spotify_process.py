"""The tests' Spotify server as a process of its own, and songs to ask it about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from etl.services.credentials import Credentials
from tests.support import spotify_server
from tests.support.spotify_server import spotify_id
from tests.support.spotify_songs import write_songs

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER = Path(spotify_server.__file__)

__all__ = ["CREDENTIALS", "environment", "server", "spotify_id", "spotify_server", "stats", "write_songs"]

CREDENTIALS = Credentials(spotify_server.CLIENT_ID, spotify_server.CLIENT_SECRET)


@contextmanager
def server(*options: str) -> Iterator[str]:
    """Serve with the options of ``tests/support/spotify_server.py``; gives the address."""
    process = subprocess.Popen(
        [sys.executable, str(_SERVER), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def stats(url: str) -> dict[str, int]:
    """Ask a server for its counts."""
    with urlopen(f"{url}/stats") as response:  # noqa: S310 - our own server
        counts: dict[str, int] = json.load(response)
    return counts


def environment(url: str, database: Path, *, per_second: float) -> dict[str, str]:
    """Give the environment in which `etl` asks that server."""
    return dict(os.environ) | {
        "ETL_CONFIG": os.devnull,
        "ETL_DB": str(database),
        "ETL_LIMITS": str(database.with_suffix(".limits.sqlite")),
        "ETL_SPOTIFY_URL": url,
        "ETL_SPOTIFY_PER_SECOND": str(per_second),
        "SPOTIPY_CLIENT_ID": CREDENTIALS.client_id,
        "SPOTIPY_CLIENT_SECRET": CREDENTIALS.client_secret,
    }
