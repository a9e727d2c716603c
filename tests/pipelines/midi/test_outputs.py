"""What a run leaves in the library: names, plain files, tags of every place a file was found at."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg"

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import duckdb
import mido
import pytest

from etl.midi.containers import plain_midi
from etl.pipelines.midi.find import library_query
from etl.pipelines.midi.request import MidiRun, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.limits import Limits
from tests.support.empty_store import empty_store
from tests.support.midi_corpus import numbered
from tests.support.midi_oracle import midi_bytes

ALL = frozenset(Stage)
NOTE = [mido.Message("note_on", note=60, velocity=9), mido.Message("note_off", note=60, time=480)]
SONG = midi_bytes([NOTE, [message.copy(channel=1) for message in NOTE]])


def run(*sources: Path, top: Path, stages=ALL, **options):
    """Run the pipeline over sources into a library below ``top``."""
    database = empty_store(top / "m.duckdb")
    request = MidiRun(sources, database, top / "library", frozenset(stages), **{"workers": 0, **options})
    return run_midi(request)


def rows(top: Path, query: str) -> list[tuple]:
    """Ask the store."""
    with duckdb.connect(str(top / "m.duckdb"), read_only=True) as connection:
        return connection.sql(query).fetchall()


def put(folder: Path, *names: str, blob: bytes = SONG) -> None:
    """Write a file under several names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(blob)


def in_riff(blob: bytes, behind: bytes = b"") -> bytes:
    """Wrap a MIDI file as .rmi files are."""
    data = b"RMIDdata" + len(blob).to_bytes(4, "little") + blob + behind
    return b"RIFF" + len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize(
    "wrapped",
    [
        in_riff(SONG),
        in_riff(SONG, b"LIST\x04\x00\x00\x00INFO"),
        bytes(128) + SONG,
        b"Subject: a song\n\n" + SONG,
        SONG,
    ],
)
def test_wrapped_files_become_plain_ones(tmp_path: Path, wrapped):
    """What is in the library starts with MThd and ends with its last track, so that a sampler reads it."""
    put(tmp_path / "in", "song.rmi", blob=wrapped)
    run(tmp_path / "in", top=tmp_path)
    assert (tmp_path / "library" / "s" / "song.mid").read_bytes() == SONG


def test_a_riff_file_whose_sizes_are_wrong_is_not_cut():
    """A length that lies costs no notes: what follows the header stays whole."""
    wrapped = bytearray(in_riff(SONG))
    wrapped[16:20] = (20).to_bytes(4, "little")
    wrapped[4:8] = (7).to_bytes(4, "little")
    assert plain_midi(bytes(wrapped)) == SONG


def test_a_killed_run_leaves_no_second_copy_of_a_wrapped_file(tmp_path: Path):
    """A plain copy that a killed run has put in place is known again, although its hash is another."""
    put(tmp_path / "in", "song.rmi", blob=in_riff(SONG))
    run(tmp_path / "in", top=tmp_path)
    (tmp_path / "m.duckdb").unlink()
    run(tmp_path / "in", top=tmp_path)
    assert [path.name for path in (tmp_path / "library" / "s").glob("*.mid")] == ["song.mid"]


def test_words_above_the_source_are_no_tags(tmp_path: Path):
    """A file is not house music because its owner's folder is called so; the folders in the source count."""
    home = tmp_path / "house" / "jazz"
    put(home, "techno/one.mid")
    with zipfile.ZipFile(home / "metal.zip", "w") as archive:
        archive.writestr("punk/two.mid", SONG + b"\0")
    tags = (
        "SELECT path, tag FROM midi_tags JOIN midi_paths USING (sha256) WHERE source = 'folder' ORDER BY ALL"
    )
    run(home, top=tmp_path)
    assert rows(tmp_path, tags) == [
        (f"{home}/metal.zip!punk/two.mid", "metal"),
        (f"{home}/metal.zip!punk/two.mid", "punk"),
        (f"{home}/techno/one.mid", "techno"),
    ]


