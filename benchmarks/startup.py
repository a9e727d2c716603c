"""`etl --help` against an empty Python process: medians of some runs each.

python -m benchmarks.startup [RUNS=10]
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.timing import seconds
from tests.support.command_line import etl
from tests.support.figures import show, sizes


def main(runs: int) -> None:
    """Measure and print."""
    bare, helped = (
        statistics.median(
            seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))  # noqa: B023
            for _ in range(runs)
        )
        for command in ([sys.executable, "-c", "pass"], etl("--help"))
    )
    show(
        {
            "an empty Python process": f"{bare:.3f} s",
            "`etl --help`": f"{helped:.3f} s, {helped - bare:.3f} s beyond it",
        }
    )


if __name__ == "__main__":
    main(*sizes(10))
