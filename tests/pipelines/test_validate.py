"""Table schemas and `etl validate`: bad rows are counted, shown and kept; good files pass."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, strategies as st

from etl.exports.data3 import COLUMNS, SOURCE_COLUMNS
from etl.runtime.errors import EtlError
from etl.runtime.resources import resource
from etl.runtime.table_schema import TableSchema, load_schema, schema_problems, shipped_schemas
from tests.support.command_line import run_here

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(SOURCE_COLUMNS)
FIELD = {"name": "a", "type": "integer", "description": "A number.", "constraints": {"minimum": 0}}


@pytest.fixture(scope="module")
def data3(tmp_path_factory):
    """Build data3 from the bundled sample."""
    folder: Path = tmp_path_factory.mktemp("sample")
    sample = resource("sample/billboard_chordonomicon.csv")
    run_here("build", "data3", sample, "-o", folder / "data3.csv", "--no-db")
    return folder / "data3.csv"


@pytest.mark.parametrize("name", shipped_schemas())
def test_shipped_schemas_are_valid(name):
    """Every shipped schema passes the check of schemas, and documents each field."""
    descriptor = json.loads(shipped_schemas()[name].read_text(encoding="utf-8"))
    assert schema_problems(descriptor) == []


def test_schemas_have_the_columns_of_the_code():
    """The schema files and the exporters agree on names and order."""
    assert load_schema(shipped_schemas()["chordonomicon"]).fields == SOURCE_COLUMNS
    assert load_schema(shipped_schemas()["data3"]).fields == COLUMNS


def test_what_the_build_reads_and_writes_is_clean(data3):
    """The sample and its data3 pass, with exit code 0 and no rejects file."""
    sample = resource("sample/billboard_chordonomicon.csv")
    assert "739 rows, all good" in run_here("validate", data3, "--schema", "data3")
    out = data3.parent / "sample.rejects.csv"
    assert "all good" in run_here("validate", sample, "--schema", "chordonomicon", "--rejects", out)
    assert [path.name for path in data3.parent.iterdir()] == ["data3.csv"]


BAD: dict[str, dict[str, str | None]] = {
    "key.pattern": {"key": "H Major"},
    "key.required": {"key": None},
    "roman_numerals.pattern": {"roman_numerals": "I  V"},
    "roman_numerals.agree_with_key": {"key": "No Harmony"},
    "harmonic_fingerprint.pattern": {"harmonic_fingerprint": "0.5,0.5"},
    "harmonic_fingerprint.where_key": {"harmonic_fingerprint": None},
    "harmonic_fingerprint.one_per_numeral": {"roman_numerals": "I"},
    "artist_url.pattern": {"artist_url": "http://example.org"},
    "artist_url.follows_id": {"spotify_artist_id": "0123456789ABCDEFGHIJkl"},
    "song_url.follows_id": {"song_url": "https://open.spotify.com/track/0123456789ABCDEFGHIJkl"},
    "song_name.required": {"song_name": None},
    "id.required": {"id": None},
    "id.unique": {"id": "1"},
}


@pytest.mark.parametrize("rule", BAD)
def test_each_rule_of_data3_finds_its_fault(data3, tmp_path, rule):
    """One wrong field is found by the rule that is about it, with its line."""
    rows = pl.read_csv(data3, infer_schema=False, n_rows=5)
    wrong = rows.with_row_index().with_columns(
        pl.when(pl.col("index") == 3).then(pl.lit(value, pl.String)).otherwise(pl.col(name)).alias(name)
        for name, value in BAD[rule].items()
    )
    path = tmp_path / "wrong.csv"
    wrong.drop("index").write_csv(path)
    text = run_here("validate", path, "--schema", "data3", expect=1)
    assert "4 good + 1 bad" in text
    rejects = pl.read_csv(tmp_path / "wrong.csv.rejects.csv")
    assert rule in rejects["category"]
    assert set(rejects["line"]) == {5}


def test_broken_rows_are_counted_beside_broken_rules(tmp_path):
    """Rows that cannot be parsed and rows that break rules come together, in line order."""
    path = tmp_path / "songs.csv.gz"
    rows = ["a,C G,,,,,,,,", "b,C", "a,D,,,,,,,,", "c,E,,,199x,,,,,", ",F,,,,,,,,", "d,G,,,,,,,short,"]
    path.write_bytes(gzip.compress("\n".join([HEADER, *rows, ""]).encode()))
    out = tmp_path / "bad.csv"
    text = run_here("validate", path, "--schema", "chordonomicon", "--rejects", out, expect=1)
    assert "6 rows = 1 good + 5 bad" in text
    assert "line 5: '199x'" in text
    rejects = pl.read_csv(out).select("line", "category").rows()
    assert rejects == [
        (3, "field count"),
        (4, "id.unique"),
        (5, "decade.pattern"),
        (6, "id.required"),
        (7, "spotify_song_id.pattern"),
    ]


def test_uniqueness_reaches_across_blocks(tmp_path):
    """An id repeated megabytes later is found."""
    path = tmp_path / "long.csv"
    chords = "C G Amin F " * 200
    rows = [f"{number},{chords},,,,,,,," for number in range(2500)]
    path.write_text("\n".join([HEADER, *rows, rows[0], ""]), encoding="utf-8")
    text = run_here("validate", path, "--schema", "chordonomicon", expect=1)
    assert "2,501 rows = 2,500 good + 1 bad" in text
    assert "line 2502: '0'" in text


def test_damaged_file_is_reported_and_its_good_rows_counted(tmp_path):
    """A gzip cut short gives a reject for the lost rest."""
    random_ids = "\n".join(f"{i * 0x9E3779B97F4A7C15 % (1 << 64):x},C G,,,,,,,," for i in range(200_000))
    whole = gzip.compress(f"{HEADER}\n{random_ids}\n".encode(), mtime=0)
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert "damaged file" in run_here("validate", path, "--schema", "chordonomicon", expect=1)


def test_parquet_is_checked_too(tmp_path):
    """Flat columns of Parquet are checked as text; lists of numbers are refused in words."""
    songs = pl.DataFrame({name: ["1", "2"] for name in SOURCE_COLUMNS}).with_columns(
        release_date=None, decade=pl.Series([1990, 20]), spotify_song_id=None, spotify_artist_id=None
    )
    songs.write_parquet(tmp_path / "songs.parquet")
    text = run_here("validate", tmp_path / "songs.parquet", "--schema", "chordonomicon", expect=1)
    assert "decade.pattern" in text
    songs.with_columns(chords=pl.Series([[1], [2]])).write_parquet(tmp_path / "lists.parquet")
    assert "`chords`" in run_here(
        "validate", tmp_path / "lists.parquet", "--schema", "chordonomicon", expect=65
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (COLUMNS[1:], "lacks the column `id`"),
        ((*COLUMNS, "mood"), "`mood` that the schema does not know"),
        ((COLUMNS[1], COLUMNS[0], *COLUMNS[2:]), "has `chords` as column 1, where `id` belongs"),
    ],
)
def test_wrong_header_is_said(tmp_path, columns, said):
    """data3 has exactly its columns in their order."""
    (tmp_path / "x.csv").write_text(",".join(columns) + "\n", encoding="utf-8")
    assert said in run_here("validate", tmp_path / "x.csv", "--schema", "data3", expect=65)


def test_own_schema_and_unknown_schema(tmp_path):
    """`--schema` takes a JSON file; a wrong name gets the nearest shipped one, or the list of them."""
    (tmp_path / "own.json").write_text(json.dumps({"fields": [FIELD]}), encoding="utf-8")
    (tmp_path / "x.csv").write_text("a\n1\n-1\nx\n", encoding="utf-8")
    text = run_here("validate", tmp_path / "x.csv", "--schema", tmp_path / "own.json", expect=1)
    assert "3 rows = 1 good + 2 bad" in text
    assert "Did you mean data3?" in run_here("validate", tmp_path / "x.csv", "-s", "data4", expect=2)
    assert "data3, chordonomicon" in run_here("validate", tmp_path / "x.csv", "-s", "weather", expect=2)


@pytest.mark.parametrize(
    ("descriptor", "said"),
    [
        ([], "no list of `fields`"),
        ({"fields": [{"name": "a"}]}, "no description"),
        ({"fields": [FIELD, FIELD]}, "comes twice"),
        ({"fields": [FIELD | {"type": "colour"}]}, "type `colour`"),
        ({"fields": [FIELD | {"constraints": {"mininum": 0}}]}, "unknown constraint `mininum`"),
        ({"fields": [FIELD | {"constraints": {"pattern": "("}}]}, "does not work"),
        ({"fields": [FIELD], "primaryKey": ["b"]}, "primary key `b`"),
        ({"fields": [FIELD], "fieldsMatch": "some"}, "fieldsMatch"),
        ({"fields": [FIELD], "rowRules": [{"name": "r", "description": "d", "sql": "b > 1"}]}, "`r`"),
    ],
)
def test_wrong_schemas_are_refused(tmp_path, descriptor, said):
    """A schema that would check nothing, or fail later, is refused at once."""
    path = tmp_path / "s.json"
    path.write_text(json.dumps(descriptor), encoding="utf-8")
    with pytest.raises(EtlError, match="not valid") as caught:
        load_schema(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", "-3", "3.5"),
        ("number", "1e-3", "one"),
        ("boolean", "true", "yes"),
        ("date", "2001-02-03", "2001-02-30"),
        ("datetime", "2001-02-03T04:05:06Z", "2001-02-03"),
        ("year", "1999", "MCM"),
    ],
)
def test_types(kind, good, bad):
    """Each type takes its own texts and no other; empty is allowed unless required."""
    schema = TableSchema("t", {"fields": [{"name": "a", "type": kind}]})
    kept, failures = schema.filter(pl.DataFrame({"a": [good, bad, "", None]}))
    assert kept["a"].to_list() == [good, "", None]
    assert failures.counts() == {"a.type": 1}


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5).map(str), st.text(max_size=3))))
def test_filter_loses_nothing(values):
    """Good and bad rows together are the rows, and each bad row names what it broke."""
    rows = pl.DataFrame({"a": pl.Series(values, dtype=pl.String), "n": range(len(values))})
    schema = TableSchema("t", {"fields": [FIELD]})
    good, failures = schema.filter(rows)
    assert sorted([*good["n"], *failures.rows["n"]]) == list(range(len(values)))
    assert all(len(broken) for broken in failures.rows["broken"])
    assert sum(failures.counts().values()) >= failures.rows.height
