"""Exports from the store: the files that users load, loaded with what they use."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import etl
from etl.exports.data3 import COLUMNS
from tests.support.command_line import ROOT, run_here

if TYPE_CHECKING:
    from pathlib import Path

SONGS = """\
id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id
a,<intro_1> C G <verse_1> Amin F,2000-01-01,,2000.0,,artist_1,pop,0123456789ABCDEFGHIJkl,\
ABCDEFGHIJ0123456789kl
b,"C F G7 C
oops",,"rock 'n, roll",,,artist_1,,,
c,,,,,,,,,
d,?? !!,,,,,,,,tooshort
"""

EXPECTED = """\
id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id,\
artist_name,artist_url,song_name,song_url,key,roman_numerals,harmonic_fingerprint
a,<intro_1> C G <verse_1> Amin F,2000-01-01,,2000.0,,artist_1,pop,0123456789ABCDEFGHIJkl,\
ABCDEFGHIJ0123456789kl,Unknown Artist,https://open.spotify.com/artist/ABCDEFGHIJ0123456789kl,Unknown Track,\
https://open.spotify.com/track/0123456789ABCDEFGHIJkl,C Major,<intro_1> I V <verse_1> vi IV,\
"<intro_1>|0.476,0.000,0.000,0.000,0.238,0.000,0.000,0.286,0.000,0.000,0.000,0.000\
|0.000,0.000,0.286,0.000,0.000,0.000,0.000,0.476,0.000,0.000,0.000,0.238|<verse_1>\
|0.238,0.000,0.000,0.000,0.286,0.000,0.000,0.000,0.000,0.476,0.000,0.000\
|0.286,0.000,0.000,0.000,0.000,0.476,0.000,0.000,0.000,0.238,0.000,0.000"
b,"C F G7 C
oops",,"rock 'n, roll",,,artist_1,,,,Unknown Artist,N/A,Unknown Track,N/A,C Major,I IV V7 I ?,\
"0.476,0.000,0.000,0.000,0.238,0.000,0.000,0.286,0.000,0.000,0.000,0.000\
|0.286,0.000,0.000,0.000,0.000,0.476,0.000,0.000,0.000,0.238,0.000,0.000\
|0.000,0.000,0.240,0.000,0.000,0.160,0.000,0.400,0.000,0.000,0.000,0.200\
|0.476,0.000,0.000,0.000,0.238,0.000,0.000,0.286,0.000,0.000,0.000,0.000\
|0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083,0.083"
c,,,,,,,,,,Unknown Artist,N/A,Unknown Track,N/A,No Harmony,empty,
d,?? !!,,,,,,,,tooshort,Unknown Artist,N/A,Unknown Track,N/A,Parse Error,parse_error,
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a store of the small songs in a folder, beside what the build writes."""
    folder: Path = tmp_path_factory.mktemp("built")
    (folder / "songs.csv").write_text(SONGS, encoding="utf-8")
    run_here(
        *("build", "data3", folder / "songs.csv", "-o", folder / "data3.csv"),
        *("--npz", folder / "data3.npz", "--db", folder / "e.duckdb", "--key-method", "krumhansl"),
    )
    return folder


@pytest.fixture(scope="module")
def songs_parquet(built):
    """Export Parquet."""
    run_here("export", "parquet", "--db", built / "e.duckdb", "-o", built / "songs.parquet")
    return built / "songs.parquet"


def test_data3_is_the_golden_text(built):
    """The header and the rows of data3 are as designed, to the byte."""
    assert (built / "data3.csv").read_bytes() == EXPECTED.encode()


@pytest.mark.parametrize("kind", ["data3", "npz"])
def test_export_repeats_the_build(built, tmp_path, kind):
    """What is exported from the store is the same, byte for byte, as what the build wrote."""
    run_here("export", kind, "--db", built / "e.duckdb", "-o", tmp_path / "again")
    written = built / ("data3.csv" if kind == "data3" else "data3.npz")
    assert (tmp_path / "again").read_bytes() == written.read_bytes()


def test_export_takes_the_named_input(built, tmp_path):
    """`--source` chooses the source, whatever was built last."""
    other = tmp_path / "other.csv"
    other.write_text(SONGS.splitlines()[0] + "\nz,D A,,,,,,,,\n", encoding="utf-8")
    store = tmp_path / "e.duckdb"
    for source in (built / "songs.csv", other):
        run_here("build", "data3", source, "-o", tmp_path / "x.csv", "--db", store)
    run_here("export", "data3", "--db", store, "-o", tmp_path / "latest.csv")
    run_here("export", "data3", "--db", store, "-o", tmp_path / "named.csv", "--source", built / "songs.csv")
    assert pl.read_csv(tmp_path / "latest.csv", infer_schema=False)["id"].to_list() == ["z"]
    assert pl.read_csv(tmp_path / "named.csv", infer_schema=False)["id"].to_list() == ["a", "b", "c", "d"]


def test_unknown_input_is_refused(built, tmp_path):
    """A source that the store does not have is named, and so are those that it has."""
    text = run_here(
        *("export", "npz", "--db", built / "e.duckdb", "-o", tmp_path / "x.npz", "--source", "no.csv"),
        expect=2,
    )
    assert "no.csv" in text
    assert "songs.csv" in text
    assert not list(tmp_path.iterdir())


def snippets(document: str) -> list[str]:
    """Code that a page of the documentation shows."""
    return re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / document).read_text(encoding="utf-8"), re.DOTALL
    )


READERS = [line for code in snippets("formats.md") for line in code.splitlines() if "data3.csv" in line]


@pytest.mark.parametrize("line", READERS, ids=["polars", "pandas", "duckdb"])
def test_documented_readers_take_any_data3(tmp_path, monkeypatch, line):
    """Text comes back as it stands, though the first 30,000 ids and decades look like numbers."""
    songs = [f"{number:05d},C,,,1990.0{',' * 12}" for number in range(30_000)] + [f"x1,C,,,199x{',' * 12}"]
    (tmp_path / "data3.csv").write_text("\n".join([",".join(COLUMNS), *songs]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"pl": pl, "pd": pd, "duckdb": duckdb}
    exec(line, names)  # noqa: S102 -- our own documentation
    rows = names["rows"]
    assert list(rows.columns) == list(COLUMNS)
    assert (rows["id"].to_list()[0], rows["id"].to_list()[-1]) == ("00000", "x1")
    assert (rows["decade"].to_list()[0], rows["decade"].to_list()[-1]) == ("1990.0", "199x")


@pytest.mark.parametrize("line", READERS, ids=["polars", "pandas", "duckdb"])
def test_documented_readers_take_quoted_fields(built, monkeypatch, line):
    """Line ends and commas within a field are text."""
    monkeypatch.chdir(built)
    names: dict[str, Any] = {"pl": pl, "pd": pd, "duckdb": duckdb}
    exec(line, names)  # noqa: S102 -- our own documentation
    assert list(names["rows"]["key"]) == ["C Major", "C Major", "No Harmony", "Parse Error"]
    assert list(names["rows"]["chords"])[1] == "C F G7 C\noops"


def test_documented_check_of_a_schema_runs(built, monkeypatch):
    """`load_schema` takes the name of a shipped schema, and the frame that the documented reader gives."""
    monkeypatch.chdir(built)
    names: dict[str, Any] = {"pl": pl, "etl": etl}
    (code,) = snippets("exports.md")
    exec(code, names)  # noqa: S102 -- our own documentation
    assert names["good"].height == 4
    assert names["failures"].counts() == {}


def test_npz_loads_in_numpy(built):
    """Arrays have the documented dtypes and shapes; tokens of a song are a slice."""
    with np.load(built / "data3.npz", allow_pickle=False) as npz:
        arrays = dict(npz)
    numbers = {
        name: (str(array.dtype), array.shape) for name, array in arrays.items() if array.dtype.kind != "U"
    }
    assert numbers == {
        "key": ("int8", (4,)),
        "key_posterior": ("float32", (4, 24)),
        "pitch_class_profile": ("float32", (4, 12)),
        "fingerprint_mean": ("float32", (4, 12)),
        "category_counts": ("int32", (4, 49)),
        "token_ids": ("int32", (11,)),
        "token_offsets": ("int64", (5,)),
        "section_ids": ("int32", (11,)),
    }
    start, end = arrays["token_offsets"][:2]
    assert arrays["vocabulary"][arrays["token_ids"][start:end]].tolist() == ["C", "G", "Amin", "F"]
    sections = arrays["section_names"][arrays["section_ids"][start:end]].tolist()
    assert sections == ["<intro_1>", "<intro_1>", "<verse_1>", "<verse_1>"]
    assert json.loads(str(arrays["manifest"]))["songs"] == 4


def test_parquet_loads_in_polars(songs_parquet):
    """Lists are lists, fixed sizes are arrays, and every column says what it holds."""
    rows = pl.read_parquet(songs_parquet)
    assert rows.schema["key_posterior"] == pl.Array(pl.Float32, 24)
    assert rows.schema["category_counts"] == pl.Array(pl.Int32, 49)
    assert rows.schema["section_starts"] == pl.List(pl.Int32)
    assert rows["chord_symbols"].to_list() == [
        ["C", "G", "Amin", "F"],
        ["C", "F", "G7", "C", "oops"],
        [],
        ["??", "!!"],
    ]
    assert rows["numerals"].to_list() == [["I", "V", "vi", "IV"], ["I", "IV", "V7", "I", "?"], [], ["?", "?"]]
    assert rows["section_tags"].to_list()[0] == ["<intro_1>", "<verse_1>"]
    assert rows["section_starts"].to_list()[0] == [0, 2]
    assert all(field.metadata[b"description"] for field in pq.read_schema(songs_parquet))


def test_parquet_loads_in_pandas_and_duckdb(songs_parquet):
    """Both pandas and DuckDB see the same songs."""
    frame = pd.read_parquet(songs_parquet)
    assert np.stack(list(frame["key_posterior"])).shape == (4, 24)
    found = duckdb.read_parquet(str(songs_parquet)).filter("list_contains(numerals, 'V7')")
    assert found.select("id").fetchall() == [("b",)]


def test_failed_export_leaves_nothing(built, tmp_path):
    """A target that cannot be written is refused before anything is made."""
    (tmp_path / "folder").mkdir()
    text = run_here("export", "parquet", "--db", built / "e.duckdb", "-o", tmp_path / "folder", expect=73)
    assert "is a folder" in text
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_export_without_songs_says_what_to_do(tmp_path):
    """A missing store leads to `etl build data3`."""
    text = run_here("export", "data3", "--db", tmp_path / "none.duckdb", "-o", tmp_path / "x.csv", expect=1)
    assert "etl build data3" in text
