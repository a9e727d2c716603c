"""One scope for the store: the sources of the latest build, in queries, exports, reports and status alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from typer.testing import CliRunner

from etl.chords.romantext import RomanStyle
from etl.cli.main import app
from etl.runtime.errors import EtlError
from etl.store.database import open_store, read_store
from etl.store.queries import named_queries, named_query
from etl.store.scope import Overlap, current_set, find_source, overlaps, use_sources
from etl.store.statements import select
from tests.conftest import Chords

if TYPE_CHECKING:
    from collections.abc import Callable

A = (
    "a1,<verse_1> C F G C,1990-01-01,,1990.0,,x,pop,,",
    "a2,Amin Dmin E7 Cs/ Amin,,,,,y,rock,,",
    "same,C G Amin F,,,,,z,,,",
)
B = ("b1,D G A7 Bmin D,,,,,x,pop,,", "same,C G Amin F,,,,,z,,,", "a1,C Emin,,,,,x,,,")
GIVEN = {"similar-songs": {"id": "same"}, "songs-with-progression": {"progression": "I IV"}}
"""What queries are asked with."""

# Genres are there after `etl genres fetch` alone.
OF_SONGS = [name for name in named_queries() if not name.startswith(("library-", "midi-", "runs", "genres-"))]


@pytest.fixture
def built(chords: Chords) -> Callable[..., Any]:
    """Build from A, B or both into one store; gives the summary."""
    paths = {"A": chords.file("a.csv", *A), "B": chords.file("b.csv", *B)}

    def build(*names: str, **options: Any) -> Any:
        return chords.build(*(paths[name] for name in names), database=chords.database, **options)

    return build


def run(chords: Chords, *arguments: str) -> str:
    """Run a command on the store; give what it printed."""
    result = CliRunner().invoke(app, [*arguments, "--db", str(chords.database)], standalone_mode=False)
    assert result.exception is None, result.output
    return result.stdout


def views_of_the_scope(chords: Chords, *options: str) -> dict[str, int]:
    """Count the songs that each part of the program sees."""
    counted = run(chords, "query", "SELECT count(*) AS songs FROM songs_current", "--json", *options)
    keys = run(chords, "query", "songs-by-key-and-decade", "--json", *options)
    run(chords, "export", "data3", "-o", str(chords.folder / "out.csv"), *options)
    run(chords, "export", "parquet", "-o", str(chords.folder / "out.parquet"), *options)
    npz = json.loads(run(chords, "export", "npz", "-o", str(chords.folder / "out.npz"), "--json", *options))
    dataset = run(chords, "export", "dataset", str(chords.folder / "set"), "--json", *options)
    return {
        "query": json.loads(counted)[0]["songs"],
        "named query": sum(row["songs"] for row in json.loads(keys)),
        "data3": len(chords.table(chords.folder / "out.csv")),
        "parquet": pl.read_parquet(chords.folder / "out.parquet").height,
        "npz": npz["songs"],
        "dataset": sum(json.loads(dataset)["facts"]["songs"].values()),
        "report": json.loads(run(chords, "report", "quality", "--json", *options))["songs"],
    }


@pytest.mark.parametrize(
    ("builds", "current", "songs"),
    [
        (("A", "B"), ["b.csv"], 3),
        (("A", "B", "A"), ["a.csv"], 3),
        (("A", "AB"), ["a.csv", "b.csv"], 4),
        (("AB", "B"), ["b.csv"], 3),
        (("AB", "A", "AB"), ["a.csv", "b.csv"], 4),
    ],
)
def test_the_current_set_is_that_of_the_latest_build(built, chords, builds, current, songs):
    """Whether it analyzed its sources or took their harmony from the store; all parts agree on it."""
    for names in builds:
        built(*names)
    with read_store(chords.database) as connection:
        assert [source.path.rpartition("/")[2] for source in current_set(connection)] == current
    assert set(views_of_the_scope(chords).values()) == {songs}
    status = json.loads(run(chords, "status", "--json"))
    assert [source["path"].rpartition("/")[2] for source in status["current"]] == current
    assert {names["songs"] for names in status["names"].values()} == {songs}
    assert all(name in run(chords, "status").split("current set:")[1] for name in current)


def test_a_build_from_the_store_only_makes_its_sources_current(built, chords):
    """Nothing is analyzed again, and the run that analyzed stays known."""
    built("A")
    built("B")
    assert built("A").is_stored
    with read_store(chords.database) as connection:
        rows = connection.sql("SELECT run_id, built_in FROM sources ORDER BY source_id").fetchall()
    assert rows == [(1, 3), (2, 2)]


def test_a_build_that_fails_leaves_the_current_set(built, chords, monkeypatch):
    """The set changes together with the outputs, or not at all."""
    built("A")
    built("B")
    (chords.folder / "taken").mkdir()
    with pytest.raises((EtlError, OSError)):
        built("A", output=chords.folder / "taken")

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("etl.pipelines.data3.build.stored_rejects", fail)
    with pytest.raises(RuntimeError):
        built("A")
    with read_store(chords.database) as connection:
        assert [source.path for source in current_set(connection)] == [str(chords.folder / "b.csv")]


def test_sources_are_chosen_by_name(built, chords):
    """`--source` takes the path, its end, the number, several of them, or all."""
    built("A")
    built("B")
    assert set(views_of_the_scope(chords, "--source", "a.csv").values()) == {3}
    both = views_of_the_scope(chords, "--source", "a.csv", "--source", str(chords.folder / "b.csv"))
    assert both == views_of_the_scope(chords, "--source", "all")
    assert set(both.values()) == {5}, "the song with one id and the same chords counts once"


@pytest.fixture(scope="module")
def after_builds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the store after builds of A, of B, of A again, and of a copy of A under another name."""
    chords = Chords(tmp_path_factory.mktemp("builds"))
    paths = [chords.file(name, *rows) for name, rows in (("a.csv", A), ("b.csv", B), ("copy.csv", A))]
    stores: list[Path] = []
    for number in (0, 1, 0, 2):
        chords.build(paths[number], database=chords.database, force=number == 2)
        stores.append(Path(shutil.copy(chords.database, chords.folder / f"{len(stores)}.duckdb")))
    return stores


