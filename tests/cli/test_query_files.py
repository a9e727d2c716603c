"""Rows of a query go where they are told, in the format that the name says; nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.support.command_line import ended_here, environment, etl
from tests.support.empty_store import empty_store

if TYPE_CHECKING:
    from pathlib import Path

ROWS = "SELECT range AS n, repeat('△', 200) AS long FROM range(150)"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Make an empty store."""
    return empty_store(tmp_path / "s.duckdb")


def query_here(store: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `etl query` on the store, in its folder and in this process."""
    return ended_here("query", *arguments, "--db", store, cwd=store.parent)


def query(
    store: Path, *arguments: str | Path, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run `etl query` on the store, in its folder and in a process of its own."""
    return subprocess.run(
        [*etl("query", *arguments), "--db", str(store)],
        input=stdin.encode(), capture_output=True, check=False, cwd=store.parent,
        env={**environment(), **variables},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "read"),
    [("all.csv", pl.read_csv), ("all.JSON", pl.read_json), ("all.parquet", pl.read_parquet)],
)
def test_all_rows_are_written_in_the_format_that_the_name_says(store, tmp_path, name, read):
    """No cut cells, no first hundred rows."""
    done = query_here(store, ROWS, "-o", name)
    assert done.returncode == 0, done.stderr
    frame = read(tmp_path / name)
    assert frame.shape == (150, 2)
    assert frame["long"][149] == "△" * 200


def test_format_overrides_the_ending_and_an_unknown_ending_is_asked_about(store, tmp_path):
    """A name that says nothing is a wrong use, not a guess."""
    assert query_here(store, ROWS, "-o", "rows.csv", "--format", "parquet").returncode == 0
    assert pl.read_parquet(tmp_path / "rows.csv").height == 150
    done = query_here(store, ROWS, "-o", "rows.xyz")
    assert (done.returncode, "--format" in done.stderr) == (2, True)
    assert not (tmp_path / "rows.xyz").exists()


def test_a_dash_is_standard_output_and_standard_input(store, tmp_path):
    """SQL comes in and rows go out of a pipe, and no file is called `-`."""
    done = query(store, "-", "-o", "-", "--format", "csv", stdin="SELECT 1 AS a\n")
    assert (done.stdout, done.stderr) == (b"a\n1\n", b"")
    assert not (tmp_path / "-").exists()


def test_a_pipe_is_fed_and_stays_a_pipe(store, tmp_path):
    """Its reader gets all rows."""
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit((tmp_path / "pipe").read_bytes)
        done = query(store, "SELECT 1 AS a", "--format", "json", "-o", "pipe")
        assert done.returncode == 0, done.stderr
        assert json.loads(read.result(timeout=30)) == [{"a": 1}]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("kind", ["same", "link", "hard link"])
def test_the_store_is_never_the_output(store, tmp_path, kind):
    """By whatever name; it is as it was."""
    before = store.read_bytes()
    target = {"same": store, "link": tmp_path / "a.csv", "hard link": tmp_path / "b.csv"}[kind]
    if kind == "link":
        target.symlink_to(store)
    if kind == "hard link":
        target.hardlink_to(store)
    done = query_here(store, ROWS, "--format", "csv", "-o", target)
    assert done.returncode == 2
    assert "is an input or a store" in done.stderr
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO 'stolen.csv'",
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM 'secret.csv'",
        "SELECT * FROM read_text('secret.csv')",
        "SELECT * FROM glob('*')",
        "ATTACH 'other.duckdb'",
        "EXPORT DATABASE 'stolen'",
        "INSTALL httpfs",
        "SELECT * FROM 'http://127.0.0.1:9/x.csv'",
        "SET enable_external_access = true",
        "DROP TABLE songs",
        "CREATE TABLE mine AS SELECT 1",
    ],
)
def test_a_query_reads_the_store_and_nothing_else(store, tmp_path, sql):
    """Files, other databases and the network are out of reach, and nothing is left behind."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = query_here(store, sql, "--format", "csv")
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    assert done.stderr.startswith("etl: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_files_are_within_reach_when_that_is_asked_for(store, tmp_path):
    """With --allow-files the SQL may join the user's own files."""
    (tmp_path / "mine.csv").write_text("a\n1\n")
    done = query_here(store, "SELECT a FROM read_csv('mine.csv')", "--format", "csv", "--allow-files")
    assert done.stdout == "a\n1\n"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_a_console_that_lacks_a_character_gets_an_escape(store, encoding):
    """Tables have what the console can show; no traceback on a triangle."""
    done = query(store, "SELECT 'I△7' AS numeral", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert ("I△7" if encoding == "utf-8" else "I\\u25b37").encode() in done.stdout
