"""Single look-ups and batches per second against an instant server, stored and committed.

    python -m benchmarks.enrich_lookups [SONGS=5000]

The baseline, in the same run and against the same kind of server, are plain GET requests of sixteen threads
with a `requests.Session` each, whose answers are thrown away.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.spotify_process import CREDENTIALS, environment, server, spotify_id, write_songs

_THREADS = 16


def plain_requests(url: str, number: int) -> float:
    """Look-ups per second without rate limit, retries, judging or storing."""
    token = requests.post(
        f"{url}/api/token",
        data={"grant_type": "client_credentials"},
        auth=(CREDENTIALS.client_id, CREDENTIALS.client_secret),
        timeout=10,
    ).json()["access_token"]
    local = threading.local()

    def ask(index: int) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.headers["Authorization"] = f"Bearer {token}"
        local.session.get(f"{url}/v1/tracks/{spotify_id('track', index)}", timeout=10).json()

    with ThreadPoolExecutor(_THREADS) as pool:
        start = time.perf_counter()
        list(pool.map(ask, range(number)))
        return number / (time.perf_counter() - start)


def enrichment(songs: int, *options: str) -> dict[str, Any]:
    """Enrich so many songs; give ids and requests, the seconds of the asking and of the whole process."""
    with tempfile.TemporaryDirectory() as folder, server(*options) as url:
        here = Path(folder)
        setup = environment(url, here / "music.duckdb", per_second=5000)
        source = str(write_songs(here / "songs.csv", songs))
        _run(etl("build", "data3", source, "-o", str(here / "data3.csv")), setup)
        start = time.perf_counter()
        lines = _run(etl("enrich", "spotify", "--log-json"), setup).splitlines()
        wall = time.perf_counter() - start
        state: dict[str, Any] = json.loads(lines[-1])
        asking = next(stage for stage in state["stages"] if stage["name"] == "ask")
        return {
            "ids": asking["done"],
            "requests": state["figures"]["requests"],
            "asking_s": asking["seconds"],
            "wall_s": wall,
        }


def _run(command: list[str], setup: dict[str, str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=setup).stdout


def main(songs: int) -> None:
    """Measure and print."""
    with server("--single-only") as url:
        plain = plain_requests(url, songs)
    show({"plain requests": f"{plain:,.0f} ids/s"})
    for name, options in (("one id per request", ("--single-only",)), ("50 ids per request", ())):
        done = enrichment(songs, *options)
        rate = done["ids"] / done["asking_s"]
        asked = f"{done['ids']:,} ids, {done['requests']:,} requests"
        whole = f"{done['wall_s']:.1f} s with start and end of the process"
        show({name: f"{rate:,.0f} ids/s, {rate / plain:.2f} times, {asked}, {whole}"})


if __name__ == "__main__":
    main(*sizes(5000))
