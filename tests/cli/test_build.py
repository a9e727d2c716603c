"""`etl build data3` as a user meets it: help, dry run, summary, exit codes."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from etl.cli.build_summary import describe, describe_plan
from etl.cli.main import app
from etl.pipelines.data3.estimate import Known, estimate
from etl.runtime.errors import EtlError
from tests.support.command_line import ended_here


def test_help_has_examples_and_exit_codes():
    """What a user needs stands in the help."""
    text = CliRunner().invoke(app, ["build", "data3", "--help"]).stdout
    assert text.count("    etl build data3 ") == 4
    for word in ("--dry-run", "--npz", "--force", "--limit", "--workers", "exit code is 0", "130"):
        assert word in text


def test_refused_rows_are_success_and_listed_with_a_command(chords):
    """Exit code 0; the counts add up; the rejects can be seen."""
    path = chords.file("in.csv", chords.row(1, "C x"), "bad", chords.row(1))
    ended = ended_here("build", "data3", path, "-o", chords.output, "--db", chords.database)
    assert ended.returncode == 0
    progress = "etl build data3  "  # which is shown where a build takes over two seconds
    assert [line for line in ended.stderr.splitlines() if not line.startswith(progress)] == []
    assert "3 rows in = 1 song out + 2 rejected" in ended.stdout
    assert f"rejected: {path}, line 3: expected 10 fields, found 1: 'bad'" in ended.stdout
    assert f"--db {chords.database}" in ended.stdout
    query = next(line for line in ended.stdout.splitlines() if line.startswith("all rejects: "))
    assert shlex.split(query.removeprefix("all rejects: "))[:2] == ["etl", "query"]
    again = ended_here("build", "data3", path, "-o", chords.output, "--db", chords.database)
    assert "3 rows in = 1 song out + 2 rejected (harmony taken from the store" in again.stdout


@pytest.mark.parametrize(("name", "code"), [("absent.csv", 1), ("in.csv", 65)])
def test_nothing_to_read_or_write_is_failure(chords, name, code):
    """Exit code 1, or 65 for what is no chord file, with what was wrong and what to do, and no traceback."""
    chords.file("in.csv", header="id,progression")
    ended = ended_here("build", "data3", chords.folder / name, "-o", chords.output, "--no-db")
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("etl: ")
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--limit", "0"],
        ["--workers", "x"],
        ["--wrong"],
        [],
        ["x", "--key-method", "guess"],
        ["x", "--roman-style", "greek"],
        ["x", "--memory", "much"],
        [__file__, "--no-db", "--section-keys"],
        [__file__, "--no-db", "--enrich"],
        [__file__, "--json", "--log-json"],
    ],
)
def test_wrong_options_are_usage_errors(arguments):
    """Exit code 2."""
    ended = ended_here("build", "data3", *arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_summary_names_columns_that_were_not_read_and_all_outputs(chords):
    """Nothing is left out in silence; with a store, columns that are not known are kept there."""
    path = chords.file("in.csv", chords.row(1) + ",x", header="id,chords,release_date,genres,decade,"
                       "rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id,mood")  # fmt: skip
    request = chords.request(path, npz=chords.folder / "x.npz", database=chords.database)
    text = describe(chords.build(path, npz=request.npz, database=request.database))
    assert "further columns, kept in the store: mood" in text
    assert "columns not read: mood" in describe(chords.build(path))
    assert re.findall(r"written: .*/(.*)", text) == ["data3.csv", "x.npz", "music.duckdb"]


def test_dry_run_writes_nothing_and_says_what_it_would_do(chords):
    """Inputs, outputs, the store and an estimate; no file, no folder."""
    path = chords.file("in.csv", *(chords.row(i) for i in range(3000)), "bad")
    before = sorted(chords.folder.rglob("*"))
    request = chords.request(
        path,
        output=chords.folder / "new" / "d.csv",
        npz=chords.folder / "x.npz",
        database=chords.folder / "stores" / "m.duckdb",
    )
    text = describe_plan(estimate(request))
    assert sorted(chords.folder.rglob("*")) == before
    assert f"would read {path}" in text
    for target in (request.output, request.npz):
        assert f"would write {target}" in text
    assert f"would make the store {request.database}" in text
    [songs] = re.findall(r"about ([\d,]+) rows", text)
    assert 2700 < int(songs.replace(",", "")) < 3300
    assert text.endswith("nothing was written")


def test_dry_run_knows_what_the_store_has(chords):
    """Only --force would analyze again."""
    path = chords.file("in.csv", chords.row(1))
    chords.build(path, database=chords.database)
    stored = describe_plan(estimate(chords.request(path, database=chords.database)))
    assert "has the harmony of these files" in stored
    assert f"would replace {chords.output}" in stored
    assert estimate(chords.request(path, database=chords.database, limit=1)).known is Known.MISSING
    forced = describe_plan(estimate(chords.request(path, database=chords.database, force=True)))
    assert "would add to the store" in forced


def test_dry_run_of_a_limit_and_of_no_rows(chords):
    """The estimate keeps to the limit, and needs no rows."""
    path = chords.file("in.csv", *(chords.row(i) for i in range(3000)))
    few = estimate(chords.request(path, limit=10)).forecast
    assert few is not None
    assert few.rows == 10
    assert "no rows" in describe_plan(estimate(chords.request(chords.file("empty.csv"))))
    bad = describe_plan(estimate(chords.request(chords.file("bad.csv", "bad"))))
    assert "1 row of the sample would be rejected" in bad


def test_dry_run_refuses_what_the_build_would_refuse(chords):
    """Missing columns and impossible targets are found before the run."""
    path = chords.file("in.csv", chords.row(1))
    with pytest.raises(EtlError, match="is an input"):
        estimate(chords.request(path, output=path))
    with pytest.raises(EtlError, match="has no column"):
        estimate(chords.request(chords.file("bad.csv", header="id")))
