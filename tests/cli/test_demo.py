"""The demonstration shows the sample's data, keys and progressions, and says where the files are."""

from __future__ import annotations

from tests.cli.test_main import run_etl
from tests.support.command_line import ended_here


def test_the_demo_builds_the_sample_and_shows_it(tmp_path):
    """All outputs are there, and the printed figures are those of the sample."""
    result = run_etl("demo", "try", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "739 rows in = 739 songs out + 0 rejected" in result.stdout
    assert "C Major" in result.stdout
    assert "I IV I IV" in result.stdout
    for name in ("data3.csv", "data3.npz", "music.duckdb"):
        assert (tmp_path / "try" / name).stat().st_size > 100_000
        assert name in result.stdout


def test_the_demo_can_be_run_again(tmp_path):
    """A second run replaces the first and gives the same CSV."""
    assert ended_here("demo", cwd=tmp_path).returncode == 0
    before = (tmp_path / "demo" / "data3.csv").read_bytes()
    assert ended_here("demo", cwd=tmp_path).returncode == 0
    assert (tmp_path / "demo" / "data3.csv").read_bytes() == before
