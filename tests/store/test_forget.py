"""`etl db forget`: one source leaves the store with all that hangs on it, and nothing else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from etl.cli.main import app
from etl.pipelines.data3.check import check
from etl.runtime.errors import EtlError
from etl.store.database import open_store, read_store
from etl.store.forget import forget_source
from etl.store.scope import find_source
from tests.conftest import Chords

if TYPE_CHECKING:
    from pathlib import Path

A = ("a1,<verse_1> C F G C <chorus_1> F C,,,,,,,,", "a2,Amin Dmin7 E7 Amin,,,,,,,,", "broken")
B = ("b1,<verse_1> D G A7 D <bridge_1> Bmin D,,,,,,,,", "b2,C Cs/ G,,,,,,,,", "broken", "worse")
HANGING = ("songs", "song_harmony", "song_tokens", "section_keys", "source_symbols", "sources", "rejects")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Chords, bytes]:
    """Build a store of the sources A and B, in that order; give its folder and its bytes."""
    chords = Chords(tmp_path_factory.mktemp("forget"))
    for name, lines in (("a.csv", A), ("b.csv", B)):
        chords.build(chords.file(name, *lines), database=chords.database, section_keys=True)
    return chords, chords.database.read_bytes()


@pytest.fixture
def chords(built: tuple[Chords, bytes]) -> Chords:
    """Give the folder where the sources are, with the store as it was built."""
    chords, store = built
    chords.database.write_bytes(store)
    return chords


@pytest.fixture
def store(chords: Chords) -> Path:
    """Give the store as it was built."""
    return chords.database


def forget(store: Path, *arguments: str, answer: str | None = None) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["db", "forget", *arguments, "--db", str(store)], input=answer)


def contents(store: Path) -> dict[str, Any]:
    """Read all tables but the record of runs; without the numbers of runs and the time of day."""
    with read_store(store) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        tables = {name: connection.sql(f"SELECT * FROM {name} ORDER BY ALL").pl() for (name,) in names}
    del tables["runs"]
    tables["ledger"] = tables["ledger"].drop("updated_at")
    return {name: frame.drop("run_id", "built_in", strict=False).rows() for name, frame in tables.items()}


def exports(store: Path, source: Path) -> dict[str, bytes]:
    """Export one source in each format."""
    written = {}
    for kind in ("data3", "npz", "parquet"):
        target = store.with_name(f"export.{kind}")
        arguments = ["export", kind, "--source", str(source), "-o", str(target), "--db", str(store)]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        written[kind] = target.read_bytes()
    return written


@pytest.mark.parametrize(("gone", "kept"), [("a", "b"), ("b", "a")])
def test_nothing_of_the_source_stays_and_the_other_is_untouched(store, gone, kept):
    """No row hangs on it any more; the other's exports are the same, byte for byte; the store is sound."""
    kept_path = store.with_name(f"{kept}.csv")
    before = exports(store, kept_path)
    assert forget(store, f"{gone}.csv", "--yes").exit_code == 0
    assert exports(store, kept_path) == before
    assert not [finding for finding in check(store) if finding.violations]
    with read_store(store) as connection:
        ids = connection.sql("SELECT id FROM songs ORDER BY id").fetchall()
        left = connection.sql("SELECT path FROM sources").fetchall()
        named = connection.sql(
            "SELECT source FROM rejects "
            "UNION SELECT path FROM ledger LEFT JOIN sources ON item = content_hash"
        ).fetchall()
    assert ids == [(f"{kept}1",), (f"{kept}2",)]
    assert left == named == [(str(kept_path),)]


@pytest.mark.parametrize("method", ["again", "other"])
def test_a_build_after_it_gives_the_store_as_it_was(store, chords, method):
    """What was forgotten is analyzed again, not taken from the ledger, and gets its numbers again."""
    before = contents(store)
    if method == "other":  # a source that comes and goes
        chords.build(chords.file("c.csv", "c1,C G,,,,,,,,"), database=store)
        assert forget(store, "c.csv", "--yes").exit_code == 0
    else:
        assert forget(store, "b.csv", "--yes").exit_code == 0
        assert contents(store) != before
        built = chords.build(chords.folder / "b.csv", database=store, section_keys=True)
        assert not built.is_stored
    assert contents(store) == before