def test_pieces_and_several_sources_know_their_roots(tmp_path: Path):
    """Of a file given by itself nothing above it counts; of a source in a source the inner one's folders."""
    put(tmp_path / "house", "jazz/one.mid")
    put(tmp_path / "house", "jazz/funk/two.mid", blob=SONG + b"\0")
    run(tmp_path / "house" / "jazz" / "one.mid", tmp_path / "house" / "jazz", top=tmp_path)
    assert rows(tmp_path, "SELECT tag FROM midi_tags WHERE source = 'folder'") == [("funk",)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(Limits(), id="one batch"),
        pytest.param(Limits(batch_files=1), id="one burst"),
        pytest.param(Limits(batch_files=1, burst_items=1), id="two bursts"),
    ],
)
def test_every_place_of_a_file_gives_tags(tmp_path: Path, limits, force):
    """One content under two names has the tags of both, written together or not, at once or again."""
    put(tmp_path / "in", "a/pad.mid", "b/trance lead.mid")
    run(tmp_path / "in", top=tmp_path, limits=limits)
    first = "SELECT category, category_reason FROM midi_analysis"
    before = rows(tmp_path, first)
    if force:
        run(tmp_path / "in", top=tmp_path, force=True, limits=limits)
    names = rows(tmp_path, "SELECT tag FROM midi_tags WHERE source = 'name' ORDER BY tag")
    assert names == [("lead",), ("pad",), ("trance",)]
    assert rows(tmp_path, first) == before
    assert rows(tmp_path, "SELECT count(*) FROM (SELECT DISTINCT * FROM midi_tags)") == rows(
        tmp_path, "SELECT count(*) FROM midi_tags"
    )


def test_a_place_found_later_adds_its_tags(tmp_path: Path):
    """A copy that turns up in a later run is no new file, but its name counts."""
    put(tmp_path / "in", "a.mid")
    run(tmp_path / "in", top=tmp_path)
    put(tmp_path / "in", "house bass.mid")
    assert run(tmp_path / "in", top=tmp_path).new == 0
    names = rows(tmp_path, "SELECT tag FROM midi_tags WHERE source = 'name' ORDER BY tag")
    assert names == [("bass",), ("house",)]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("été".encode("latin-1"), "ete.mid"),
        ("été".encode(), "ete.mid"),
        ("élan".encode("latin-1"), "elan.mid"),
        (b"-rf --", "rf.mid"),
        ("ドラム loop".encode("shift_jis"), "doramu_loop.mid"),
    ],
)
def test_names_on_disk_are_read_in_whatever_encoding(tmp_path: Path, raw, name):
    """Accents in no UTF-8 are transliterated like others; no name begins like an option."""
    folder = tmp_path / "in"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/" + raw + b".mid")).write_bytes(SONG)
    run(folder, top=tmp_path)
    assert rows(tmp_path, "SELECT name FROM midi_library WHERE track IS NULL") == [(name,)]


def test_no_part_is_written_over_a_file_of_others(tmp_path: Path):
    """What lies where a part would go stays; the part takes another name."""
    put(tmp_path / "in", "song.mid")
    mine = tmp_path / "library" / "s" / "parts" / "song_t01_ch01_grand_piano.mid"
    put(mine.parent, mine.name, blob=b"mine")
    run(tmp_path / "in", top=tmp_path)
    assert mine.read_bytes() == b"mine"
    names = rows(tmp_path, "SELECT name FROM midi_library WHERE track IS NOT NULL ORDER BY ALL")
    assert names == [("song_t01_ch01_grand_piano_1.mid",), ("song_t02_ch02_grand_piano.mid",)]
    assert (mine.parent / names[0][0]).exists()


def test_a_file_of_too_many_parts_is_told(tmp_path: Path):
    """It is copied and analysed like others; that it is not split is a reject with the reason."""
    put(tmp_path / "in", "many.mid", blob=midi_bytes([NOTE] * 600))
    summary = run(tmp_path / "in", top=tmp_path)
    assert (summary.new, summary.parts, summary.rejects) == (1, 0, {"cap": 1})
    assert "600 parts; at most 512 are written" in str(rows(tmp_path, "FROM rejects"))


def test_what_became_readable_is_not_listed_as_unreadable(tmp_path: Path):
    """A file that was broken in an earlier run, and is whole now, is off the list."""
    put(tmp_path / "in", "a.mid", "b.mid", blob=b"no MIDI")
    run(tmp_path / "in", top=tmp_path)
    put(tmp_path / "in", "a.mid", blob=numbered(SONG, 1))
    run(tmp_path / "in", top=tmp_path)
    (row,) = library_query(tmp_path / "m.duckdb", "unreadable").rows(named=True)
    assert (row["files"], Path(row["example"]).name) == (1, "b.mid")
