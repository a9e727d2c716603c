"""A run whose items are numbers: each leaves a ledger entry and a reject, each ten of them a last value.

    python numbers_run.py STORE ITEMS [SECONDS_A_TEN [SECONDS_A_BURST]]

Prints `started`, then the number of items that were left to do, then the seconds that they took.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl

from etl.runtime.errors import EtlError
from etl.runtime.limits import Limits
from etl.runtime.rejects import REJECT_SCHEMA
from etl.store import service_state
from etl.store.bursts import writing
from etl.store.ledger import Ledger, record_outcomes
from etl.store.runs import record_rejects


def say(text: object) -> None:
    """Print a line now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def numbers_run(database: Path, count: int, seconds: float, burst_s: float) -> None:
    """Do what is left to do of ``count`` items."""
    limits = Limits(burst_s=burst_s, burst_items=200, patience_s=0.5)
    with writing(database, "numbers run", {"count": count}, limits=limits) as store:
        say("started")
        items = pl.DataFrame({"item": [str(number) for number in range(count)]})
        with store.reading() as connection:
            left = Ledger(connection, "numbers", "1").missing(items)["item"].to_list()
        say(len(left))
        began = time.monotonic()
        for first in range(0, len(left), 10):
            some = left[first : first + 10]
            rows = [("number", int(item), "test", "kind", "why", item) for item in some]
            store.put(
                record_rejects(store.run, pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")),
                service_state.put("numbers", "test", "last", int(some[-1])),
                record_outcomes(
                    "numbers", "1", pl.DataFrame({"item": some}).with_columns(status=pl.lit("done"))
                ),
                items=len(some),
            )
            if seconds:
                time.sleep(seconds)
        say(time.monotonic() - began)


if __name__ == "__main__":
    _, _path, _count, *_rest = sys.argv
    _seconds, _burst_s = ([float(text) for text in _rest] + [0.0, 0.1][len(_rest) :])[:2]
    try:
        numbers_run(Path(_path), int(_count), _seconds, _burst_s)
    except EtlError as error:
        sys.exit(f"etl: {error}")
