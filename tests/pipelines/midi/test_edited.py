"""Files of the library that somebody has edited there."""

from __future__ import annotations

import io
import json
import os
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import mido
import pytest

from etl.midi.mpc import DriveFormat
from etl.midi.rework import Rework
from etl.pipelines.midi.drive_files import DriveOptions
from etl.pipelines.midi.export import export_drive
from etl.pipelines.midi.find import count_touched, find_files, find_parts
from etl.pipelines.midi.rename import rename_library
from etl.pipelines.midi.rename_journal import undo
from etl.pipelines.midi.request import ANALYSIS_VERSION, VERSIONS
from etl.pipelines.midi.run import run_midi
from etl.store import midi as midi_store
from etl.store.database import read_store
from etl.store.midi_gone import rows_of_midi
from tests.pipelines.midi.test_parts import export, fill, loop, request
from tests.support.command_line import ended_here
from tests.support.kept_folder import KeptFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> KeptFolder:
    """Fill a library once."""
    folder = tmp_path_factory.mktemp("edited")
    fill(folder)
    return KeptFolder(folder)


@pytest.fixture
def top(filled: KeptFolder) -> Path:
    """Give the library as it was filled."""
    return filled.again()


def edit(file: Path, *, up: int = 0, bpm: float | None = None) -> bytes:
    """Transpose a file, or set its tempo, as an editor would; give what is in it then."""
    opened: Any = mido.MidiFile(file)
    for message in (message for track in opened.tracks for message in track):
        if message.type in {"note_on", "note_off"}:
            message.note += up
        elif message.type == "set_tempo" and bpm:
            message.tempo = mido.bpm2tempo(bpm)
    content = io.BytesIO()
    opened.save(file=content)
    file.write_bytes(content.getvalue())
    return content.getvalue()


def only(library: Path, pattern: str) -> Path:
    """Find the one file of a name."""
    (found,) = library.rglob(pattern)
    return found


def again(top: Path) -> Any:
    """Export once more, and give what was done."""
    return export_drive(top / "library", top / "m.duckdb", top / "drive", DriveFormat.MPC_ONE)


@pytest.mark.parametrize("name", ["Long_Song_t03*.mid", "loop.mid"])
def test_edited_files_are_exported_as_they_are_with_new_figures(top: Path, name: str) -> None:
    """A part, and a copy, that somebody transposed and set to another tempo."""
    export(top, top / "drive")
    file = only(top / "library", name)
    content = edit(file, up=3, bpm=100.0)
    done = again(top)
    assert (done.edited, done.damaged) == (1, 0)
    index = export(top, top / "drive")
    (path,) = (path for path in index if path.endswith(f"/{file.name}"))
    assert (top / "drive" / "MPC_Documents" / path).read_bytes() == content
    assert index[path]["key"] == "C Minor"
    if "t03" in name:
        assert index[path]["bpm"] == pytest.approx(100.0)
        assert index[path]["category"] == "Bass"
    done = again(top)
    assert (done.edited, done.copied) == (1, 0)


def test_names_say_what_edited_and_changed_files_are(top: Path) -> None:
    """Names made from old figures get the new ones on the drive; the library keeps its names."""
    rename_library(top / "library", top / "m.duckdb", template="{bpm}bpm_{key}_{category}")
    before = {path.name for path in (top / "library").rglob("*.mid")}
    edit(only(top / "library", "124bpm_Amin_melody.mid"), up=3)
    index = export(top, top / "drive", changes=Rework(bpm=90.0))
    stems = {path.rpartition("/")[2] for path in index}
    assert {"90bpm_Cmin_melody.mid", "90bpm_Amin_bass.mid", "90bpm_nokey_drums.mid"} <= stems
    assert not any("124bpm" in stem for stem in stems)
    assert {path.name for path in (top / "library").rglob("*.mid")} == before


