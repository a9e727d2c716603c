"""Results as text or as JSON: every command that says something has both."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mido
import polars as pl
import pytest
import typer.main
from typer.testing import CliRunner, Result

from etl.batch.plan import Strategy
from etl.chords.keys import KeyMethod
from etl.chords.romantext import RomanStyle
from etl.cli import (
    batch_options,
    build,
    evaluate,
    library,
    library_plot,
    midi,
    midi_models,
    midi_options,
    options,
    query,
)
from etl.cli.main import app
from etl.cli.output import json_document, plain
from etl.exports.normalization import Normalization
from etl.exports.pictures import Coloring
from etl.midi.mpc import DriveFormat
from etl.pipelines.batch.request import Engine, Priority
from etl.pipelines.midi.export_facts import TableFormat
from etl.pipelines.midi.export_notes import Tokens
from etl.store.queries import named_queries
from etl.store.statements import Format
from tests.support.midi_oracle import midi_bytes
from tests.support.tracks import write_track

if TYPE_CHECKING:
    from collections.abc import Iterator

SONGS = (
    "id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id,key\n"
    "a,<verse_1> C F G C,1980-05-01,pop,1980.0,,x,pop,,,C Major\n"
    "b,<verse_1> Amin Dmin E7 Amin,,,,,y,rock,,,A Minor\n"
    "c,D G A7 D,,,,,z,,,,D Major\n"
)

CASES = {
    "build data3": ("build", "data3", "songs.csv", "-o", "data3.csv", "--npz", "again.npz"),
    "query": ("query", "SELECT id, 1 / 3.0 AS third FROM songs"),
    "export data3": ("export", "data3", "-o", "again.csv"),
    "export npz": ("export", "npz", "-o", "again.npz"),
    "export parquet": ("export", "parquet", "-o", "again.parquet"),
    "export dataset": ("export", "dataset", "set"),
    "validate": ("validate", "data3.csv", "--schema", "data3"),
    "evaluate keys": ("evaluate", "keys", "songs.csv"),
    "report quality": ("report", "quality"),
    "report page": ("report", "page", "-o", "report.html"),
    "db info": ("db", "info"),
    "db check": ("db", "check"),
    "db migrate": ("db", "migrate"),
    "db forget": ("db", "forget", "songs.csv", "--dry-run"),
    "enrich spotify": ("enrich", "spotify", "--estimate"),
    "enrich musicbrainz": ("enrich", "musicbrainz", "--estimate"),
    "genres fetch": ("genres", "fetch"),
    "genres show": ("genres", "show", "Pop"),
    "genres stats": ("genres", "stats"),
    "genres export": ("genres", "export", "-o", "genres.npz", "--of", "songs"),
    "enrich listenbrainz": ("enrich", "listenbrainz", "--estimate"),
    "playlist make": ("playlist", "make", "--count", "1", "--duration", "1-60"),
    "playlist list": ("playlist", "list"),
    "playlist show": ("playlist", "show", "last"),
    "playlist plot": ("playlist", "plot", "last", "-o", "list.png"),
    "batch process": ("batch", "process", "music", "--parallel-local", "0"),
    "batch resume": ("batch", "resume", "music"),
    "batch estimate": ("batch", "estimate", "music", "--per-day", "50", "--show-plan"),
    "batch status": ("batch", "status", "music"),
    "batch list": ("batch", "list"),
    "batch retry": ("batch", "retry", "music"),
    "batch cancel": ("batch", "cancel", "music"),
    "batch export": ("batch", "export", "music", "-o", "batch.csv"),
    "batch evaluate": ("batch", "evaluate", "category", "--truth", "labels.csv"),
    "midi run": ("midi", "run", "song.mid", "--workers", "0"),
    "midi import": ("midi", "import", "song.mid", "--dry-run"),
    "midi analyze": ("midi", "analyze", "song.mid"),
    "midi sanitize": ("midi", "sanitize", "song.mid"),
    "midi split": ("midi", "split", "song.mid"),
    "midi find": ("midi", "find"),
    "midi roll": ("midi", "roll", "song.mid", "-o", "song.svg"),
    "midi stats": ("midi", "stats"),
    "midi rename": ("midi", "rename", "--dry-run"),
    "midi undo": ("midi", "undo", "4"),
    "midi forget": ("midi", "forget", "--dry-run"),
    "midi export": ("midi", "export", "--parquet", "midi.parquet"),
    "cache info": ("cache", "info"),
    "cache clear": ("cache", "clear", "--kind", "audio", "--unused"),
    "cache verify": ("cache", "verify"),
    "cache refresh": ("cache", "refresh", "--older-than", "1d"),
    "library run": ("library", "run", "music", "-o", "sonic.npz"),
    "library scan": ("library", "scan", "music", "--stats"),
    "library sonic": ("library", "sonic", "--dry-run"),
    "library artifacts": ("library", "artifacts", "-o", "again.npz"),
    "library stats": ("library", "stats"),
    "library check": ("library", "check", "--integrity"),
    "library similar": ("library", "similar", "song 1"),
    "library find": ("library", "find", "song"),
    "library duplicates": ("library", "duplicates"),
    "library show": ("library", "show", "music/1.flac"),
    "library rekordbox": ("library", "rekordbox", "-o", "rekordbox.xml"),
    "library write-tags": ("library", "write-tags", "--bpm", "--key", "--replaygain"),
    "library undo-tags": ("library", "undo-tags", "5"),
    "library compare-tags": ("library", "compare-tags"),
    "library plot": ("library", "plot", "Song 1", "-o", "song.png"),
    "status": ("status",),
    "doctor": ("doctor",),
    "config show": ("config", "show"),
    "config path": ("config", "path"),
    "config init": ("config", "init"),
    "warm-up": ("warm-up", "--workers", "1"),
    "demo": ("demo", "try"),
}
"""A call of each command, in a folder with songs, their CSV, a recording and their store."""


def leaves(command: Any, name: str, parent: Any = None) -> Iterator[tuple[str, Any]]:
    """Give the name and the command of each leaf of the tree."""
    context = command.context_class(command, info_name=name, parent=parent)
    if not hasattr(command, "list_commands"):
        yield name, command
        return
    for child in command.list_commands(context):
        yield from leaves(command.get_command(context, child), f"{name} {child}".strip(), context)


COMMANDS = dict(leaves(typer.main.get_command(app), ""))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store of three songs, one recording, and a MIDI file that was renamed."""
    path: Path = tmp_path_factory.mktemp("json")
    (path / "songs.csv").write_text(SONGS, encoding="utf-8")
    built = run(path, "build", "data3", str(path / "songs.csv"), "-o", str(path / "data3.csv"))
    assert built.exit_code == 0, built.output
    write_track(path / "music" / "1.flac", 1)
    described = run(
        path, "library", "run", str(path / "music"), "-o", str(path / "sonic.npz"), "--workers", "1"
    )
    assert described.exit_code == 0, described.output
    notes = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=480)]
    (path / "song.mid").write_bytes(midi_bytes([notes]))
    taken = run(path, "midi", "run", "song.mid", "--workers", "0")
    assert taken.exit_code == 0, taken.output
    renamed = run(path, "midi", "rename", "--template", "{bpm}", "--json")
    assert json.loads(renamed.stdout)["run_id"] == 4
    (path / "labels.csv").write_text("name,category\nBD01.wav,drums\n", encoding="utf-8")
    written = run(path, "library", "write-tags", "--replaygain", "--write", "--json")
    assert json.loads(written.stdout)["run_id"] == 5
    measured = run(path, "batch", "process", "music", "--parallel-local", "0")
    assert measured.exit_code == 0, measured.output
    return path