def test_the_counts_are_those_of_the_tables(store):
    """The command gives the rows that it deletes, by table; `--dry-run` gives the same and deletes none."""
    before = contents(store)
    planned = forget(store, "b.csv", "--dry-run", "--json")
    assert contents(store) == before
    done = forget(store, "b.csv", "--yes", "--json")
    after = contents(store)
    deleted = {name: len(before[name]) - len(after[name]) for name in (*HANGING, "ledger")}
    assert json.loads(planned.stdout) == json.loads(done.stdout)
    assert json.loads(done.stdout) == {"path": str(store.with_name("b.csv")), "rows": deleted}
    assert all(deleted.values())
    assert {name for name in before if before[name] != after[name]} == deleted.keys()


def test_it_asks_first(store):
    """Without a yes nothing happens, and that is what it says: nobody has interrupted it."""
    before = contents(store)
    refused = forget(store, "a.csv", answer="n\n")
    assert refused.exit_code == 1
    assert "Delete 2 songs of" in refused.stderr
    assert refused.stderr.endswith("nothing was changed\n")
    unanswered = forget(store, "a.csv", answer="")
    assert isinstance(unanswered.exception, EtlError)
    assert unanswered.exception.exit_code == 2
    assert "nobody answered, so nothing was changed.\nPass --yes" in str(unanswered.exception)
    assert contents(store) == before
    assert forget(store, "a.csv", answer="y\n").exit_code == 0
    assert contents(store) != before


def test_it_happens_whole_or_not_at_all(store):
    """If the last table cannot be changed, the first is as it was."""
    with duckdb.connect(str(store)) as connection:
        connection.execute("ALTER TABLE ledger RENAME TO elsewhere")
        songs = connection.sql("FROM songs ORDER BY ALL").pl()
    with open_store(store) as connection, pytest.raises(duckdb.CatalogException):
        forget_source(connection, str(store.with_name("a.csv")))
    with duckdb.connect(str(store)) as connection:
        assert pl.DataFrame.equals(connection.sql("FROM songs ORDER BY ALL").pl(), songs)


@pytest.mark.parametrize("name", ["path", "b.csv", "2", "relative"])
def test_a_source_has_a_path_a_name_and_a_number(store, monkeypatch, name):
    """Each of them finds it, a path from the present folder too."""
    monkeypatch.chdir(store.parent)
    named = {"path": str(store.with_name("b.csv")), "relative": f"../{store.parent.name}/b.csv"}
    result = forget(store, named.get(name, name), "--dry-run", "--json")
    assert json.loads(result.stdout)["path"] == named["path"]


def test_an_ambiguous_name_lists_what_it_may_mean(store, chords):
    """Two files of one name, and a file called like a number; the path as stored is never ambiguous."""
    (chords.folder / "more").mkdir()
    for name in ("more/b.csv", "1"):
        chords.build(chords.file(name, *B, name), database=store)
    with read_store(store) as connection:
        for name, meant in (("b.csv", ("b.csv", "more/b.csv")), ("1", ("a.csv", "1"))):
            with pytest.raises(EtlError, match=f"`{name}` stands for 2 sources") as error:
                find_source(connection, name)
            assert error.value.exit_code == 2
            listed = [line.split()[1] for line in error.value.hint.splitlines()[1:]]
            assert listed == [str(chords.folder / path) for path in meant]
        path = str(chords.folder / "b.csv")
        assert find_source(connection, path) == path


def test_an_unknown_name_lists_the_sources(store):
    """A usage error with all that could have been meant."""
    with read_store(store) as connection, pytest.raises(EtlError, match="no source `x`") as error:
        find_source(connection, "x")
    assert error.value.exit_code == 2
    assert "a.csv" in error.value.hint
    assert "b.csv" in error.value.hint
