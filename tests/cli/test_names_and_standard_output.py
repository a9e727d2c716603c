"""For every command that writes a file, its name promises its format, and `-` is standard output."""

from __future__ import annotations

import io
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from etl.cli.main import app
from etl.exports.data3 import HEADER, SOURCE_COLUMNS
from etl.runtime.errors import EtlError, ExitCode
from tests.support.command_line import ended_here, environment, etl, piped_here

if TYPE_CHECKING:
    from pathlib import Path

SONGS = ",".join(SOURCE_COLUMNS) + "\na,C F G C,,,,,,,,\nb,G D Emin C,,,,,,,,\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store of two songs."""
    path: Path = tmp_path_factory.mktemp("names")
    (path / "songs.csv").write_text(SONGS, encoding="utf-8")
    words = ("build", "data3", "songs.csv", "-o", "data3.csv", "--npz", "data3.npz", "--db", "s.duckdb")
    assert ended_here(*words, cwd=path).returncode == 0
    return path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder, its output a pipe."""
    done = piped_here(*arguments, cwd=folder)
    done.check_returncode()
    return done


def run_alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Do the same in a process of its own."""
    return subprocess.run(etl(*arguments), capture_output=True, check=True, cwd=folder, env=environment())


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["build", "data3", "songs.csv", "--no-db", "-o", "x.parquet"], "etl export parquet -o x.parquet"),
        (["build", "data3", "songs.csv", "--no-db", "-o", "x.npz"], "--npz x.npz"),
        (["build", "data3", "songs.csv", "--no-db", "-o", "x.csv.gz"], "End the name in .csv"),
        (["build", "data3", "songs.csv", "--no-db", "--npz", "x.csv"], "--output x.csv"),
        (["export", "data3", "-o", "x.PARQUET"], "etl export parquet -o x.PARQUET"),
        (["export", "npz", "-o", "x.csv"], "etl export data3 -o x.csv"),
        (["export", "parquet", "-o", "x.csv"], "etl export data3 -o x.csv"),
        (["export", "parquet", "-o", "x.duckdb"], "End the name in .parquet"),
        (["validate", "songs.csv", "-s", "chordonomicon", "--rejects", "x.json"], "End the name in .csv"),
        (["enrich", "spotify", "-o", "x.npz"], "etl export npz -o x.npz"),
        (["library", "artifacts", "-o", "x.csv"], "End the name in .npz or .parquet"),
        (["library", "run", "-o", "x.json"], "End the name in .npz or .parquet"),
        (["library", "plot", "--overview", "-o", "x.jpg"], "End the name in .png"),
        (["midi", "export", "--npz", "x.parquet"], "--parquet x.parquet"),
        (["midi", "export", "--parquet", "x.csv"], "End the name in .parquet"),
    ],
)
def test_a_name_that_says_another_format_is_a_wrong_use(tmp_path, monkeypatch, arguments, hint):
    """Nothing is written, and the right option is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs.csv").write_text(SONGS, encoding="utf-8")
    result = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert isinstance(result.exception, EtlError), result.output
    assert result.exception.exit_code == ExitCode.USAGE
    assert hint in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["songs.csv"]


@pytest.mark.parametrize(
    ("how", "arguments"),
    [
        (run, ["build", "data3", "songs.csv", "-o", "-", "--no-db"]),
        (run_alone, ["build", "data3", "songs.csv", "-o", "-", "--db", "s.duckdb"]),
        (run, ["build", "data3", "songs.csv", "-o", "-", "--no-db", "--json"]),
        (run, ["export", "data3", "-o", "-", "--db", "s.duckdb"]),
        (run_alone, ["export", "data3", "-o", "/dev/stdout", "--db", "s.duckdb"]),
    ],
)
def test_the_csv_alone_is_on_standard_output(folder, how, arguments):
    """All that is said goes to standard error, and no file is called `-`."""
    done = how(folder, *arguments)
    assert done.stdout == (folder / "data3.csv").read_bytes()
    assert done.stdout.startswith(HEADER)
    assert b"songs" in done.stderr
    assert not list(folder.glob("-*"))


def test_matrices_and_parquet_go_to_standard_output(folder):
    """Pipes cannot seek; both formats can be read all the same."""
    for arguments in (
        ["export", "npz", "-o", "-", "--db", "s.duckdb"],
        ["build", "data3", "songs.csv", "-o", "x.csv", "--npz", "-", "--no-db"],
    ):
        with np.load(io.BytesIO(run(folder, *arguments).stdout), allow_pickle=False) as npz:
            assert npz["ids"].tolist() == ["a", "b"]
    done = run(folder, "export", "parquet", "-o", "-", "--db", "s.duckdb")
    assert pl.read_parquet(io.BytesIO(done.stdout))["id"].to_list() == ["a", "b"]


def test_standard_output_may_be_a_file_with_something_in_it(folder, tmp_path):
    """What is there stays: output is appended where the shell says so."""
    target = tmp_path / "out.csv"
    target.write_bytes(b"before\n")
    with target.open("ab") as file:
        words = ("export", "data3", "-o", "-", "--db", "s.duckdb")
        assert ended_here(*words, cwd=folder, stdout=file.fileno()).returncode == 0
    assert target.read_bytes() == b"before\n" + (folder / "data3.csv").read_bytes()


def test_rejects_beside_standard_output_go_to_the_current_folder(tmp_path):
    """There is nothing beside a pipe."""
    (tmp_path / "songs.csv").write_text(f"{SONGS}broken\n", encoding="utf-8")
    run(tmp_path, "build", "data3", "songs.csv", "-o", "-", "--no-db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data3.rejects.csv", "songs.csv"]


@pytest.mark.parametrize("other", ["--log-json", "--enrich"])
def test_what_writes_to_standard_output_as_well_is_a_wrong_use(tmp_path, monkeypatch, other):
    """Two things would be mixed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs.csv").write_text(SONGS, encoding="utf-8")
    result = CliRunner().invoke(
        app, ["build", "data3", "songs.csv", "-o", "-", "--db", "s.duckdb", other], standalone_mode=False
    )
    assert isinstance(result.exception, EtlError)
    assert result.exception.exit_code == ExitCode.USAGE


def test_a_terminal_gets_no_binary_file(folder):
    """It would show rubbish, or worse."""
    ours, theirs = pty.openpty()
    done = ended_here("export", "npz", "-o", "-", "--db", "s.duckdb", cwd=folder, stdout=theirs)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == ExitCode.USAGE
    assert "NPZ is not for the terminal" in done.stderr
