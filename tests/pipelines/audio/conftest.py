"""A folder of music, before and after it is described."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from etl.store.bursts import writing
from etl.store.database import open_store
from tests.support.library import Library, write
from tests.support.tracks import run, store_of, write_track


@pytest.fixture(scope="package")
def original(tmp_path_factory):
    """Give a folder of six tracks, a copy, a broken file and a picture."""
    folder = tmp_path_factory.mktemp("original") / "music"
    for seed in range(6):
        write_track(folder / f"album{seed % 2}" / f"{seed}.flac", seed)
    shutil.copy(folder / "album0" / "0.flac", folder / "copy of 0.flac")
    (folder / "broken.mp3").write_bytes(b"no audio at all" * 100)
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 picture")
    return folder


@pytest.fixture
def music(original, tmp_path):
    """Give a copy of the folder without a store."""
    return Path(shutil.copytree(original, tmp_path / "music"))


@pytest.fixture(scope="package")
def described_once(original):
    """Give the store of a run over the original folder."""
    run(original)
    return store_of(original)


@pytest.fixture
def described(music, original, described_once):
    """Give a copy of the folder with the store of a finished run."""
    database = Path(shutil.copy(described_once, store_of(music)))
    with open_store(database) as connection:
        connection.execute("UPDATE files SET path = replace(path, ?, ?)", [str(original), str(music)])
    return music


@pytest.fixture
def library(tmp_path):
    """Give a library of three tracks that no scan has seen."""
    for seed in range(3):
        write(tmp_path / "music" / f"album{seed}" / f"{seed}.flac", seed, title=f"Song {seed}")
    with writing(tmp_path / "s.duckdb", "test", {}) as store:
        yield Library(tmp_path / "music", store)
