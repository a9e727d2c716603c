"""SIGKILL loses nothing and repeats one request; `tests/robustness/batch_kills.py` kills oftener."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.support.batch_kills import run_and_kill

if TYPE_CHECKING:
    from pathlib import Path


def test_kills_cost_at_most_a_request_each(tmp_path: Path) -> None:
    """Each item is in one state, each request has an outcome, exports are those of a run without kills."""
    told = run_and_kill(tmp_path, songs=20, size=5, kills=1, chance=random.Random(5))
    assert told["kills"] == 1
    assert told["requests"] <= told["minimum"] + told["kills"]
    assert told["states"] == {"done": 20}
    assert told["answered_twice"] == 0
    assert sum(told["outcomes"].values()) == told["sent"][0] == told["sent"][1]
    assert told["exports"]
