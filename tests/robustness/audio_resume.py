"""Kill a library run with SIGKILL at random points, resume, compare with an unbroken one.

    python -m tests.robustness.audio_resume [FILES=300] [SEED=11] [KILLS=10]

Twelve seconds a file. One kill in five
comes within a second and a half of the start; the others when the run has described a random number of
tracks, and a random part of a second later. Between kills the store is read: what it holds as
described must never be described again. All processes are waited for, workers too, and no wait is longer than
two minutes.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import soundfile as sf

from etl.store.database import open_store
from tests.support import audio_pieces
from tests.support.command_line import etl
from tests.support.figures import show, sizes
from tests.support.tracks import described_so_far

SECONDS = 12

_LIMIT = 120.0


def described(database: Path) -> dict[str, tuple[int, str]]:
    """Give attempts and time of each recording that is done; opening replays what was committed."""
    if not database.exists():
        return {}
    with open_store(database) as connection:
        rows = connection.execute(
            "SELECT item, attempts, updated_at::VARCHAR FROM ledger WHERE task = 'sonic' AND status = 'done'"
        ).fetchall()
    return {item: (attempts, time_) for item, attempts, time_ in rows}


def kill_at_random(command: list[str], database: Path, tracks: float, rng: random.Random) -> bool:
    """Start a run, kill it, wait for it and its workers; tell whether it lived until then."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wanted = 0.0 if rng.random() < 0.2 else rng.uniform(0.0, tracks)
    deadline = time.monotonic() + _LIMIT
    while described_so_far(database) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(rng.uniform(0.0, 0.7 if wanted else 1.5))
    alive = process.poll() is None
    children = psutil.Process(process.pid).children(recursive=True) if alive else []
    process.send_signal(signal.SIGKILL)
    process.wait(_LIMIT)
    _, left = psutil.wait_procs(children, timeout=_LIMIT)
    if left:
        raise RuntimeError(f"workers outlive the killed run: {left}")
    return alive


def main(count: int, seed: int, wanted: int) -> None:
    """Measure and print."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "music").mkdir()
        rendered = [audio_pieces.render(piece) for piece in audio_pieces.pieces(15, seconds=20.0)]
        for number in range(count):
            # Distinct contents: each starts somewhat later in its piece.
            part = rendered[number % len(rendered)][number * 441 :][: 22_050 * SECONDS]
            sf.write(folder / "music" / f"{number:03d}.flac", part, 22_050)

        def command(run: str) -> list[str]:
            output, database = folder / f"{run}.npz", folder / f"{run}.duckdb"
            return etl("library", "run", folder / "music", "--db", database, "-o", output)

        subprocess.run(command("whole"), check=True, capture_output=True, timeout=5 * _LIMIT)
        database = folder / "killed.duckdb"
        seen: dict[str, tuple[int, str]] = {}
        again: set[str] = set()
        progress = []
        kills = 0
        for _ in range(4 * wanted):
            kills += kill_at_random(command("killed"), database, 2.0 * count / wanted, rng)
            now = described(database)
            again |= {item for item in seen if now.get(item) != seen[item]}
            seen = now
            progress.append(len(seen))
            if kills == wanted:
                break
        subprocess.run(command("killed"), check=True, capture_output=True, timeout=5 * _LIMIT)
        final = described(database)
        again |= {item for item in seen if final.get(item) != seen[item]}
        again |= {item for item, (attempts, _) in final.items() if attempts > 1}
        digests = [
            hashlib.sha256((folder / f"{run}.npz").read_bytes()).hexdigest() for run in ("whole", "killed")
        ]
    show(
        {
            f"described after each of {kills} kills": f"{progress}, in the end {len(final)} of {count}",
            "described again although it was committed": len(again),
            "matrices byte-identical": digests[0] == digests[1],
        }
    )
    if again or digests[0] != digests[1] or len(final) != count or kills < wanted:
        raise SystemExit(1)


if __name__ == "__main__":
    main(*sizes(300, 11, 10))
