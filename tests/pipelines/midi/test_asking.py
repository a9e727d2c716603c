"""Asking the MIDI library and naming its files: what a person types, what a slip of the pen gives."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg,arg-type"

from __future__ import annotations

import json
from pathlib import Path

import mido
import polars as pl
import pytest
from typer.testing import CliRunner

from etl.cli.midi import app
from etl.pipelines.midi.find import find_files
from etl.pipelines.midi.rename import rename_library, sanitize_in_place
from etl.pipelines.midi.rename_journal import Undone, undo
from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.errors import EtlError
from tests.support.midi_oracle import midi_bytes

CHORD = [mido.Message("note_on", note=note, velocity=9) for note in (57, 60, 64)]
NAMES = [f"{number} deep house.mid" for number in range(12)] + ["new\nline dubstep.mid"]


def song(number: int, bpm: int = 120) -> bytes:
    """Make different files that are alike: one chord, without a name that says so."""
    end = [mido.Message("note_off", note=note, time=time) for note, time in ((57, 960), (60, 0), (64, 0))]
    tempo = mido.MetaMessage("set_tempo", tempo=60_000_000 // bpm)
    return midi_bytes([[tempo, mido.MetaMessage("text", text=str(number)), *CHORD, *end]])


@pytest.fixture(scope="module")
def top(tmp_path_factory) -> Path:
    """Fill a library once; tests that change it make their own."""
    folder = tmp_path_factory.mktemp("asked")
    fill(folder)
    return folder


def fill(top: Path, stages=frozenset(Stage)) -> None:
    """Make thirteen files that would all have one name."""
    (top / "in").mkdir()
    for number, name in enumerate(NAMES):
        (top / "in" / name).write_bytes(song(number))
    run_midi(MidiRun((top / "in",), top / "m.duckdb", top / "library", frozenset(stages), workers=0))


def names(top: Path) -> set[str]:
    """Names of the library's files."""
    return {path.name for path in (top / "library").rglob("*.mid")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"bpm": "124-118"}, {"bpm": "nan"}, {"bpm": "inf"}, {"bpm": ""}, {"bpm": "-5"}, {"bpm": "120-"},
        {"bpm": "0"}, {"bpm": "0-0"}, {"metre": "0/4"}, {"metre": "4/3"},
        {"key": ""}, {"key": "H"}, {"key": "Bbmaj7"}, {"key": "a"},
        {"category": ""}, {"category": "xyz"}, {"category": "%"},
        {"tags": ("",)}, {"tags": ("hosue",)},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(top: Path, wrong):
    """An unset shell variable or a slip of the pen does not pass for a search without hits, or with all."""
    with pytest.raises(EtlError) as error:
        find_files(top / "m.duckdb", **wrong)
    assert error.value.hint


def test_a_slip_is_put_right(top: Path):
    """The answer to an unknown tag names what is spelt like it; to a category, those there are."""
    with pytest.raises(EtlError) as error:
        find_files(top / "m.duckdb", tags=("hosue",))
    assert "house" in error.value.hint
    with pytest.raises(EtlError) as error:
        find_files(top / "m.duckdb", category="xyz")
    assert "DrumKicks" in error.value.hint


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        ({"bpm": "120"}, 13), ({"bpm": " 118 - 124.5 "}, 13), ({"bpm": "121-130"}, 0),
        ({"tags": ("House",)}, 12), ({"tags": ("deep house",)}, 12), ({"tags": ("deephouse",)}, 12),
        ({"tags": ("edm",)}, 1), ({"tags": ("dubstep",)}, 1), ({"tags": ("house", "edm")}, 0),
        ({"category": "CHORDS"}, 13), ({"category": "drum"}, 0), ({"limit": 5}, 5),
        ({"tags": ("house",), "bpm": "119-121", "category": "chord", "limit": 12}, 12),
    ],
)  # fmt: skip
def test_conditions_are_read_as_people_type_them(top: Path, asked, files):
    """Ranges with blanks, words that stand for a tag, the start of a category: all narrow the list."""
    assert find_files(top / "m.duckdb", **asked).height == files


def test_keys_in_small_letters_are_read(top: Path):
    """A minor key does not need a capital."""
    key = find_files(top / "m.duckdb")["key"][0]
    assert key == "A Minor"
    for asked in ("Am", "am", "a minor", "A minor", " Amin "):
        assert find_files(top / "m.duckdb", key=asked).height == 13


def find(top: Path, *words: str):
    """Run the command."""
    result = CliRunner().invoke(app, ["find", "--db", str(top / "m.duckdb"), *words])
    assert result.exit_code == 0, result.output
    return result


def test_every_file_has_one_line_and_what_is_cut_off_is_said(top: Path):
    """A line break in a name does not break the list; a limit tells how many there are."""
    shown = find(top)
    assert len(shown.stdout.splitlines()) == 15  # with names and a rule
    assert r"new\nline dubstep.mid" in shown.stdout
    assert shown.stderr.strip() == "13 files"
    assert "the first 5 files; --limit shows more" in find(top, "--limit", "5").stderr
    assert find(top, "--bpm", "30").stderr.strip() == "0 files"


