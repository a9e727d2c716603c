"""Kill a batch job many times at random moments: `python -m tests.robustness.batch_kills [KILLS] [SEED]`.

Once asking one request after another, once through a service's own batches (`--async`). Prints what came of
it, and ends with 1 where something was lost, repeated too often, or differs.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.batch_kills import run_and_kill


def is_right(told: dict[str, Any], *, later: bool) -> bool:
    """Whether nothing was lost, and no more was repeated than cannot be known; of uploads nothing at all."""
    repeated = told["requests"] - told["minimum"]
    return (
        repeated <= (0 if later else told["kills"])
        and told["states"] == {"done": 240}
        and told["exports"]
        and not told["answered_twice"]
        and (not later or told["uploads"] == 1)
    )


if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    chance = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    wrong = 0
    for later in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            told = run_and_kill(Path(folder), songs=240, size=5, kills=kills, chance=chance, later=later)
        print("async:" if later else "one by one:", told)
        wrong += not is_right(told, later=later)
    print("WRONG" if wrong else "as it should be")
    sys.exit(bool(wrong))
