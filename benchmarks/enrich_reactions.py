"""Seconds from a signal to the end of the process, and from Retry-After 85327 to the partial CSV and the end.

python -m benchmarks.enrich_reactions [SONGS=50000]
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.enrich_server import environment, spotify_server
from benchmarks.generate import generate
from benchmarks.timing import etl


def main(songs: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, spotify_server.serving(batches=False) as server:
        here = Path(folder)
        setup = environment(server.url, here / "music.duckdb", per_second=1000)
        generate(songs, here / "songs.csv")
        source, output = str(here / "songs.csv"), str(here / "data3.csv")
        subprocess.run(
            etl("build", "data3", source, "-o", output), check=True, env=setup, capture_output=True
        )
        for name in (signal.SIGINT, signal.SIGTERM):
            for hangs in (False, True):
                seconds, code = stopped(server, setup, here, name, hangs=hangs)
                doing = "hangs" if hangs else "answers"
                print(f"{name.name}, server {doing}: {seconds:.2f} s, exit code {code}")
        parked_at: list[float] = []
        start = len(server.requests)

        def park(request: spotify_server.Request) -> spotify_server.Fault | None:
            if request.number < start + 500:
                return None
            parked_at.append(time.perf_counter())
            return spotify_server.too_many("85327")

        server.script = park
        process = subprocess.Popen(etl("enrich", "spotify"), env=setup, cwd=here, stderr=subprocess.DEVNULL)
        process.wait()
        (partial,) = here.glob("data3_partial_*")
        seconds = time.perf_counter() - parked_at[0]
        print(f"Retry-After 85327: exit code {process.returncode} after {seconds:.2f} s")
        print(f"by then a partial CSV of {songs:,} songs, {partial.stat().st_size / 1e6:,.0f} MB")


def stopped(
    server: spotify_server.SpotifyServer,
    setup: dict[str, str],
    here: Path,
    number: signal.Signals,
    *,
    hangs: bool,
) -> tuple[float, int]:
    """Send a signal in mid-run; give the seconds to the end and the exit code."""
    start = len(server.requests)
    hang = spotify_server.Fault("hang", seconds=60)
    server.script = lambda request: hang if hangs and request.number > start + 100 else None
    process = subprocess.Popen(etl("enrich", "spotify"), env=setup, cwd=here, stderr=subprocess.DEVNULL)
    while len(server.requests) < start + 102:
        time.sleep(0.01)
    sent = time.perf_counter()
    process.send_signal(number)
    process.wait()
    return time.perf_counter() - sent, process.returncode


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
