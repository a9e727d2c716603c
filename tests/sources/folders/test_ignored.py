"""What walks leave out: patterns as git has them, files that hold some, and what is never music."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.sources.folders.ignored import NEVER_MUSIC, Ignored
from etl.sources.folders.walk import Aside, File, walk


def fill(top: Path, *paths: str) -> None:
    """Make files that hold their names."""
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(path)


def found(top: Path, *ignore: str) -> list[str]:
    """Give the files of a walk, below the top, sorted."""
    entries = walk([top], follow_links=False, ignore=ignore)
    return sorted(str(Path(entry.location).relative_to(top)) for entry in entries if isinstance(entry, File))


@pytest.mark.parametrize(
    ("pattern", "path", "is_left_out"),
    [
        ("*.part", "a.part", True),
        ("*.part", "deep/down/a.part", True),
        ("*.part", "a.part.mp3", False),
        ("Live", "x/Live", True),
        ("Live/", "x/Live", False),
        ("/Live", "x/Live", False),
        ("/Live", "Live", True),
        ("x/*.mp3", "x/a.mp3", True),
        ("x/*.mp3", "y/x/a.mp3", False),
        ("x/*.mp3", "x/y/a.mp3", False),
        ("x/**/a.mp3", "x/a.mp3", True),
        ("x/**/a.mp3", "x/y/z/a.mp3", True),
        ("**/tmp/*", "a/b/tmp/c", True),
        ("tmp/**", "tmp/a/b", True),
        ("?.mp3", "a.mp3", True),
        ("?.mp3", "ab.mp3", False),
        ("[ab].mp3", "b.mp3", True),
        ("[!ab].mp3", "b.mp3", False),
        ("[!ab].mp3", "c.mp3", True),
        ("[z-a].mp3", "b.mp3", False),
        (r"\#x", "#x", True),
        (r"\!x", "!x", True),
        ("a.b", "aXb", False),
        ("#recycle", "#recycle", True),
        ("[", "[", True),
        ("Ä*", "Ärger.mp3", True),
    ],
)
def test_a_pattern_matches_as_git_has_it(pattern, path, is_left_out):
    """Files by name, by path, with anchors, stars, sets and escapes."""
    rules = Ignored().below("/music", [pattern])
    assert rules.leaves_out(f"/music/{path}", path.rpartition("/")[2], is_folder=False) is is_left_out


def test_the_last_pattern_that_matches_decides(tmp_path):
    """An exclamation mark takes a file in again."""
    fill(tmp_path, "a.mp3", "b.mp3", "c.flac")
    assert found(tmp_path, "*.mp3", "!b.mp3") == ["b.mp3", "c.flac"]


def test_bins_and_what_is_not_whole_are_never_music(tmp_path):
    """The folders and files that network drives, macOS and downloads leave are passed by."""
    fill(
        tmp_path, "a.mp3", "#recycle/b.mp3", "x/#recycle/b.mp3", ".Trash-1000/files/c.mp3", ".Trashes/c.mp3",
        "x/@eaDir/a.mp3/SYNOAUDIO.mp3", "._a.mp3", "d.mp3.part", "x/part.mp3",
    )  # fmt: skip
    assert found(tmp_path, *NEVER_MUSIC) == ["a.mp3", "x/part.mp3"]
    assert found(tmp_path / "#recycle", *NEVER_MUSIC) == ["b.mp3"]


def test_a_file_of_patterns_holds_for_its_folder_and_below(tmp_path):
    """Comments and empty lines say nothing; a deeper file adds to, and may undo, what one above says."""
    fill(tmp_path, "a.wav", "x/a.wav", "x/b.mp3", "x/y/a.wav", "z/b.mp3", "x/stems/s.flac")
    (tmp_path / "x" / ".etlignore").write_bytes(b"\xef\xbb\xbf# takes\r\n\r\n*.wav\r\nstems/\r\n")
    (tmp_path / "x" / "y" / ".etlignore").write_text("!a.wav\n")
    audio = [name for name in found(tmp_path) if not name.endswith(".etlignore")]
    assert audio == ["a.wav", "x/b.mp3", "x/y/a.wav", "z/b.mp3"]


def test_links_to_folders_that_are_not_followed_are_told(tmp_path):
    """Each once, with its path; followed, they are folders like others."""
    fill(tmp_path, "elsewhere/a", "in/b")
    (tmp_path / "in" / "link").symlink_to("../elsewhere")
    told = [entry for entry in walk([tmp_path / "in"], follow_links=False) if isinstance(entry, Aside)]
    assert told == [Aside(str(tmp_path / "in" / "link"), is_link=True)]
    followed = list(walk([tmp_path / "in"], follow_links=True))
    assert not any(isinstance(entry, Aside) for entry in followed)


def test_a_folder_on_another_drive_is_told(tmp_path):
    """Scans remember drives: an empty one may be one that is not mounted."""
    memory = Path("/dev/shm")  # noqa: S108 -- a drive of its own, on Linux
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second drive here")
    (tmp_path / "drive").symlink_to(memory)
    told = [entry for entry in walk([tmp_path], follow_links=True) if isinstance(entry, Aside)]
    assert Aside(str(tmp_path / "drive"), is_link=False) in told
