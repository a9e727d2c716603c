"""Numerals in the analysts' key, against the analysts' own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.places import ROOT, SHARED

RS200 = SHARED / "rs200"


@pytest.mark.skipif(not RS200.exists(), reason="the RS200 annotations are not at hand")
def test_numerals_agree_with_the_analysts():
    """At least 98 % of the numerals are theirs, and 82 % of the choices between applied and chromatic."""
    command = [sys.executable, "-m", "benchmarks.numeral_accuracy"]
    files = [str(RS200 / "rs200_numerals.csv"), str(RS200 / "rs200_truth.csv")]
    printed = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    spelled = [float(share) for share in re.findall(r"the same .*: ([\d.]+)%", printed)]
    choice = re.search(r"same choice: ([\d.]+)%", printed)
    assert len(spelled) == 2
    assert min(spelled) >= 98
    assert choice
    assert float(choice[1]) >= 82
