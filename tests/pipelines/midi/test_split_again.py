"""Parts of a copy that somebody has edited in the library: they are those of the edit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mido
import pytest

from etl.pipelines.midi import split_again as module
from etl.pipelines.midi.find import count_touched, find_parts
from etl.pipelines.midi.rename import rename_library
from etl.pipelines.midi.request import PartsWanted, Stage
from etl.pipelines.midi.run import run_midi
from tests.pipelines.midi.test_edited import edit, filled, only, take_up, top  # noqa: F401 (fixtures)
from tests.pipelines.midi.test_parts import export, request
from tests.support.stored import stored_rows

if TYPE_CHECKING:
    from pathlib import Path


def pitches(file: Path) -> set[int]:
    """Give the pitches of a file."""
    return {message.note for message in mido.MidiFile(file) if message.type == "note_on"}


def parts_of(library: Path, song: str = "Long_Song") -> dict[str, Path]:
    """Give the parts of a song by their place in it."""
    found = sorted(library.rglob(f"{song}_t*.mid"))
    return {path.name.removeprefix(f"{song}_")[:3]: path for path in found}


def without(file: Path, *names: str) -> None:
    """Take tracks out of a file."""
    opened: Any = mido.MidiFile(file)
    opened.tracks = [track for track in opened.tracks if track.name not in names]
    opened.save(file)


def test_parts_of_an_edited_copy_are_those_of_the_edit(top: Path) -> None:  # noqa: F811
    """At their places, under their names, in `find`, on a drive; also once the edit is undone."""
    library, database = top / "library", top / "m.duckdb"
    copy, parts = only(library, "Long_Song.mid"), parts_of(library)
    original = copy.read_bytes()
    before = {name: path.read_bytes() for name, path in parts.items()}
    edit(copy, up=3)
    result = take_up(top)
    assert (result.edited, result.parts) == (1, 4)
    assert parts_of(library) == parts
    assert {each + 3 for each in (33, 26, 28)} == pitches(parts["t03"])
    listed = find_parts(database, key="Cm", limit=500).filter(path=str(copy))
    assert sorted(listed["library_name"].drop_nulls()) == [
        str(parts[name].relative_to(library)) for name in ("t03", "t04", "t05")
    ]
    index = export(top, top / "drive")
    (bass,) = (path for path in index if path.endswith(parts["t03"].name))
    assert index[bass]["key"] == "C Minor"
    assert (top / "drive" / "MPC_Documents" / bass).read_bytes() == parts["t03"].read_bytes()
    assert count_touched(database) == 0
    again = take_up(top)
    assert (again.edited, again.parts) == (0, 0)
    copy.write_bytes(original)
    assert take_up(top).parts == 4
    assert {name: path.read_bytes() for name, path in parts_of(library).items()} == before
    assert (take_up(top).parts, run_midi(request(top)).edited) == (0, 0)


def test_a_part_that_was_edited_itself_stays_as_it_was_made(top: Path) -> None:  # noqa: F811
    """The others follow the copy."""
    library = top / "library"
    parts = parts_of(library)
    mine = edit(parts["t05"], up=5)
    edit(only(library, "Long_Song.mid"), up=3)
    assert take_up(top).parts == 3
    assert parts["t05"].read_bytes() == mine
    assert take_up(top).parts == 0
    edit(only(library, "Long_Song.mid"), up=1)
    assert take_up(top).parts == 3
    assert parts["t05"].read_bytes() == mine
    assert run_midi(request(top, force=True)).edited == 0
    assert parts["t05"].read_bytes() == mine
    assert parts_of(library) == parts


def test_parts_come_and_go_with_the_tracks_of_an_edit(top: Path) -> None:  # noqa: F811
    """Tracks that were taken out have no part any more; those of a file that had one track are split."""
    library = top / "library"
    without(only(library, "Long_Song.mid"), "top", "Kit")
    take_up(top)
    assert parts_of(library).keys() == {"t02", "t03"}
    without(only(library, "Long_Song.mid"), "low")
    take_up(top)
    assert parts_of(library) == {}
    loop, short = only(library, "loop.mid"), only(library, "Short.mid")
    loop.write_bytes(short.read_bytes() + b"junk")
    assert take_up(top).parts == 4
    assert parts_of(library, "loop").keys() == {"t02", "t03", "t04", "t05"}


def test_parts_of_an_edited_copy_are_named_with_it(top: Path) -> None:  # noqa: F811
    """By what they are now, or after their file."""
    library, database = top / "library", top / "m.duckdb"
    edit(only(library, "Long_Song.mid"), up=3, bpm=90.0)
    take_up(top)
    done = rename_library(library, database, template="{bpm}bpm_{key}_{category}")
    names = {entry.new.rpartition("/")[2] for entry in done.files}
    assert {"90bpm_Cmin_bass.mid", "90bpm_Cmin_melody.mid"} <= names
    rename_library(library, database, template="{category}_{bpm}", parts=PartsWanted.NO)
    assert len(list(library.rglob("*_90_t0*.mid"))) == 4
    assert take_up(top).parts == 0


def test_a_run_that_was_killed_while_it_split_again_is_finished(
    top: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parts that were written, but are not in the store yet, are no edits."""
    library = top / "library"
    edit(only(library, "Long_Song.mid"), up=3)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "put_parts", killed)
        with pytest.raises(KeyboardInterrupt):
            take_up(top)
    result = take_up(top)
    assert (result.edited, result.parts) == (0, 4)
    assert pitches(parts_of(library)["t03"]) == {36, 29, 31}
    edited = stored_rows(
        top / "m.duckdb", "SELECT count(*) FROM midi_library WHERE edited_sha256 IS NOT NULL"
    )
    assert edited == [(1,)]


def test_only_what_is_split_is_split_again(top: Path) -> None:  # noqa: F811
    """Not by a run without that stage; copies that are no whole file any more keep their parts."""
    library = top / "library"
    copy, parts = only(library, "Long_Song.mid"), parts_of(library)
    before = {name: path.read_bytes() for name, path in parts.items()}
    copy.write_bytes(copy.read_bytes()[:300])
    assert (take_up(top).parts, take_up(top).spoilt) == (0, 1)
    assert {name: path.read_bytes() for name, path in parts_of(library).items()} == before
    loop, short = only(library, "loop.mid"), only(library, "Short.mid")
    loop.write_bytes(short.read_bytes() + b"junk")
    stages = frozenset({Stage.SANITIZE, Stage.ANALYZE})
    assert run_midi(replace(request(top), sources=(), stages=stages)).parts == 0
    assert not parts_of(library, "loop")
