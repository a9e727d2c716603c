"""`etl build data3 --from-midi`: the chords of a MIDI library as an input, with the keys of their notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from etl.chords.keys import KeyMethod
from etl.pipelines.data3.export import Data3Export, export_data3
from etl.pipelines.data3.midi_songs import midi_source
from etl.runtime.errors import EtlError
from etl.runtime.limits import LIMITS
from etl.store.database import open_store

if TYPE_CHECKING:
    from pathlib import Path

PATHS = (
    "INSERT OR REPLACE INTO midi_paths BY NAME SELECT sha256 || '.mid' AS path, 1 AS size_bytes, "
    "1 AS mtime_ns, sha256, 1 AS first_run, 1 AS last_run FROM midi_analysis"
)
"""A file for each analysis."""

SIMPLE: dict[str, Any] = {"VARCHAR": "x", "VARCHAR[]": [], "BOOLEAN": False}


def fill(database: Path, songs: dict[str, tuple[str, str | None, int]]) -> None:
    """Enter analyzed MIDI files: chords, key, and which key has all of the posterior."""
    with open_store(database) as connection:
        connection.execute("DELETE FROM midi_analysis")
        connection.execute("DELETE FROM midi_paths")
        columns = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'midi_analysis'"
        ).fetchall()
        for name, (chords, key, place) in songs.items():
            row = {column: _value(kind) for column, kind in columns}
            posterior = [float(place == k) for k in range(24)]
            row |= {"sha256": name, "chords": chords.split(), "key": key, "key_posterior": posterior}
            marks = ", ".join(f"${column}" for column in row)
            connection.execute(f"INSERT INTO midi_analysis ({', '.join(row)}) VALUES ({marks})", row)
        connection.execute(PATHS)


def _value(kind: str) -> Any:
    if "[" in kind and kind[-2].isdigit():
        return [0] * int(kind.rpartition("[")[2][:-1])
    return [] if kind.endswith("[]") else SIMPLE.get(kind, 0)


@pytest.fixture
def library(chords) -> Path:
    """Make a store with three MIDI files, of which one has no chords and one no key of its notes."""
    fill(
        chords.database,
        {"b" * 64: ("C F G C", "A Minor", 21), "a" * 64: ("D G A7", None, 0), "c" * 64: ("", "C Major", 0)},
    )
    database: Path = chords.database
    return database


def keys(chords) -> dict[str, str]:
    """First letter of each id, and key."""
    return {row["id"][0]: row["key"] for row in chords.table()}


def test_keys_travel_with_the_rows(chords, library):
    """The key that the notes gave, where there is one; else, or if a method is named, that of the chords."""
    given = chords.build(midi=library, database=library, method=None)
    assert (given.songs, given.rejected) == (2, 0)
    assert keys(chords) == {"a": "D Major", "b": "A Minor"}
    chords.build(midi=library, database=library, method=KeyMethod.TRAINED)
    assert keys(chords) == {"a": "D Major", "b": "C Major"}


def test_files_come_first_and_keep_their_own_keys(chords, library):
    """A CSV and the library in one build; blocks of a few rows change nothing."""
    path = chords.file("in.csv", *(chords.row(i) for i in range(5)))
    chords.build(path, midi=library, database=library, method=None)
    assert chords.ids() == [*map(str, range(5)), "a" * 64, "b" * 64]
    assert keys(chords) == {**dict.fromkeys("01234", "C Major"), "a": "D Major", "b": "A Minor"}
    whole = chords.output.read_bytes()
    chords.cut(64, parquet_rows=1)
    chords.build(path, midi=library, database=library, method=None, force=True)
    assert chords.output.read_bytes() == whole


def test_nothing_is_written_beside_the_store_and_the_store_is_the_source(chords, library):
    """No CSV in between; the songs can be exported by the name of the store."""
    chords.build(midi=library, database=library, method=None)
    assert sorted(path.name for path in chords.folder.iterdir()) == ["data3.csv", "music.duckdb"]
    again = chords.folder / "again.csv"
    export_data3(Data3Export(path=again, database=library, sources=(str(library),)))
    assert again.read_bytes() == chords.output.read_bytes()


def test_a_library_that_has_changed_is_analyzed_again(chords, library):
    """Any change of a chord counts, and nothing else does."""
    assert not chords.build(midi=library, database=library, method=None).is_stored
    assert chords.build(midi=library, database=library, method=None).is_stored
    fill(library, {"b" * 64: ("C F G7 C", "A Minor", 21), "a" * 64: ("D G A7", None, 0)})
    assert not chords.build(midi=library, database=library, method=None).is_stored
    with duckdb.connect(str(library), read_only=True) as connection:
        assert connection.sql("SELECT path, songs FROM sources").fetchall() == [(str(library.resolve()), 2)]


def test_the_same_library_has_the_same_digest_at_every_look(chords):
    """What lies in memory below the nulls is no part of it."""
    fill(chords.database, {"0" * 64: ("C", "C Major", 0)})
    with open_store(chords.database) as connection:
        connection.execute(
            "INSERT INTO midi_analysis SELECT m.* REPLACE (printf('%064d', i) AS sha256, "
            "CASE WHEN i % 2 = 0 THEN key END AS key) FROM midi_analysis AS m, range(1, 3000) AS t (i)"
        )
        connection.execute(PATHS)
    looks = [midi_source(chords.database, keys=True, limits=LIMITS) for _ in range(10)]
    assert len({source.content_hash for source in looks}) == 1


def test_a_library_without_chords_is_an_error(chords):
    """The error says how to fill it."""
    fill(chords.database, {})
    with pytest.raises(EtlError, match=r"no MIDI files with chords(.|\n)*etl midi run"):
        chords.build(midi=chords.database, database=chords.database)
