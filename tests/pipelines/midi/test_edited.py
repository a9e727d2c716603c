"""Files of the library that somebody has edited there."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import mido
import pytest

from etl.midi.mpc import DriveFormat
from etl.midi.rework import Rework
from etl.pipelines.midi.drive_files import DriveOptions
from etl.pipelines.midi.export import export_drive
from etl.pipelines.midi.rename import rename_library
from etl.pipelines.midi.run import run_midi
from tests.pipelines.midi.test_parts import export, fill, request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Fill a library."""
    fill(tmp_path)
    return tmp_path


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
