"""Damaged files: thousands of byte-flipped and truncated variants, each parsed, analysed and timed alone.

python -m tests.robustness.midi_fuzz [VARIANTS=5000]
"""

from __future__ import annotations

import random
import resource
import time

from etl.midi.analysis import analyze
from etl.midi.reader import read_files
from tests.support.figures import show, sizes
from tests.support.midi_corpus import odd_files, songs


def damaged(blobs: list[bytes], chance: random.Random) -> bytes:
    """Flip some bytes of a file, and cut off its end half of the time."""
    blob = bytearray(chance.choice(blobs))
    for _ in range(chance.choice([1, 5, 50])):
        if blob:
            blob[chance.randrange(len(blob))] = chance.randrange(256)
    if chance.random() < 0.5:
        del blob[chance.randrange(len(blob) + 1) :]
    return bytes(blob)


def main(variants: int) -> None:
    """Read them and print."""
    blobs = [*odd_files(), *songs()]
    analyze(read_files(blobs[:5]))
    chance = random.Random(11)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest, accepted = 0.0, 0
    for _ in range(variants):
        blob = damaged(blobs, chance)
        started = time.perf_counter()
        files = analyze(read_files([blob], keep_all=True)).files
        slowest = max(slowest, time.perf_counter() - started)
        accepted += bool(files["valid"][0])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    figures = {
        "damaged files": variants,
        "accepted": accepted,
        "slowest, seconds": round(slowest, 3),
        "memory grown, MB": round(grown, 1),
    }
    show(figures)


if __name__ == "__main__":
    main(*sizes(5000))
