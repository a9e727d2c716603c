"""Numerals in the analysts' key, against the analysts' own."""

from __future__ import annotations

import subprocess
import sys

from tests.support.command_line import ROOT
from tests.support.figures import read_figures
from tests.support.reference import needs_reference


@needs_reference("rs200")
def test_numerals_agree_with_the_analysts():
    """98 % of the numerals are theirs, 82 % of the choices between applied and chromatic, 58 % of vii/x."""
    command = [sys.executable, "-m", "benchmarks.numeral_accuracy"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    figures = dict(read_figures(printed))
    share = {what: float(figure.rstrip("%")) for what, figure in figures.items()}
    assert share["the same character for character after respelling the human one"] >= 98
    assert share["the same after the notation mapping"] >= 98
    assert share["the same choice"] >= 82
    assert share["read as such"] >= 58
