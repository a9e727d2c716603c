"""Genres on the command line: what would be asked, a stage of the library, and a run that is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

from etl.pipelines.audio.run import LibraryStage, plan_library, run_library
from tests.support import tracks
from tests.support.command_line import environment, etl, run_here
from tests.support.forked import Copy
from tests.support.genre_servers import mbid_of

if TYPE_CHECKING:
    import pytest

    from tests.pipelines.genres.conftest import World

_PER_SECOND = 5


def serve(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands ask the servers."""
    for name in ("musicbrainz", "listenbrainz", "lastfm"):
        monkeypatch.setenv(f"ETL_{name.upper()}_URL", world.server(name).url)
        monkeypatch.setenv(f"ETL_{name.upper()}_PER_SECOND", str(_PER_SECOND))


def test_estimate_of_a_large_library(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,100 artists and 4,000 albums are 6,100 requests to MusicBrainz, one a second: 1.7 hours."""
    monkeypatch.setenv("ETL_CONTACT", "someone@example.org")
    monkeypatch.delenv("LASTFM_API_KEY")
    for n in range(4000):
        world.track(artistid=mbid_of(f"artist {n % 2100}"), releasegroupid=mbid_of(f"album {n}"))
    said = run_here("genres", "fetch", "--estimate", "--db", world.written())
    assert said.splitlines()[:2] == [
        "MusicBrainz: 2,100 artists and 4,000 albums to ask, 6,100 requests, 1 h 41 min",
        "ListenBrainz: 2,100 artists to ask, 42 requests, 42 s",
    ]
    assert "Last.fm: 2,100 artists to ask; skipped: no key is set for Last.fm" in said
    plan = json.loads(
        run_here("genres", "fetch", "--dry-run", "--limit", "10", "--json", "--db", world.written())
    )
    assert [source["requests"] for source in plan["sources"]] == [10, 1, 10]


def test_genres_are_a_stage_of_the_library(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs where it is named, and its plan sends nothing."""
    serve(world, monkeypatch)
    world.track("x", "Pop", artistid=mbid_of("x"))
    world.musicbrainz.genres = {mbid_of("x"): {"art pop": 1}}
    request = tracks.request(world.written().parent / "music", LibraryStage.GENRES)
    plan = plan_library(world.written(), request)
    assert plan.genres is not None
    assert (plan.genres.requests, world.requests()) == (3, (0, 0, 0))
    result = run_library(world.written(), request)
    assert result.genres is not None
    assert result.genres.genres is not None
    assert world.requests() == (1, 1, 1)
    assert ("art pop",) in world.rows("SELECT name FROM track_genres")
    said = run_here("library", "run", "--stages", "genres", "--db", world.written())
    assert "pairs of near genres" in said


def test_killed_run_goes_on_at_the_same_pace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After SIGKILL each artist is asked about once, the one under way twice at most, never too soon."""
    serve(world, monkeypatch)
    number = 8
    for each in range(number):
        world.track("x", "Pop", artistid=mbid_of(str(each)))
        world.musicbrainz.genres[mbid_of(str(each))] = {"pop": 1}
    command = etl("genres", "fetch", "--db", world.written())
    process = Copy(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(world.musicbrainz.arrivals) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    sent = len(world.musicbrainz.arrivals)
    assert 3 <= sent < number
    world.ask_as_set()
    assert number <= len(world.musicbrainz.arrivals) <= number + 1
    assert len(world.musicbrainz.asked) == number
    with closing(sqlite3.connect(os.environ["ETL_LIMITS"])) as record:
        stamps = record.execute("SELECT at FROM permits WHERE service = 'musicbrainz' ORDER BY at").fetchall()
    gaps = [later - sooner for (sooner,), (later,) in pairwise(stamps)]
    assert len(stamps) - len(world.musicbrainz.arrivals) in {0, 1}  # one that was taken as the kill came
    assert min(gaps) > 0.99 / _PER_SECOND
    arrivals = world.musicbrainz.arrivals
    assert arrivals[-1] - arrivals[0] > 0.9 * len(gaps) / _PER_SECOND
