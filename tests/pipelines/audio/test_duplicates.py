"""What is in a library more than once."""

from __future__ import annotations

import mutagen
import numpy as np
import pytest
import soundfile as sf

from etl.pipelines.audio.duplicates import Sameness, find_duplicates
from etl.store.database import open_store
from tests.support.audio_files import encode
from tests.support.audio_pieces import pieces, render
from tests.support.tracks import run, store_of


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Describe ten pieces, one of them also as MP3, AAC and at another level, one under other tags."""
    folder = tmp_path_factory.mktemp("copies") / "music"
    folder.mkdir()
    sounds = [render(piece) for piece in pieces(10, seconds=12.0, seed=6)]
    for number, sound in enumerate(sounds):
        sf.write(folder / f"{number}.flac", sound, 22_050)
    other = folder / "other tags.flac"
    other.write_bytes((folder / "2.flac").read_bytes())
    stereo = np.stack([sounds[4], sounds[4]])
    encode(folder / "4.mp3", stereo, 22_050, "libmp3lame")
    encode(folder / "4.m4a", stereo, 22_050, "aac")
    sf.write(folder / "4 quiet.flac", 0.4 * sounds[4], 22_050)
    run(folder)
    return folder


def names(group):
    """Give the files of a group."""
    return [copy.path.rpartition("/")[2] for copy in group.tracks]


def test_the_same_content_and_nearly_the_same_sound_are_told_apart(library):
    """Copies are the same sound; other codings and another level are near; different pieces are neither."""
    playlist = library.parent / "copies.m3u8"
    found = find_duplicates(store_of(library), playlist).groups
    assert [(group.sameness, names(group)) for group in found] == [
        (Sameness.SOUND, ["2.flac", "other tags.flac"]),
        (Sameness.NEAR, ["4 quiet.flac", "4.flac", "4.m4a", "4.mp3"]),
    ]
    assert mutagen.File(found[0].tracks[0].path) is not None
    listed = [line for line in playlist.read_text().splitlines() if not line.startswith("#")]
    assert listed == [copy.path for group in found for copy in group.tracks]


def test_a_library_without_descriptions_has_the_copies_it_knows_of(tmp_path):
    """Nothing described is nothing near, and no error."""
    with open_store(tmp_path / "s.duckdb"):
        pass
    assert find_duplicates(tmp_path / "s.duckdb").groups == []