def run(folder: Path, *arguments: str) -> Result:
    """Run a command in a folder, on the store there."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        environment = {
            "ETL_DB": str(folder / "music.duckdb"),
            "ETL_CONFIG": str(folder / "config.toml"),
        }
        return CliRunner().invoke(app, arguments, env=environment, standalone_mode=False)
    finally:
        os.chdir(before)


def test_every_command_has_json():
    """No command is forgotten, also in the cases below."""
    lacking = {
        name
        for name, command in COMMANDS.items()
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert not lacking
    assert CASES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", CASES)
def test_json_is_one_document_and_text_is_not(name, folder):
    """Standard output is the document alone, and says something; without the option it is text."""
    result = run(folder, *CASES[name], "--json")
    assert result.exception is None, result.output
    document = json.loads(result.stdout)
    assert document or name in {"library check", "library duplicates"}
    with pytest.raises(json.JSONDecodeError):
        json.loads(run(folder, *CASES[name]).stdout)


def test_findings_are_in_the_document_and_in_the_exit_code(folder):
    """A failed check prints its findings as JSON too, and ends with 1."""
    (folder / "bad.csv").write_text(SONGS.replace("1980.0", "198x"), encoding="utf-8")
    result = run(folder, "validate", "bad.csv", "--schema", "chordonomicon", "--json")
    assert result.return_value == 1
    broken = json.loads(result.stdout)["broken"]
    assert broken == [{"rule": "decade.pattern", "rows": 1, "examples": [{"line": 2, "value": "198x"}]}]


def test_a_table_is_a_list_of_rows(folder):
    """Rows of a query are objects; numbers are numbers."""
    rows = json.loads(run(folder, "query", "SELECT id, 2 AS two FROM songs ORDER BY id", "--json").stdout)
    assert rows == [{"id": name, "two": 2} for name in "abc"]


def test_sums_are_numbers(folder):
    """Sums of whole numbers, which are decimals to the database, are whole; other decimals are not."""
    sums = "SELECT sum(run_id) AS whole, CAST(1.5 AS DECIMAL(4, 2)) AS part FROM runs WHERE run_id < 3"
    assert json.loads(run(folder, "query", sums, "--json").stdout) == [{"whole": 3, "part": 1.5}]


def test_the_shipped_queries_are_data(folder):
    """`etl query --list --json` has what a menu of queries needs."""
    listed = json.loads(run(folder, "query", "--list", "--json").stdout)
    similar = next(each for each in listed if each["name"] == "similar-songs")
    assert similar["title"]
    assert "id" in [parameter["name"] for parameter in similar["parameters"]]


def test_choices_of_the_command_line_are_those_of_the_analysis():
    """Enums that commands offer before heavy libraries are loaded are in step with what they stand for."""
    assert {*KeyMethod, "both"} == {*evaluate.Methods}
    assert {*Format, "table"} == {*query.Output}
    assert {*Normalization} == {*library.Normalize}
    assert {*Coloring} == {*library_plot.Color}
    assert {*KeyMethod} == {*build.KeyMethods}
    assert {*RomanStyle} == {*options.RomanStyles}
    assert {*DriveFormat} == {*midi_options.Device}
    assert {*TableFormat} == {*midi_models.TableFormat}
    assert {*Tokens} == {*midi_models.Tokenizer}
    assert {*Strategy} == {*batch_options.Strategies}
    assert {*Priority} == {*batch_options.Priorities}
    assert {*Engine} == {*batch_options.Engines}
    assert {f"midi-{name}" for name in midi.LibraryQuery} == {
        name for name in named_queries() if name.startswith("midi-")
    }


class Color(Enum):
    """Has a number as its value."""

    RED = 1


class Code(IntEnum):
    """Is a number."""

    OK = 0


@dataclass(frozen=True)
class Inner:
    """Has a property."""

    count: int

    @property
    def share(self) -> float:
        """Half."""
        return self.count / 2


@dataclass
class Outer:
    """Has all that a result may have."""

    path: Path
    day: datetime
    inner: tuple[Inner, ...]
    frame: pl.DataFrame
    color: dict[Color, Code]
    secret: str = field(default="x", repr=False)
    _private: int = 0


def test_each_kind_of_value_has_its_form():
    """Paths are text, dates ISO 8601, frames lists of rows; properties are told, private fields are not."""
    outer = Outer(
        path=Path("a") / "b",
        day=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
        inner=(Inner(3),),
        frame=pl.DataFrame({"x": [1.5, float("nan"), None]}),
        color={Color.RED: Code.OK},
    )
    assert plain(outer) == {
        "path": str(Path("a") / "b"),
        "day": "2020-01-02T03:04:05+00:00",
        "inner": [{"count": 3, "share": 1.5}],
        "frame": [{"x": 1.5}, {"x": None}, {"x": None}],
        "color": {"1": 0},
    }


def test_json_is_utf8_and_holds_names_in_no_encoding():
    """Letters stand as themselves; a file name of stray bytes comes back as it was."""
    name = os.fsdecode(b"Bj\xc3\xb6rk \xff")
    document = json_document({"path": Path(name), "bad": float("inf")})
    assert "Björk" in document
    assert json.loads(document.encode()) == {"path": name, "bad": None}


def test_a_value_without_a_form_is_a_fault():
    """Nothing is turned into text by chance."""
    with pytest.raises(TypeError, match="bytes"):
        plain({"x": b"1"})
