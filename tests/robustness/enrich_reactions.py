"""Seconds from a signal to the end of the process, and from Retry-After 85327 to the partial CSV and the end.

python -m tests.robustness.enrich_reactions [SONGS=50000]
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.generated_songs import generate
from tests.support.spotify_process import environment, spotify_server


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
                show({f"{name.name}, server {doing}": f"{seconds:.2f} s, exit code {code}"})
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
        done = f"exit code {process.returncode} after {seconds:.2f} s"
        written = f"a partial CSV of {songs:,} songs, {partial.stat().st_size / 1e6:,.0f} MB"
        show({"Retry-After 85327": f"{done}, {written}"})


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
    main(*sizes(50_000))
