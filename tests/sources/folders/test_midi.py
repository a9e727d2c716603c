"""Which files of folders are MIDI files and archives."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

from etl.runtime.limits import ArchiveLimits
from etl.sources.archives.limits import Refusal
from etl.sources.folders.midi import Found, find_midi
from tests.support.midi_oracle import midi_bytes

SONG = midi_bytes([[]])


def zipped() -> bytes:
    """Make a zip with one song."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.mid", SONG)
    return buffer.getvalue()


def test_midi_and_archives_are_known_by_name_or_content(tmp_path: Path) -> None:
    """Links back up, unreadable files and huge ones neither stop the walk nor repeat it."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a.mid").write_bytes(SONG)
    (tmp_path / "b" / "c.KAR").write_bytes(SONG)
    (tmp_path / "b" / "nameless").write_bytes(SONG)
    (tmp_path / "b" / "text.txt").write_bytes(b"text")
    (tmp_path / "b" / "half.zip.part").write_bytes(zipped())
    (tmp_path / "b" / "z.zip").write_bytes(zipped())
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "gone.mid").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b" / "gone").symlink_to(tmp_path / "nowhere")
    with (tmp_path / "sparse.mid").open("wb") as file:
        file.truncate(4 * 2**30)
    entries = list(find_midi([tmp_path]))
    found = [entry for entry in entries if isinstance(entry, Found)]
    paths = [entry.path.removeprefix(f"{tmp_path}/") for entry in found]
    assert paths == ["a.mid", "b/c.KAR", "b/nameless", "b/z.zip"]
    assert [entry.is_archive for entry in found] == [False, False, False, True]
    refused = {Path(entry.path).name: entry.category for entry in entries if isinstance(entry, Refusal)}
    assert refused == {"sparse.mid": "cap", "gone.mid": "unreadable"}


def test_names_in_no_encoding_are_kept_apart(tmp_path: Path) -> None:
    """A name that is no UTF-8 has a path as text, and can still be opened."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mid")).write_bytes(SONG)
    (entry,) = find_midi([tmp_path])
    assert isinstance(entry, Found)
    assert entry.path.endswith("caf\\xe9.mid")
    assert Path(entry.location).read_bytes() == SONG


def test_the_filter_keeps_matching_paths(tmp_path: Path) -> None:
    """Only paths that match the glob are taken; archives are always looked into."""
    for name in ("drum_1.mid", "bass.mid"):
        (tmp_path / name).write_bytes(SONG)
    (tmp_path / "pack.zip").write_bytes(zipped())
    names = [Path(entry.path).name for entry in find_midi([tmp_path], pattern="*drum*")]
    assert names == ["drum_1.mid", "pack.zip"]


def test_the_library_is_no_find(tmp_path: Path) -> None:
    """Our own copies are passed by, unless they are what is asked for."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "copy.mid").write_bytes(SONG)
    (refusal,) = find_midi([tmp_path], library=tmp_path / "library")
    assert refusal == Refusal(str(tmp_path), "nothing", "no MIDI files and no archives")
    assert len(list(find_midi([tmp_path / "library"], library=tmp_path / "library"))) == 1


def test_caps_are_given(tmp_path: Path) -> None:
    """Files and archives on disk have caps of their own."""
    (tmp_path / "a.mid").write_bytes(SONG)
    (tmp_path / "z.zip").write_bytes(zipped())
    small = ArchiveLimits(member_bytes=1, archive_bytes=1)
    categories = [e.category for e in find_midi([tmp_path], limits=small) if isinstance(e, Refusal)]
    assert categories == ["cap", "cap"]


def test_a_file_that_only_calls_itself_an_archive_is_refused(tmp_path: Path) -> None:
    """A download that went wrong is told, not passed by; so is an archive that is a link to nothing."""
    (tmp_path / "a.zip").write_bytes(b"<html>404</html>")
    (tmp_path / "b.tar.gz").write_bytes(b"")
    (tmp_path / "c.rar").symlink_to(tmp_path / "nowhere")
    entries = list(find_midi([tmp_path]))
    assert [(Path(entry.path).name, entry.category) for entry in entries if isinstance(entry, Refusal)] == [
        ("a.zip", "damaged"),
        ("b.tar.gz", "damaged"),
        ("c.rar", "unreadable"),
    ]
    assert not [entry for entry in entries if isinstance(entry, Found)]


def test_what_is_named_and_gives_nothing_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Relatives of the MIDI file, web pages called zip, empty archives, other files, empty folders."""
    contents = {
        "a.xmf": b"XMF_1.00", "b.MXMF": b"x", "c.xmi": b"FORM", "d.midi2": b"SMF2CLIP", "e.txt": b"text",
        "f.zip": b"\r\n<!DOCTYPE html><html>", "g.zip": b"", "h.zip": b"other", "i.exe": b"MZ" + bytes(600),
    }  # fmt: skip
    (tmp_path / "empty").mkdir()
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "j.exe").write_bytes(b"MZ" + bytes(600) + zipped())
    (tmp_path / "link").symlink_to(tmp_path / "music")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a.mid").write_bytes(SONG)
    sources = [tmp_path / name for name in (*contents, "empty", "j.exe", "music", "link")]
    entries = list(find_midi(sources))
    refused = {Path(each.path).name: each for each in entries if isinstance(each, Refusal)}
    categories = {name: each.category for name, each in refused.items()}
    assert categories == {
        "a.xmf": "unsupported", "b.MXMF": "unsupported", "c.xmi": "unsupported", "d.midi2": "unsupported",
        "e.txt": "nothing", "f.zip": "damaged", "g.zip": "damaged", "h.zip": "damaged", "i.exe": "nothing",
        "empty": "nothing",
    }  # fmt: skip
    assert "web page" in refused["f.zip"].reason
    assert "empty file" in refused["g.zip"].reason
    assert [Path(each.path).name for each in entries if isinstance(each, Found)] == ["j.exe", "a.mid"]


def test_below_a_source_other_files_are_passed_over(tmp_path: Path) -> None:
    """Only what is named must give something; a filter that nothing matches is told."""
    (tmp_path / "a.txt").write_bytes(b"text")
    (tmp_path / "b.mid").write_bytes(SONG)
    assert [type(each) for each in find_midi([tmp_path])] == [Found]
    (refusal,) = find_midi([tmp_path], pattern="*drum*")
    assert isinstance(refusal, Refusal)
    assert (refusal.path, refusal.reason) == (
        str(tmp_path),
        "no MIDI files that match *drum* and no archives",
    )
