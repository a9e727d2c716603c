"""Chord files as people have them: any delimiter, JSON lines, pipes; headers of any case; ids or none."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import io
import json
import os
import struct
import subprocess
import threading
import uuid
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.exports.data3 import COLUMNS, SOURCE_COLUMNS
from etl.runtime.errors import EtlError
from etl.store.database import read_store
from tests.support.command_line import etl, run_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Chords

SONGS = (
    {"id": "a", "chords": "C G", "genres": "pop, rock"},
    {"id": "b", "chords": "D A", "genres": 'the "x"'},
)


def write(chords: Chords, content: str | bytes, name: str = "in.csv") -> Path:
    """Write a file as it is."""
    path: Path = chords.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(chords: Chords, *columns: str) -> list[tuple[str, ...]]:
    """Give some columns of the output."""
    return [tuple(row[name] for name in columns) for row in chords.table()]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("start", ["", "sep", "\ufeff"])
@pytest.mark.parametrize("block", [16, 1 << 20])
def test_any_delimiter_gives_the_same(chords, delimiter, start, block):
    """Commas, tabs, semicolons, bars; with or without the line that spreadsheets write above the header."""
    chords.cut(block)
    pl.DataFrame(SONGS).write_csv(buffer := io.BytesIO(), separator=delimiter)
    start = f"sep={delimiter}\r\n" if start == "sep" else start
    path = write(chords, start.encode() + buffer.getvalue() + f'x{delimiter}"C\nG"{delimiter}"open'.encode())
    chords.build(path)
    assert rows(chords, "id", "chords", "genres") == [tuple(song.values()) for song in SONGS]
    assert next(line for line, _ in chords.rejects()) == 4 + start.startswith("sep")


def test_delimiters_are_told_by_the_columns_that_they_give(chords):
    """A header may hold other delimiters in its names."""
    chords.build(write(chords, "a,b,c;id;chords\n1;2;C F\n"))
    assert rows(chords, "id", "chords") == [("2", "C F")]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (" ID , Chords ", "7,C F"),
        ("\ufeffCHORDS,Id", "C F,7"),
        ('"chords ","id"', "C F,7"),
        ("chords\tID", "C F\t7"),
    ],
)
def test_headers_are_found_whatever_their_case_and_blanks(chords, header, row):
    """The names in the output are those of data3."""
    chords.build(write(chords, f"{header}\n{row}\n"))
    assert rows(chords, "id", "chords") == [("7", "C F")]
    assert list(chords.table()[0]) == list(COLUMNS)


def test_columns_that_may_both_be_meant_are_named(chords):
    """Neither is guessed; the option says which."""
    path = write(chords, "id,Chords,chords \n1,C,G\n")
    with pytest.raises(
        EtlError, match=r"both a column `Chords` and a column `chords `(.|\n)*--chords-column"
    ):
        chords.build(path)
    chords.build(path, chords_column="chords ")
    assert rows(chords, "chords") == [("G",)]


def test_options_name_the_columns(chords):
    """What they name takes the place of the columns of that name."""
    path = write(chords, "id,song id,chords,progression\n1,x,no,C F\n2,y,no,D\n")
    chords.build(path, chords_column="progression", id_column="song id")
    assert rows(chords, "id", "chords") == [("x", "C F"), ("y", "D")]
    with pytest.raises(EtlError, match=r"no column `absent`(.|\n)*--id-column"):
        chords.build(path, id_column="absent")


def test_options_name_keys_of_json_whatever_their_case(chords):
    """As headers of a CSV."""
    path = write(chords, '[{"Song ID": "x", "Progression": "C F"}]', "in.json")
    chords.build(path, chords_column="progression", id_column="song_id")
    assert rows(chords, "id", "chords") == [("x", "C F")]


@pytest.mark.parametrize("block", [16, 40, 1 << 20])
def test_rows_are_numbered_where_there_are_no_ids(chords, block):
    """Numbers count records, also refused ones and those of several lines, not lines."""
    chords.cut(block)
    content = 'chords,genres\nC,\n\nF,"a\nb"\nbad\nG,\n' + "".join(f"D,{i}\n" for i in range(40)) + "A,last"
    chords.build(write(chords, content))
    expected = [1, 2, 4, *range(5, 45), 45]
    assert chords.ids() == [str(number) for number in expected]
    assert chords.rejects() == [(6, "field count")]
    assert chords.table()[-1]["genres"] == "last"


def test_numbers_of_rows_may_repeat_over_files(chords):
    """They are ids within their file; ids that files have themselves are still refused when they repeat."""
    first, second = write(chords, "chords\nC\nD\n"), write(chords, "chords\nE\nF\n", "b.csv")
    third = write(chords, "id,chords\n1,G\n1,A\n", "c.csv")
    summary = chords.build(first, second, third, database=chords.database)
    assert chords.ids() == ["1", "2", "1", "2", "1"]
    assert summary.rejected == 1
    chords.build(first, second, third, database=chords.database)
    assert chords.ids() == ["1", "2", "1", "2", "1"]


JSON_SONGS = (
    {"id": 7, "chords": "C G", "decade": 1990.0, "mood": "sad", "tags": ["x", {"y": 1}]},
    {"chords": 'é\n"', "Genres": None, "id": "b", "live": True},
)


@pytest.mark.parametrize("form", ["lines", "array", "pretty", "gz"])
@pytest.mark.parametrize("block", [16, 1 << 20])
def test_json_of_one_object_per_song(chords, form, block):
    """As lines or as one array; keys may differ from song to song, and numbers keep their own text."""
    chords.cut(block)
    texts = {
        "lines": "\n\n".join(json.dumps(song) for song in JSON_SONGS),
        "array": json.dumps(JSON_SONGS),
        "pretty": "\ufeff" + json.dumps(JSON_SONGS, indent=2, ensure_ascii=False),
    }
    text = texts.get(form, texts["lines"]).replace("1990.0", "1990.00").encode()
    chords.build(write(chords, gzip.compress(text) if form == "gz" else text), database=chords.database)
    assert rows(chords, "id", "chords", "decade", "genres") == [
        ("7", "C G", "1990.00", ""),
        ("b", 'é\n"', "", ""),
    ]
    with read_store(chords.database) as connection:
        extra = connection.execute("SELECT extra FROM songs ORDER BY song_id").fetchall()
    assert [json.loads(text) for (text,) in extra] == [
        {"mood": "sad", "tags": ["x", {"y": 1}]},
        {"live": "true"},
    ]


def test_json_lines_that_are_no_songs_are_refused_one_by_one(chords):
    """Each with its line; those without ids are numbered like rows."""
    lines = ['{"chords": "C"}', "{", "[1]", '{"chords": [1]}', '{"chords": "\\ud800"}', '{"chords": "F"}']
    chords.build(write(chords, "\n".join(lines), "in.jsonl"))
    assert rows(chords, "id", "chords") == [("1", "C"), ("6", "F")]
    assert chords.rejects() == [(2, "json"), (3, "json"), (4, "json"), (5, "encoding")]


def test_json_array_that_breaks_off_is_damaged(chords):
    """Nothing is written of it."""
    with pytest.raises(EtlError, match=r"is damaged from line 2 on: .*not closed"):
        chords.build(write(chords, '[{"id": 1, "chords": "C"}', "in.json"))
    assert not chords.output.exists()


@pytest.mark.parametrize("kind", ["stdin", "pipe"])
def test_standard_input_and_pipes_are_read_once(chords, tmp_path, kind):
    """Of any format, and into the store."""
    content = gzip.compress(b"id;chords\n1;C G\n2;D A\n")
    output = tmp_path / "out.csv"
    words = ("build", "data3", "-o", output, "--db", tmp_path / "s.duckdb")
    if kind == "stdin":
        done = subprocess.run(etl(*words, "-"), input=content, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    else:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        run_here(*words, pipe)
        writer.join()
    assert [row["id"] for row in chords.table(output)] == ["1", "2"]
    with read_store(tmp_path / "s.duckdb") as connection:
        paths = connection.execute("SELECT path FROM sources").fetchall()
    assert paths == [("stdin" if kind == "stdin" else str(tmp_path / "pipe"),)]


def skippable(data: bytes) -> bytes:
    """Make a zstd frame without data that holds something else."""
    return struct.pack("<II", 0x184D2A50, len(data)) + data


def test_zstd_with_skippable_frames(chords):
    """Before, between and after the frames with data, as parallel zstd writes them."""
    frames = [pa.compress(part, codec="zstd", asbytes=True) for part in (b"id,chords\n1,C", b" G\n2,D A\n")]
    path = write(chords, skippable(b"abcd") + frames[0] + skippable(b"") + frames[1] + skippable(b"x" * 9000))
    chords.build(path)
    assert rows(chords, "id", "chords") == [("1", "C G"), ("2", "D A")]


def test_parquet_values_are_the_text_that_one_sees(chords):
    """UUIDs, dates, moments, times, decimals and whole numbers, as a database prints them."""
    some = uuid.UUID("ba515e8d-57be-46a7-8005-eedbec2dd16c")
    moment = dt.datetime(2000, 1, 2, 3, 4, 5)  # noqa: DTZ001 -- as the file has it
    columns = {
        "id": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([some.bytes, None], pa.binary(16))),
        "chords": pa.array(["C", "D"]),
        "release_date": pa.array([moment, moment]),
        "genres": pa.array([moment.replace(microsecond=250_000), None]),
        "decade": pa.array([decimal.Decimal("1990.50"), None]),
        "rock_genre": pa.array([moment.time(), None]),
        "artist_id": pa.array([2**63, None], pa.uint64()),
        "main_genre": pa.array([moment.date(), None]),
        "spotify_song_id": pa.array([moment, None], pa.timestamp("ns", "UTC")),
        "spotify_artist_id": pa.array([True, None]),
    }
    path = chords.folder / "in.parquet"
    pq.write_table(pa.table(columns), path)
    chords.build(path)
    assert rows(chords, *SOURCE_COLUMNS) == [
        (
            str(some), "C", "2000-01-02 03:04:05", "2000-01-02 03:04:05.25", "1990.50", "03:04:05",
            str(2**63), "2000-01-02", "2000-01-02 03:04:05+00", "true",
        )
    ]  # fmt: skip
    assert chords.rejects() == [(2, "missing id")]


def test_durations_are_hours_minutes_and_seconds(chords):
    """As a database prints them, below zero and above a day as well; a null stays one."""
    spans = [
        dt.timedelta(seconds=200),
        dt.timedelta(days=2, hours=3, seconds=1.5),
        dt.timedelta(seconds=-90.25),
        dt.timedelta(0),
        None,
    ]
    path = chords.folder / "in.parquet"
    table = {"id": list("abcde"), "chords": ["C"] * 5, "genres": pa.array(spans, pa.duration("us"))}
    pq.write_table(pa.table(table), path)
    chords.build(path)
    expected = ["00:03:20", "51:00:01.5", "-00:01:30.25", "00:00:00", ""]
    assert [genres for (genres,) in rows(chords, "genres")] == expected


def test_further_columns_are_kept_in_the_store_and_come_out_in_parquet(chords, tmp_path):
    """In their order and with their text; names that the export has itself are told apart."""
    from etl.pipelines.data3.export import SongExport, export_parquet

    path = write(chords, ',id,chords,Mood,key,a/b~"c,Mood\n0,1,C,sad,C:maj,,x\n1,2,D,"",,2,\n')
    chords.build(path)
    assert chords.table()[0].keys() == dict.fromkeys(COLUMNS).keys()
    summary = chords.build(path, database=chords.database)
    assert summary.kept == ("column_1", "Mood", "key", 'a/b~"c', "Mood_7")
    export_parquet(SongExport(database=chords.database, path=tmp_path / "out.parquet"))
    out = pl.read_parquet(tmp_path / "out.parquet")
    names = ["column_1", "Mood", "source_key", 'a/b~"c', "Mood_7"]
    assert out.select(names).rows() == [("0", "sad", "C:maj", None, "x"), ("1", "", None, "2", None)]
    assert out["key"].to_list() == [0, 2]


@pytest.mark.parametrize(
    "headers", [("artist", "title"), ("Artist Name", "song_name"), ("artist_name", "Track")]
)
def test_names_in_the_input_are_names_in_the_output(chords, headers):
    """From the file and from the store alike; words for unknown names are none."""
    content = f"chords,{','.join(headers)}\nC,Ann,Song\nD,,\nE,Unknown Artist,Unknown Track\n"
    path = write(chords, content)
    expected = [("Ann", "Song"), *[("Unknown Artist", "Unknown Track")] * 2]
    for _ in range(2):
        chords.build(path, database=chords.database)
        assert rows(chords, "artist_name", "song_name") == expected
    with read_store(chords.database) as connection:
        [names, *_] = connection.execute(
            "SELECT artist_name, song_name FROM song_names ORDER BY song_id"
        ).fetchall()
    assert names == ("Ann", "Song")


def lines_within(number: int, line: str) -> Sequence[str]:
    """Rows of which one has a field of so many lines."""
    return ["1,C,before,", f'2,D,"{line}' + f"\n{line}" * (number - 1) + '",', "3,E,after,"]


@pytest.mark.parametrize("lines", [99, 101, 151, 5000])
@pytest.mark.parametrize("block", [64, 1 << 20])
def test_quoted_fields_of_many_lines_are_one_field(chords, lines, block):
    """However many they are, and wherever blocks are cut."""
    chords.cut(block)
    path = chords.file("in.csv", *lines_within(lines, 'said ""x"", y'), header="id,chords,genres,decade")
    assert chords.build(path).rejected == 0
    assert chords.ids() == ["1", "2", "3"]
    assert chords.table()[1]["genres"].count("\n") == lines - 1


@pytest.mark.parametrize("block", [64, 1 << 20])
def test_open_quote_that_another_one_closes_far_below_swallows_no_rows(chords, block):
    """Lines that look like rows are rows."""
    chords.cut(block)
    between = [f"{i},C,x," for i in range(150)]
    path = chords.file(
        "in.csv", 'a,C,"open,', *between, 'b,C,12",', "c,C,x,", header="id,chords,genres,decade"
    )
    chords.build(path)
    assert chords.ids() == [*(str(i) for i in range(150)), "b", "c"]
    assert chords.rejects() == [(2, "quoting")]


def test_ids_that_differ_in_nul_alone_differ_in_the_matrices(chords):
    """NumPy drops the null character at the end of a text."""
    path = chords.file("in.csv", "3\0,C", "3,C", header="id,chords")
    chords.build(path, npz=chords.folder / "out.npz")
    with np.load(chords.folder / "out.npz", allow_pickle=False) as npz:
        assert npz["ids"].tolist() == ["3\\0", "3"]


def test_validate_reads_what_build_reads(chords, tmp_path):
    """Any delimiter, and columns by the names that the user gives."""
    from etl.pipelines.validate import validate
    from etl.runtime.table_schema import load_schema, shipped_schemas

    names = ["song", "progression", *SOURCE_COLUMNS[2:]]
    path = chords.file("in.tsv", "1\tC F" + "\t" * 8, "2\tC", header="\t".join(names))
    schema = load_schema(shipped_schemas()["chordonomicon"])
    report = validate(
        path,
        schema,
        tmp_path / "rejects.csv",
        chosen={"id": "song", "chords": "progression"},
        workers=1,
    )
    assert (report.rows, report.bad) == (2, 1)
    assert [broken.rule for broken in report.broken] == ["field count"]
