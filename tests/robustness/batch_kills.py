"""Kill a batch job many times at random moments: `python -m tests.robustness.batch_kills [KILLS] [SEED]`.

Prints what came of it, and ends with 1 where something was lost, repeated too often, or differs.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from tests.support.batch_kills import run_and_kill

if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        told = run_and_kill(Path(folder), songs=240, size=5, kills=kills, chance=random.Random(seed))
    print(told)
    is_right = (
        told["requests"] <= told["minimum"] + told["kills"]
        and told["states"] == {"done": 240}
        and told["exports"]
        and not told["answered_twice"]
    )
    print("as it should be" if is_right else "WRONG")
    sys.exit(not is_right)
