"""Modules that numba does without are there for everybody else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from etl.runtime.jit.absent import absent


def test_a_module_is_absent_only_for_a_while(monkeypatch):
    """One that is not loaded cannot be imported within, and can afterwards."""
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(ImportError), absent("this"):
        import this  # noqa: F401
    assert "this" not in sys.modules


def test_a_module_that_is_loaded_stays():
    """Nothing is taken from whoever has it."""
    with absent("sys"):
        import sys as same
    assert same is sys.modules["sys"]


def test_compiled_code_loads_no_coverage():
    """Nor what else is only there where tests are run."""
    code = (
        "import sys; before = 'coverage' in sys.modules; import etl.runtime.jit; "
        "print(before == ('coverage' in sys.modules)); import coverage"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "True\n"
