"""Options that a command would ignore are errors, before anything is read or written."""

from __future__ import annotations

import pytest

from tests.support.command_line import run_here

SILENT = """
build data3 x.csv --budget 5              | --budget has no effect without --enrich.
build data3 x.csv --partial-keep 2        | --partial-keep has no effect without --enrich.
build data3 x.csv --cluster local:2       | --cluster has no effect without --output-dir.
build data3 x.csv --no-db --force         | --force has no effect with --no-db.
build data3 x.csv --no-db --db x.duckdb   | --db has no effect with --no-db.
build data3 x.csv --output-dir d --no-db --db x | --db has no effect with --no-db.
build data3 x.csv --output-dir d --npz x.npz | --npz has no effect with --output-dir.
build data3 x.csv --dry-run --log-json    | --log-json has no effect with --dry-run.
query --list runs                         | sql has no effect with --list.
query runs --full --format csv            | --full has no effect with the format csv.
enrich musicbrainz --estimate -o x.csv    | --output has no effect with --estimate.
enrich musicbrainz --json --log-json      | --json has no effect with --log-json.
evaluate keys x.csv --format csv --json   | --format has no effect with --json.
genres fetch --estimate --dry-run         | --dry-run has no effect with --estimate.
midi find --format csv --json             | --format has no effect with --json.
midi find --format csv --full             | --full has no effect with --format.
midi run x.mid --template {bpm}           | --template has no effect without --rename.
midi run x.mid --format force             | --format has no effect without --export-to.
midi run x.mid --parts no                 | --parts has no effect without --rename or --export-to.
midi run x.mid --dry-run --rename         | --rename has no effect with --dry-run.
midi import x.mid --json --log-json       | --json has no effect with --log-json.
midi sanitize x.mid --in-place --limit 1  | --limit has no effect with --in-place.
midi export --npz x.npz --trim            | --trim has no effect without --export-to.
midi export --parquet x.parquet --notes   | --notes has no effect without --npz.
midi export --npz x.npz --tables-format csv | --tables-format has no effect without --tables.
library run --stats --force                | --force has no effect with --stats.
library run music --stages sonic          | sources has no effect without the stage `scan`.
library run music --stages scan -o x.npz  | --output has no effect without the stage `artifacts`.
library plot song --color genre           | --color has no effect without --overview.
library check --cluster local:2           | --cluster has no effect without --integrity.
batch process --tasks vibe --days 3       | --days has no effect without --batch-size auto.
batch process . --model x                 | --model has no effect with the task `local` alone.
batch process . --engine local --rpm 5 --tasks vibe | --rpm has no effect with the engine `local`.
batch process . --tasks vibe --async --per-day 5 | --per-day has no effect with --async.
batch process --sql SELECT --tasks vibe --filter *.wav | --filter has no effect on items that are not files.
batch process . --json --log-json         | --json has no effect with --log-json.
batch resume --json --log-json            | --json has no effect with --log-json.
batch evaluate category --truth x.csv --model x | --model has no effect with the engine `local`.
batch export --force -o x.csv             | --force has no effect without --layout.
batch estimate . --tasks local --rpm 3    | --rpm has no effect with the task `local` alone.
playlist make --absolute                  | --absolute has no effect without --output.
playlist make --map a=b                   | --map has no effect without --output or --avoid.
playlist make --by harmony --day 2026-12-24 | --day has no effect with --by harmony.
playlist make --by harmony --curve rise   | --curve has no effect with --by harmony.
playlist make --by harmony --per-album 1  | --per-album has no effect with --by harmony.
playlist make --by harmony --minutes 9    | --minutes has no effect with --by harmony.
playlist make --by harmony --avoid last --map a=b | --map has no effect with --by harmony.
playlist make --by harmony -o x.json --absolute | --absolute has no effect with --by harmony.
playlist make --artist Anna --gap 3       | --gap has no effect with --artist.
"""


@pytest.mark.parametrize("line", SILENT.strip().splitlines())
def test_an_option_that_would_be_ignored_is_an_error(monkeypatch, tmp_path, line):
    """It says which, and what it needs; nothing is read or written."""
    monkeypatch.chdir(tmp_path)
    words, _, said = line.partition("|")
    assert said.strip() in run_here(*words.split(), expect=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("library", "run", "--stages", ""), "--stages names no stage."),
        (("validate", "x.csv", "-s", "dat3"), "Did you mean data3"),
        (("validate", "x.csv", "-s", "zzz"), "Choose data3, chordonomicon or"),
        (("midi", "rename", "--template", "{foo}.mid"), "has the unknown field foo."),
        (("midi", "rename", "--template", "x.mid"), "has no field."),
    ],
)
def test_a_value_that_cannot_be_is_an_error_with_a_hint(monkeypatch, tmp_path, words, said):
    """Not an empty answer."""
    monkeypatch.chdir(tmp_path)
    assert said in run_here(*words, expect=2)
