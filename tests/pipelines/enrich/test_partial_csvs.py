"""Partial CSVs: only when names came, only the newest, and nothing that a kill left."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from etl.pipelines.enrich.partial import keeping_newest, sweep_partials
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.runtime.errors import EtlError
from etl.services.credentials import Credentials
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings
from etl.services.spotify import Spotify
from etl.services.state import MemoryState
from tests.support import spotify_server
from tests.support.spotify_server import SpotifyServer, serving, too_many

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HURRY = Patience(longest_wait=0.01, first_delay=0.0, longest_delay=0.0)


@pytest.fixture
def server() -> Iterator[SpotifyServer]:
    """Serve single look-ups on the loopback."""
    with serving(batches=False) as running:
        yield running


def ask(database: Path, server: SpotifyServer, **options: Any) -> None:
    """Run the enrichment over one connection."""
    credentials = Credentials(spotify_server.CLIENT_ID, spotify_server.CLIENT_SECRET)
    request = Enrichment(database=database, command="etl", folder=database.parent, patience=HURRY, **options)
    enrich(request, Spotify(credentials, ServiceSettings(url=server.url, per_second=10)))


def partials(database: Path) -> list[Path]:
    """List the partial CSVs."""
    return sorted(database.parent.glob("data3_partial_*"))


def test_parking_again_and_again_writes_no_file_without_new_names(
    sixty_songs: Path, server: SpotifyServer
) -> None:
    """Parked four times while it waits: one file after the names that came before, and none after that."""
    server.script = lambda request: too_many("0.3") if 4 <= request.number < 8 else None
    ask(sixty_songs, server, wait=True, budget=9)
    assert len(partials(sixty_songs)) == 1
    assert len(server.requests) == 9


def test_run_that_found_nothing_leaves_no_file(sixty_songs: Path, server: SpotifyServer) -> None:
    """Whatever it has asked for."""
    server.script = lambda _: too_many("85327")
    with pytest.raises(EtlError):
        ask(sixty_songs, server)
    assert partials(sixty_songs) == []


def test_only_the_newest_of_this_store_are_kept(tmp_path: Path) -> None:
    """Those of other stores in the same folder stay, and so does what nobody has noted."""
    state = MemoryState()
    foreign = tmp_path / "data3_partial_20200101_000000_9_songs.csv"
    foreign.touch()
    for number in range(4):
        path = tmp_path / f"data3_partial_20260101_00000{number}_9_songs.csv"
        with keeping_newest(state, path, 2):
            path.touch()
    assert [path.name[14:29] for path in partials(tmp_path / "x")] == [
        "20200101_000000",
        "20260101_000002",
        "20260101_000003",
    ]


def test_two_within_one_second_are_one_file_that_stays(tmp_path: Path) -> None:
    """They have one name; the second replaces the first and is not taken for an old one."""
    state = MemoryState()
    path = tmp_path / "data3_partial_20260101_000000_9_songs.csv"
    for _ in range(2):
        with keeping_newest(state, path, 1):
            path.touch()
    assert partials(tmp_path / "x") == [path]


def test_what_a_kill_left_is_swept(tmp_path: Path) -> None:
    """A half-written file of a process that is gone goes; one that is being written stays."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    left = tmp_path / f".data3_partial_20260101_000000_9_songs.csv.{process.pid}.tmp"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as alive:
        written = tmp_path / f".data3_partial_20260101_000001_9_songs.csv.{alive.pid}.tmp"
        for path in (left, written):
            path.touch()
        sweep_partials(tmp_path)
        assert (left.exists(), written.exists()) == (False, True)
