"""What the tests of the enrichment share."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from etl.chords.keys import KeyMethod
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from tests.support.spotify_songs import write_songs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def limits_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the record of requests of a test to itself."""
    path = tmp_path / "state" / "limits.sqlite"
    monkeypatch.setenv("ETL_LIMITS", str(path))
    return path


@pytest.fixture(scope="session")
def built_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analyze sixty songs once."""
    folder = tmp_path_factory.mktemp("songs")
    build(
        Data3Build(
            inputs=(write_songs(folder / "songs.csv", 60),),
            output=folder / "data3.csv",
            database=folder / "music.duckdb",
            npz=None,
            method=KeyMethod.KRUMHANSL,
            limit=None,
            force=False,
            workers=0,
        )
    )
    return folder / "music.duckdb"


@pytest.fixture
def sixty_songs(built_store: Path, tmp_path: Path) -> Path:
    """Give a store of sixty songs by nine artists, about which nothing was asked."""
    shutil.copy(built_store, tmp_path / "music.duckdb")
    return tmp_path / "music.duckdb"