def test_what_is_no_whole_file_any_more_is_not_taken_for_an_edit(top: Path) -> None:
    """Half a file, and text, are left out and counted; a run with force does not undo what was edited."""
    bass = only(top / "library", "Long_Song_t03*.mid")
    bass.write_bytes(bass.read_bytes()[: bass.stat().st_size // 2])
    only(top / "library", "loop.mid").write_bytes(b"text")
    melody = only(top / "library", "Long_Song_t05*.mid")
    content = edit(melody, up=-2)
    run_midi(request(top, force=True))
    assert melody.read_bytes() == content
    done = again(top)
    assert done.edited == 1
    assert done.damaged == 2
    assert not list((top / "drive").rglob("loop.mid"))


def test_an_untouched_library_has_no_edits(top: Path) -> None:
    """Nothing is noticed where nobody edited anything, also in a dry run."""
    done = export_drive(
        top / "library",
        top / "m.duckdb",
        top / "drive",
        DriveFormat.BOTH,
        options=DriveOptions(),
        dry_run=True,
    )
    assert (done.edited, done.damaged) == (0, 0)


def take_up(top: Path) -> Any:
    """Run without sources: only the library is looked at."""
    return run_midi(replace(request(top), sources=()))


def library_key(top: Path, name: str) -> str | None:
    """Give the key under which a file of the library is found."""
    found = find_files(top / "m.duckdb", limit=500)
    names = found["library_name"].fill_null("")
    (key,) = found.filter(names.str.ends_with(f"/{name}"))["key"].to_list()
    assert key is None or isinstance(key, str)
    return key


@pytest.mark.parametrize("dry_run", [True, False])
def test_rename_names_edited_files_by_what_they_are_now(top: Path, dry_run: bool) -> None:
    """Also where no run has looked at them since."""
    bass, loop = only(top / "library", "Long_Song_t03*.mid"), only(top / "library", "loop.mid")
    edit(bass, up=3, bpm=100.0)
    edit(loop, up=3)
    done = rename_library(top / "library", top / "m.duckdb", template="{bpm}bpm_{key}", dry_run=dry_run)
    new = {entry.old.rpartition("/")[2]: entry.new.rpartition("/")[2] for entry in done.files}
    assert new[bass.name].startswith("100bpm_Cmin")
    assert "_Cmin" in new["loop.mid"]


def test_a_run_without_sources_takes_up_edits(top: Path) -> None:
    """The edit is a file of its own, found at its place in the library; the source is what it was."""
    database, loop = top / "m.duckdb", only(top / "library", "loop.mid")
    bass = only(top / "library", "Long_Song_t03*.mid")
    before = find_files(database, limit=500)
    assert count_touched(database) == 0
    edit(loop, up=3)
    edit(bass, up=3)
    assert count_touched(database) == 2
    assert take_up(top).edited == 2
    assert count_touched(database) == 0
    assert library_key(top, "loop.mid") == "C Minor"
    assert library_key(top, bass.name) == "C Minor"
    after = find_files(database, limit=500)
    assert after.height == before.height + 2
    old = dict(before.select("path", "key").rows())
    assert {path: key for path, key in after.select("path", "key").rows() if path in old} == old
    parts = find_parts(database, limit=500)
    assert parts["library_name"].to_list().count(f"{bass.parent.parent.name}/parts/{bass.name}") == 1
    assert take_up(top).edited == 0
    assert run_midi(request(top)).edited == 0


def test_what_was_taken_up_is_exported_and_renamed_as_it_is(top: Path) -> None:
    """With figures of the store, and by names that say them; an undo takes the path in the store back too."""
    rename_library(top / "library", top / "m.duckdb", template="{bpm}bpm_{key}_{category}")
    export(top, top / "drive")
    melody = only(top / "library", "124bpm_Amin_melody.mid")
    content = edit(melody, up=3)
    take_up(top)
    index = export(top, top / "drive")
    (path,) = (path for path in index if path.endswith("/124bpm_Cmin_melody.mid"))
    assert index[path]["key"] == "C Minor"
    assert (top / "drive" / "MPC_Documents" / path).read_bytes() == content
    done = rename_library(top / "library", top / "m.duckdb", template="{bpm}bpm_{key}_{category}")
    assert [entry.new.rpartition("/")[2] for entry in done.files] == ["124bpm_Cmin_melody.mid"]
    assert library_key(top, "124bpm_Cmin_melody.mid") == "C Minor"
    assert done.run_id is not None
    undo(top / "m.duckdb", done.run_id)
    assert library_key(top, melody.name) == "C Minor"
    assert take_up(top).gone == 0


def test_an_edit_that_is_taken_back_or_deleted_is_known_no_more(top: Path) -> None:
    """The file's own content again, the same content under a new time, and a file that is no more."""
    database, loop = top / "m.duckdb", only(top / "library", "loop.mid")
    original = loop.read_bytes()
    edit(loop, up=3)
    take_up(top)
    loop.write_bytes(original)
    assert take_up(top).edited == 0
    assert library_key(top, "loop.mid") == "A Minor"
    os.utime(loop, ns=(1, 1))
    assert count_touched(database) == 1
    assert take_up(top).edited == 0
    assert count_touched(database) == 0
    edit(loop, up=3)
    take_up(top)
    loop.unlink()
    files = find_files(database, limit=500).height
    take_up(top)
    assert find_files(database, limit=500).height == files - 1


def test_an_edit_is_not_copied_over_or_doubled_by_its_source(top: Path) -> None:
    """A source that was touched, and one that is read by force, bring no second copy of what it was."""
    loop = only(top / "library", "loop.mid")
    edit(loop, up=3)
    take_up(top)
    files = sorted(top.joinpath("library").rglob("*.mid"))
    for source in top.rglob("loop.mid"):
        os.utime(source)
    run_midi(request(top))
    run_midi(request(top, force=True))
    assert sorted(top.joinpath("library").rglob("*.mid")) == files
    assert library_key(top, "loop.mid") == "C Minor"


def test_what_is_not_whole_any_more_keeps_its_figures(top: Path) -> None:
    """It is counted by every run, and the store does not take it for an edit."""
    loop = only(top / "library", "loop.mid")
    loop.write_bytes(loop.read_bytes()[:60])
    for _ in range(2):
        result = take_up(top)
        assert (result.edited, result.spoilt) == (0, 1)
    assert library_key(top, "loop.mid") == "A Minor"


def test_edits_are_analyzed_again_when_the_analysis_has_a_new_version(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everything else is."""
    edit(only(top / "library", "loop.mid"), up=3)
    take_up(top)
    monkeypatch.setitem(VERSIONS, midi_store.ANALYZE, f"{ANALYSIS_VERSION}-next")
    assert take_up(top).edited == 1
    assert library_key(top, "loop.mid") == "C Minor"
    assert take_up(top).edited == 0


def test_forgetting_the_source_leaves_the_edit(top: Path) -> None:
    """It is somebody's work, and stays a file of the library."""
    edit(only(top / "library", "loop.mid"), up=3)
    take_up(top)
    with read_store(top / "m.duckdb") as connection:
        (path,) = (
            path
            for (path,) in connection.execute("SELECT path FROM midi_paths").fetchall()
            if path.endswith("loop.mid") and "/library/" not in path
        )
        assert "l/loop.mid" not in rows_of_midi(connection, [path]).library


def test_the_command_line_says_what_has_changed_and_what_to_do(top: Path) -> None:
    """After a list, not in it; a run without sources needs a library."""
    store, library = ("--db", top / "m.duckdb"), ("--library", top / "library")
    plan = ended_here("midi", "run", "--dry-run", *library, *store).stdout
    assert plan.startswith("no file of the library was changed there\nnothing was written\n")
    said = "1 file of the library has changed since then; `etl midi run` looks at it"
    assert "changed since" not in ended_here("midi", "find", "loop", *store).stderr
    edit(only(top / "library", "loop.mid"), up=3)
    for command in (("find", "loop"), ("stats",)):
        done = ended_here("midi", *command, "--json", *store)
        assert (done.returncode, said in done.stderr) == (0, True)
        json.loads(done.stdout)
    plan = ended_here("midi", "run", "--dry-run", *library, *store).stdout
    assert plan.startswith("1 file of the library to look at, changed there\nnothing was written\n")
    run = ended_here("midi", "run", "--workers", "0", *library, *store)
    assert ("1 file edited in the library" in run.stdout, "found" in run.stdout) == (True, False)
    nothing = ended_here("midi", "run", "--library", top / "none", *store)
    assert (nothing.returncode, "no sources" in nothing.stderr) == (2, True)


def test_edits_of_what_was_wrapped_are_noticed_too(tmp_path: Path) -> None:
    """The copy of a RIFF file is the MIDI file in it, with a hash of its own; a new time alone is no edit."""
    (tmp_path / "in").mkdir()
    midi = loop()
    riff = b"RIFF" + struct.pack("<I", len(midi) + 12) + b"RMIDdata" + struct.pack("<I", len(midi)) + midi
    (tmp_path / "in" / "wrapped.rmi").write_bytes(riff)
    run_midi(request(tmp_path))
    copy = only(tmp_path / "library", "wrapped.mid")
    os.utime(copy, ns=(1, 1))
    assert take_up(tmp_path).edited == 0
    edit(copy, up=3)
    assert take_up(tmp_path).edited == 1
    assert library_key(tmp_path, "wrapped.mid") == "C Minor"


def test_a_library_of_an_earlier_version_is_looked_at_once(top: Path) -> None:
    """Copies edited before are taken up; parts whose hashes were not kept are taken as they are."""
    edit(only(top / "library", "loop.mid"), up=3)
    edit(only(top / "library", "Long_Song_t03*.mid"), up=3)
    with duckdb.connect(str(top / "m.duckdb")) as connection:
        connection.execute(
            "UPDATE midi_library SET content_sha256 = NULL, size_bytes = NULL, mtime_ns = NULL"
        )
    assert count_touched(top / "m.duckdb") == 0
    assert take_up(top).edited == 1
    assert take_up(top).edited == 0
    edit(only(top / "library", "Long_Song_t03*.mid"), up=2)
    assert take_up(top).edited == 1


def test_a_transposed_file_is_what_its_name_says_but_for_the_key(tmp_path: Path) -> None:
    """The words of the name, and the tempo in it, hold for the edit too."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Pad_Am_97bpm.mid").write_bytes(loop())
    run_midi(request(tmp_path))
    edit(only(tmp_path / "library", "Pad_Am_97bpm.mid"), up=3)
    take_up(tmp_path)
    rows = find_files(tmp_path / "m.duckdb").sort("key")
    assert rows["key"].to_list() == ["A Minor", "C Minor"]
    assert rows["category"].unique().to_list() == ["Chords"]
    assert rows["bpm"].n_unique() == 1
    assert all("pad" in tags for tags in rows["tags"])


def test_a_library_that_is_a_source_too_keeps_its_paths(top: Path) -> None:
    """A file with a new time, and an edit that is undone, stay where they were found."""
    loop = only(top / "library", "loop.mid")
    original = loop.read_bytes()
    of_library = replace(request(top), sources=(top / "library",))
    run_midi(of_library)
    for content in (original, edit(loop, up=3), original):
        loop.write_bytes(content)
        run_midi(of_library)
        assert library_paths(top).count(str(loop)) == 1


def library_paths(top: Path) -> list[str]:
    """Give the paths in the library that are there."""
    with read_store(top / "m.duckdb") as connection:
        rows = connection.execute("SELECT path FROM midi_paths WHERE gone_at IS NULL").fetchall()
    return [path for (path,) in rows if path.startswith(str(top / "library"))]
