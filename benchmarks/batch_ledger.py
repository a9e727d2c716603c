"""The ledger of batch jobs: what keeping requests and answers takes, each request flushed before the next.

    python -m benchmarks.batch_ledger [REQUESTS=400] [ITEMS=5]

Nothing is sent: a request is kept before it would leave, its answers at once, as `etl batch process` does. An
item's share of both, and of writing them to the store, is printed; what a flush takes is the disk's.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from etl.pipelines.batch.ask import SOON
from etl.store.batch_requests import put_outcome, put_reply, put_request
from etl.store.bursts import BurstWriter, writing
from tests.support.figures import show, sizes

_ANSWER = json.dumps({"mood": "dark", "energy": 3, "tags": ["kick", "house"], "confidence": 0.5})


def exchange(store: BurstWriter, number: int, size: int) -> None:
    """Keep a request and its answers."""
    request_id = f"{number:032}"
    sent = put_request(
        request_id, job="job", task="vibe", version="1", account="me", model="m", items=size, tokens=900,
        cost=0.0, at=time.time(),
    )  # fmt: skip
    store.put(sent)
    store.keep()
    answers = [(f"{number:032}{item:032}", "done", None, _ANSWER, 0.5) for item in range(size)]
    store.put(
        put_outcome(request_id, "answered", at=time.time(), prompt_tokens=700, completion_tokens=200),
        put_reply(answers, task="vibe", version="1", request_id=request_id),
        items=size,
    )
    store.keep(within=SOON)


def flush_ms(folder: Path, flushes: int = 200) -> float:
    """Measure what adding a line to a file and flushing it takes."""
    with (folder / "lines").open("ab", 0) as file:
        begun = time.perf_counter()
        for _ in range(flushes):
            file.write(b"x" * 1500)
            os.fsync(file.fileno())
        return (time.perf_counter() - begun) / flushes * 1e3


def main() -> None:
    """Measure."""
    requests, size = sizes(400, 5)
    with tempfile.TemporaryDirectory(dir=".") as made:
        folder = Path(made)
        flush = flush_ms(folder)
        with writing(folder / "music.duckdb", "benchmark", {}) as store:
            begun, used = time.perf_counter(), time.process_time()
            for number in range(requests):
                exchange(store, number, size)
        elapsed, used = time.perf_counter() - begun, time.process_time() - used
    items = requests * size
    show(
        {
            "ledger, ms an item": f"{elapsed / items * 1e3:.2f}",
            "of the processor": f"{used / items * 1e3:.2f}",
            "a flush of this disk, ms": f"{flush:.2f}",
        }
    )


if __name__ == "__main__":
    main()