@pytest.mark.parametrize("name", OF_SONGS)
def test_a_named_query_counts_no_song_twice(after_builds, name):
    """Each gives for A, B, A what it gives for A alone, and for a copy under another name as well."""
    query = named_query(name)
    answers = []
    for store in after_builds:
        with read_store(store) as connection:
            answers.append(select(connection, query.sql, query.bind(GIVEN.get(name, {}))).fetchall())
    alone, other, again, copied = answers
    assert alone
    assert other != alone
    assert again == alone
    assert copied == alone


@pytest.mark.parametrize("command", [("export", "npz"), ("report", "quality"), ("query", "progressions")])
def test_an_unknown_source_is_an_error_that_lists_the_known(built, chords, command):
    """A usage error."""
    built("A")
    result = CliRunner().invoke(app, [*command, "--source", "no.csv", "--db", str(chords.database)])
    assert isinstance(result.exception, EtlError)
    assert result.exception.exit_code == 2
    assert "no.csv" in str(result.exception)
    assert str(chords.folder / "a.csv") in result.exception.hint


def test_a_name_is_whole_parts_of_a_path(built, chords):
    """The end of a file name is no name; folders tell files of one name apart."""
    built("A")
    (chords.folder / "2024").mkdir()
    chords.build(chords.file("2024/a.csv", *B), database=chords.database)
    with read_store(chords.database) as connection:
        assert find_source(connection, "2024/a.csv") == str(chords.folder / "2024" / "a.csv")
        with pytest.raises(EtlError, match="stands for 2 sources"):
            find_source(connection, "a.csv")
        for name in (".csv", "4/a.csv", ""):
            with pytest.raises(EtlError, match="has no source"):
                find_source(connection, name)


def test_a_build_tells_of_ids_that_the_store_has(built, chords):
    """The warning names the other source and how many ids; a store of one source has none."""
    assert built("A").overlaps == ()
    assert built("B").overlaps == (Overlap(str(chords.folder / "a.csv"), 2),)
    text = run(chords, "build", "data3", str(chords.folder / "b.csv"), "-o", str(chords.output), "--force")
    assert f"2 of these ids are already in the store from {chords.folder / 'a.csv'}" in text


def test_numbers_of_rows_are_no_ids_that_overlap(chords):
    """Ids that are mere numbers count where the chords are the same."""
    for name, rows in (("a.csv", ("1,C F", "2,G C")), ("b.csv", ("1,A D", "2,G C"))):
        path = chords.file(name, *(f"{row},,,,,,,," for row in rows))
        chords.build(path, database=chords.database)
    with read_store(chords.database) as connection:
        assert overlaps(connection) == (Overlap(str(chords.folder / "a.csv"), 1),)


def test_forgetting_leaves_the_set_before(built, chords):
    """Of `build A B` the other one stays; where all is gone, the build before is the latest; then none."""
    built("A", "B")
    chords.build(chords.file("c.csv", "c1,C,,,,,,,,"), database=chords.database)
    for forgotten, left in (("c.csv", ["a.csv", "b.csv"]), ("a.csv", ["b.csv"]), ("b.csv", [])):
        run(chords, "db", "forget", forgotten, "--yes")
        with read_store(chords.database) as connection:
            assert [source.path.rpartition("/")[2] for source in current_set(connection)] == left
            if not left:
                with pytest.raises(EtlError, match="holds no chord songs"):
                    use_sources(connection)
        run(chords, "status")


@pytest.mark.parametrize("style", RomanStyle)
def test_each_style_has_the_names_that_are_known(chords, style):
    """From the store as from a new analysis."""
    artist = "4Z8W4fKeB5YxbusRsdQVPb"
    songs = chords.file("songs.csv", f"a,<verse_1> Amin E7/Gs Cs/ Amin,,,,,x,pop,,{artist}")
    chords.build(songs, database=chords.database, style=style)
    with open_store(chords.database) as connection:
        connection.execute(
            "INSERT INTO spotify_artists BY NAME SELECT ? AS id, 'found' AS status, '' AS reason, "
            "0 AS failures, false AS refresh_wanted, now() AS fetched_at, 'Somebody' AS name",
            [artist],
        )
    assert chords.build(songs, database=chords.database, style=style).is_stored
    stored = chords.output.read_bytes()
    assert b"Somebody" in stored
    chords.build(songs, database=chords.database, style=style, force=True)
    assert chords.output.read_bytes() == stored


@pytest.mark.parametrize("style", RomanStyle)
def test_each_style_is_the_same_from_the_store(built, chords, style):
    """A build that analyzes, one from the store, and an export spell numerals alike."""
    built("A", style=style)
    first = chords.output.read_bytes()
    assert built("A", style=style).is_stored
    assert chords.output.read_bytes() == first
    run(chords, "export", "data3", "-o", str(chords.output), "--roman-style", style.value)
    assert chords.output.read_bytes() == first
