"""Three days of a batch job on a clock that skips: `python -m tests.robustness.batch_days`.

604 files, 12 of them filtered and 4 corrupt, at 5 a request, 5 requests a minute, 50 a UTC day. Ends with 1
where a limit was passed, or more requests were sent than need be.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from etl.pipelines.batch.run import process
from tests.pipelines.batch.conftest import Batch, write_samples
from tests.support.chat_server import ChatServer
from tests.support.virtual_clock import MIDNIGHT, VirtualClock

if __name__ == "__main__":
    clock = VirtualClock()
    with tempfile.TemporaryDirectory() as name, ChatServer(clock) as server:
        batch = Batch(Path(name), server, clock)
        folder = Path(name) / "samples"
        write_samples(folder, 588)
        for index in range(12):
            (folder / f"note_{index}.txt").write_text("not a sample", encoding="utf-8")
        for index in range(4):
            (folder / f"broken_{index}.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes([index]))
        request = batch.request(folder, tasks=("vibe",), pattern="*.wav", batch_size=5, wait=True)
        result = process(request, replace(batch.settings, per_minute=5.0, per_day=50))
        arrivals = server.arrivals
        days = Counter(int((at - MIDNIGHT) // 86_400) for at in arrivals)
        busiest = max(sum(at <= other < at + 60 for other in arrivals) for at in arrivals)
        vibe = result.stages[-1]
        print(f"{len(arrivals)} requests on days {dict(days)}, at most {busiest} within 60 s; {vibe}")
        sys.exit(
            (len(arrivals), max(days.values()), len(days), vibe.done, vibe.skipped) != (118, 50, 3, 588, 16)
            or busiest > 5
        )