def test_lists_can_be_read_by_programs(top: Path):
    """CSV and JSON hold the same files with all columns; without hits there are only the columns."""
    table = find_files(top / "m.duckdb")
    rows = json.loads(find(top, "--json").stdout)
    assert rows == table.to_dicts()
    sheet = pl.read_csv(find(top, "--format", "csv").stdout.encode())
    assert sheet["path"].to_list() == table["path"].to_list()
    assert sheet["tags"][0].split("|") == table["tags"][0].to_list()
    assert json.loads(find(top, "--json", "--bpm", "30").stdout) == []
    assert find(top, "--format", "csv", "--bpm", "30").stdout == ",".join(table.columns) + "\n"
    result = CliRunner().invoke(app, ["find", "--db", str(top / "m.duckdb"), "--format", "xml"])
    assert result.exit_code == 2
    assert "'xml' is not one of" in result.output


def test_a_second_rename_changes_nothing(tmp_path: Path):
    """More than ten files that want one name keep the numbers they have."""
    fill(tmp_path)
    database, library = tmp_path / "m.duckdb", tmp_path / "library"
    first = rename_library(library, database, template="{bpm}bpm_{key}.midi")
    assert len(first.files) == 13
    assert names(tmp_path) == {"120bpm_Amin.mid"} | {f"120bpm_Amin_{n}.mid" for n in range(1, 13)}
    assert rename_library(library, database, template="{bpm}bpm_{key}.MID").files == []
    template = "{category}_{name}_{bars}"  # of the name that it had
    assert len(rename_library(library, database, template=template).files) == 13
    assert rename_library(library, database, template=template).files == []


def test_renames_are_taken_back_last_first(tmp_path: Path):
    """A run whose names a later run has changed cannot be undone before that one; then all come back."""
    fill(tmp_path)
    before = names(tmp_path)
    first = rename_library(tmp_path / "library", tmp_path / "m.duckdb", template="{bpm}")
    second = rename_library(tmp_path / "library", tmp_path / "m.duckdb", template="{key}")
    with pytest.raises(EtlError, match="13 of these files have been renamed since") as error:
        undo(tmp_path / "m.duckdb", first.run_id)
    assert f"etl midi undo {second.run_id}" in error.value.hint
    assert undo(tmp_path / "m.duckdb", second.run_id) == Undone(second.run_id, 13, 0)
    assert undo(tmp_path / "m.duckdb", first.run_id) == Undone(first.run_id, 13, 0)
    assert names(tmp_path) == before


@pytest.mark.parametrize("template", ["{bpm:>99999999999}", "{bpm:{bars}}", "{bpm:0>1000}"])
def test_templates_do_not_fill_the_memory(top: Path, template):
    """A width beyond any name is refused before a name of that width is made."""
    with pytest.raises(EtlError, match="template"):
        rename_library(top / "library", top / "m.duckdb", template=template, dry_run=True)


def test_nothing_to_name_is_said(tmp_path: Path):
    """A library that is not there, or that nobody has analysed, is no success."""
    fill(tmp_path, [Stage.SANITIZE])
    with pytest.raises(EtlError, match="no library"):
        rename_library(tmp_path / "nowhere", tmp_path / "m.duckdb", template="{bpm}")
    with pytest.raises(EtlError, match="not analyzed"):
        rename_library(tmp_path / "library", tmp_path / "m.duckdb", template="{bpm}")


def test_the_preview_shows_old_and_new_names(top: Path):
    """One line for each file, aligned, with the new name only; nothing is renamed."""
    words = ["rename", "--library", str(top / "library"), "--db", str(top / "m.duckdb"), "--dry-run"]
    lines = CliRunner().invoke(app, words).stdout.splitlines()
    assert lines[-1] == "13 files would be renamed"
    assert all(line.split("  ->  ")[1].startswith("120bpm_Amin_") for line in lines[:-1])
    assert len({line.index("->") for line in lines[:-1]}) == 1


def test_safe_names_are_safe_for_good(tmp_path: Path):
    """Long names that clash are numbered within the length cap; a second time there is nothing to do."""
    for number, letter in enumerate("ab"):
        (tmp_path / f"{'x' * 150}{letter}.mid").write_bytes(song(number))
    done = sanitize_in_place((tmp_path,), tmp_path / "m.duckdb", library=tmp_path / "library")
    assert sorted(len(Path(file.new).stem) for file in done.files) == [100, 100]
    again = sanitize_in_place((tmp_path,), tmp_path / "m.duckdb", library=tmp_path / "library")
    assert again.files == []


def test_a_file_given_twice_is_renamed_once(tmp_path: Path):
    """The same source twice, or within another, is no second file."""
    (tmp_path / "a b.mid").write_bytes(song(0))
    sources = (tmp_path / "a b.mid", tmp_path, tmp_path / "a b.mid")
    done = sanitize_in_place(sources, tmp_path / "m.duckdb", library=tmp_path / "library")
    assert [Path(file.new).name for file in done.files] == ["a_b.mid"]
