"""First runs on an empty cache of compiled code, with two and eight workers in turn; then plain librosa.

python -m tests.robustness.fresh_cache [TIMES=10]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.figures import show, sizes
from tests.support.fresh_cache import described_on_a_fresh_cache

TRACKS = 4


def main(times: int) -> None:
    """Run and print."""
    lost = 0
    for number in range(times):
        with tempfile.TemporaryDirectory() as folder:
            workers = (2, 8)[number % 2]
            lost += TRACKS - described_on_a_fresh_cache(Path(folder), workers, tracks=TRACKS)
    show({"first runs on an empty cache": f"{times}, with 2 and 8 workers; tracks lost {lost}"})


if __name__ == "__main__":
    main(*sizes(10))
