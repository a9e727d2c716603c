"""Damaged files: 5,000 byte-flipped and truncated variants, each parsed, analysed and timed alone.

python -m benchmarks.midi_fuzz
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time

from benchmarks.midi_corpus import odd_files, songs
from etl.midi.analysis import analyze
from etl.midi.reader import read_files

VARIANTS = 5000


def damaged(blobs: list[bytes], chance: random.Random) -> bytes:
    """Flip some bytes of a file, and cut off its end half of the time."""
    blob = bytearray(chance.choice(blobs))
    for _ in range(chance.choice([1, 5, 50])):
        if blob:
            blob[chance.randrange(len(blob))] = chance.randrange(256)
    if chance.random() < 0.5:
        del blob[chance.randrange(len(blob) + 1) :]
    return bytes(blob)


def main() -> None:
    """Print the figures as JSON."""
    blobs = [*odd_files(), *songs()]
    analyze(read_files(blobs[:5]))
    chance = random.Random(11)  # noqa: S311 - reproducible, not secret
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest, accepted = 0.0, 0
    for _ in range(VARIANTS):
        blob = damaged(blobs, chance)
        started = time.perf_counter()
        files = analyze(read_files([blob], keep_all=True)).files
        slowest = max(slowest, time.perf_counter() - started)
        accepted += bool(files["valid"][0])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    figures = {
        "variants": VARIANTS,
        "accepted": accepted,
        "slowest_seconds": round(slowest, 3),
        "memory_grown_mb": round(grown, 1),
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
