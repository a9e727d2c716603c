"""The store that is filled from parts has the tables of one build of all inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from etl.pipelines.data3 import parts as parts_module
from etl.pipelines.data3.build import build
from etl.pipelines.data3.parts import PartsBuild, build_parts
from etl.pipelines.data3.request import Data3Build
from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import read_store
from tests.support.command_line import ended_here
from tests.support.dask_cluster import address_of, started

SONGS: tuple[tuple[str, str], ...] = (
    ("C F G C", "1990.0"),
    ("<verse_1> Amin Dmin E7 Amin <chorus_1> C", "unknown"),
    ("D G A7 D <chorus_1> Bmin X? D", ""),
    ("", "1980"),
)
HARTE = ("C:maj F:maj/3 G:7 C:maj", "A:min7 D:min E:7", "B:hdim7 E:7 A:min")
TABLES = {
    "sources": "SELECT source_id, path, size_bytes, mtime_ns, rows_in, songs, content_hash, content_bytes, "
    "notation, built_in = (SELECT max(built_in) FROM sources) AS is_current FROM sources",
    "songs": "FROM songs",
    "song_harmony": "FROM song_harmony",
    "song_tokens": "WITH of_chord AS (SELECT map(list(chord_id), list({s: symbol, n: notation})) AS chord "
    "FROM chord_symbols), of_numeral AS (SELECT map(list(numeral_id), list({n: numeral, c: category})) "
    "AS numeral FROM numerals), of_section AS (SELECT map(list(section_id), list(tag)) AS tag FROM sections) "
    "SELECT song_id, section_starts, list_transform(chord_ids, lambda n: chord[n]) AS chords, "
    "list_transform(numeral_ids, lambda n: numeral[n]) AS numerals, "
    "list_transform(section_ids, lambda n: tag[n]) AS tags "
    "FROM song_tokens, of_chord, of_numeral, of_section",
    "chord_symbols": "SELECT * EXCLUDE (chord_id) FROM chord_symbols",
    "numerals": "SELECT numeral, category FROM numerals",
    "sections": "SELECT * EXCLUDE (section_id) FROM sections",
    "source_symbols": "SELECT source_id, symbol, notation, occurrences FROM source_symbols "
    "JOIN chord_symbols USING (chord_id)",
    "rejects": "SELECT * EXCLUDE (run_id) FROM rejects",
    "ledger": "SELECT * EXCLUDE (updated_at) FROM ledger",
}
"""What a build writes; the numbers of symbols depend on how its input was cut into blocks."""


def tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Give all rows."""
    with read_store(database) as connection:
        return {name: connection.sql(f"{sql} ORDER BY ALL").fetchall() for name, sql in TABLES.items()}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Write eight files: further columns, other notations, ids twice, bad rows, one without ids, a copy."""
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(4):
        rows = [f"{number}-{row},{chords},{decade},n{row}" for row, (chords, decade) in enumerate(SONGS * 2)]
        text = "\n".join(["id,chords,decade,note", *rows, ""])
        (folder / f"a{number}.csv").write_text(text, encoding="utf-8")
    with (folder / "a1.csv").open("a", encoding="utf-8") as file:
        file.write('0-1,G D,1970.0,again\n1-3,C,,"twice, here"\n,C,,no id\n1,2,3,4,5,6\n0-2,F,,again\n')
    (folder / "b.csv").write_text("\n".join(["id,chords", *(f"h{n},{c}" for n, c in enumerate(HARTE)), ""]))
    (folder / "c.csv").write_text("chords\nC G\nF C\nE7 Amin\n")
    lines = [{"id": "j1", "chords": "C G F", "more": 3, "also": None}, {"id": "3-1", "chords": "D A"}]
    (folder / "d.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    shutil.copy(folder / "a2.csv", folder / "e.csv")
    return tuple(sorted(folder.iterdir()))


@pytest.fixture(scope="module")
def expected(inputs: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the tables of one build."""
    folder = tmp_path_factory.mktemp("whole")
    build(Data3Build(inputs, folder / "all.csv", folder / "all.duckdb"))
    return tables(folder / "all.duckdb")


def test_the_store_of_a_cluster_is_that_of_one_build(inputs, expected, tmp_path):
    """Every table, repeated ids and copies of an input as there; an ordinary build then has nothing to do."""
    database = tmp_path / "parts.duckdb"
    names = [str(path) for path in inputs]
    with started(1) as connection:
        options = ("--output-dir", str(tmp_path / "parts"), "--db", str(database), "--json")
        ended = ended_here("build", "data3", *names, *options, "--cluster", address_of(connection))
    assert ended.returncode == ExitCode.OK, ended.stderr
    told = json.loads(ended.stdout)
    assert tables(database) == expected
    assert (told["stored"], told["is_stored"]) == (len(expected["songs"]), False)
    assert [row[-2] for row in expected["rejects"]].count("an earlier row has the same id") == 4
    assert build(Data3Build(inputs, tmp_path / "all.csv", database)).is_stored


def test_a_run_that_is_killed_before_the_store_is_whole_goes_on_and_builds_no_part_again(
    inputs, expected, tmp_path, monkeypatch
):
    """Until all of it is there nothing is; the next run takes the parts as they are."""
    request = PartsBuild(inputs, tmp_path / "parts", tmp_path / "parts.duckdb")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("etl.pipelines.data3.parts_store.record_sources", killed)
        with pytest.raises(KeyboardInterrupt):
            build_parts(request)
    assert tables(request.database or Path())["songs"] == []
    monkeypatch.setattr(parts_module, "build", killed)
    done = build_parts(request)
    assert (done.built, done.unchanged, done.is_stored) == (0, 8, False)
    assert tables(request.database or Path()) == expected
    assert build_parts(request).is_stored


def test_a_changed_input_is_built_again_and_the_store_follows(inputs, tmp_path):
    """A song that was refused for an id of the old file is taken when the new one does not have it."""
    folder = tmp_path / "in"
    folder.mkdir()
    copies = [Path(shutil.copy(path, folder)) for path in inputs]
    request = PartsBuild(tuple(copies), tmp_path / "parts", tmp_path / "parts.duckdb")
    build_parts(request)
    copies[0].write_text("id,chords\nnew,C G\n")
    done = build_parts(request)
    assert (done.built, done.unchanged) == (1, 7)
    build(Data3Build(tuple(copies), tmp_path / "all.csv", tmp_path / "all.duckdb"))
    now, wanted = tables(tmp_path / "parts.duckdb"), tables(tmp_path / "all.duckdb")
    unnumbered = [[row[2:] for row in found["songs"]] for found in (now, wanted)]
    assert sorted(unnumbered[0], key=str) == sorted(unnumbered[1], key=str)
    assert [row[1:8] for row in now["sources"]] == [row[1:8] for row in wanted["sources"]]


def test_without_a_store_there_is_none_and_one_later_builds_the_parts_for_it(inputs, tmp_path):
    """`--no-db` leaves nothing for a store beside the parts."""
    folder = tmp_path / "parts"
    build_parts(PartsBuild(inputs[-3:], folder))
    assert not (folder / ".store").exists()
    done = build_parts(PartsBuild(inputs[-3:], folder, tmp_path / "late.duckdb"))
    assert (done.built, done.unchanged, done.stored) == (3, 0, 13)


def test_a_store_in_the_way_of_a_part_is_refused(inputs, tmp_path):
    """Before anything is built."""
    with pytest.raises(EtlError, match="is an input or a store"):
        build_parts(PartsBuild(inputs[:1], tmp_path, tmp_path / "a0.parquet"))
