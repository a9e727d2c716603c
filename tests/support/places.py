"""Where things are in the checkout, and which files of tests take longest."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT / "tests" / "data"
GOLDEN: Final = ROOT / "tests" / "golden"

LONGEST: Final = (
    "test_enrich_command.py",
    "test_journal.py",
    "test_bursts.py",
    "test_run.py",
    "test_library.py",
    "test_atomicity.py",
    "test_warm_up.py",
    "test_beside_others.py",
    "test_check.py",
    "test_second_service.py",
    "test_store_held.py",
)
"""Files with tests of several kills, or that wait for other processes."""
