"""Kill a library run of 300 files with SIGKILL at ten random points, resume, compare with an unbroken one.

Run with ``python -m benchmarks.audio_resume [files]``.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile as sf

from benchmarks import audio_pieces
from etl.store.database import open_store

KILLS = 10


def attempts(database: Path) -> dict[str, int]:
    """Give the attempts of each finished recording; opening replays what the killed process had committed."""
    if not database.exists():
        return {}
    with open_store(database) as connection:
        rows = connection.sql("SELECT item, attempts FROM ledger WHERE task = 'sonic'").fetchall()
    return dict(rows)


def _wait_for_commits(database: Path, count: int) -> None:
    """Wait until the store has changed so often; first come the run, the scan and the hashes."""
    log = database.with_name(f"{database.name}.wal")
    size, changes, deadline = -1, 0, time.monotonic() + 60
    while changes < count and time.monotonic() < deadline:
        time.sleep(0.02)
        now = sum(path.stat().st_size for path in (database, log) if path.exists())
        changes += now != size
        size = now


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rng = random.Random(11)  # noqa: S311 -- when to kill, no secret
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "music").mkdir()
        rendered = [
            audio_pieces.render(piece)[: 22_050 * 30] for piece in audio_pieces.pieces(15, seconds=30.0)
        ]
        for number in range(count):
            # Distinct contents: each starts somewhat later in its piece.
            part = rendered[number % len(rendered)][number * 441 :][: 22_050 * 20]
            sf.write(folder / "music" / f"{number:03d}.flac", part, 22_050)

        def command(run: str) -> list[str]:
            output, database = str(folder / f"{run}.npz"), str(folder / f"{run}.duckdb")
            music = str(folder / "music")
            return [sys.executable, "-m", "etl", "library", "run", music, "--db", database, "-o", output]

        subprocess.run(command("whole"), check=True, capture_output=True)
        seen: dict[str, int] = {}
        progress = []
        for _ in range(KILLS):
            process = subprocess.Popen(
                command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _wait_for_commits(folder / "killed.duckdb", rng.randint(4, 10))
            time.sleep(rng.uniform(0.0, 0.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen |= attempts(folder / "killed.duckdb")
            progress.append(len(seen))
        subprocess.run(command("killed"), check=True, capture_output=True)
        final = attempts(folder / "killed.duckdb")
        again = sum(final[item] > 1 for item in seen)
        digests = [
            hashlib.sha256((folder / f"{run}.npz").read_bytes()).hexdigest() for run in ("whole", "killed")
        ]
    print(f"finished after each of {KILLS} kills: {progress}, in the end {len(final)} of {count}")
    print(f"done twice although finished: {again}")
    print(f"matrices byte-identical: {digests[0] == digests[1]}")


if __name__ == "__main__":
    main()
