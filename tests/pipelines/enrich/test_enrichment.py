"""The enrichment pipeline: order of value, one question per id, parking, partial and final CSV."""

from __future__ import annotations

import copy
import csv
import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from etl.chords.keys import KeyMethod
from etl.pipelines.data3.build import build
from etl.pipelines.data3.export import write_stored_csv
from etl.pipelines.data3.request import Data3Build
from etl.pipelines.enrich.estimate import Estimate, estimate
from etl.pipelines.enrich.plan import plan
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.pipelines.enrich.state import StoredState
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import Limits
from etl.services.credentials import Credentials
from etl.services.politeness.breaker import Breaker
from etl.services.politeness.retry import Patience
from etl.services.settings import ServiceSettings, service_settings
from etl.services.spotify import Spotify
from etl.services.spotify_items import ARTIST, KINDS, TRACK
from etl.services.state import MemoryState
from etl.store import answers
from etl.store.bursts import writing
from etl.store.database import open_store, read_store
from etl.store.scope import use_sources
from tests.support import spotify_server as server_module
from tests.support.empty_store import empty_store
from tests.support.spotify_server import SpotifyServer, name_of, seldom, serving, spotify_id, too_many
from tests.support.spotify_songs import write_songs
from tests.support.stored import stored_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etl.pipelines.enrich.result import EnrichmentResult
    from tests.support.spotify_server import Fault, Request

CREDENTIALS = Credentials(server_module.CLIENT_ID, server_module.CLIENT_SECRET)


@pytest.fixture
def server() -> Iterator[SpotifyServer]:
    """Serve on the loopback."""
    with serving() as running:
        yield running


HURRY = Patience(
    first_pause=0.001,
    longest_pause=0.01,
    jitter=0.0,
    first_delay=0.001,
    longest_delay=0.01,
    connect=2.0,
    read=2.0,
)


def spotify_at_rest(**settings: Any) -> Spotify:
    """Make the service for plans and estimates."""
    return Spotify(CREDENTIALS, ServiceSettings(**settings))


def spotify_at(server: SpotifyServer, credentials: Credentials = CREDENTIALS) -> Spotify:
    """Ask without a rate to speak of, over sixteen connections."""
    return Spotify(credentials, ServiceSettings(url=server.url, per_second=5000))


class Project:
    """A folder with a store that holds analysed songs."""

    def __init__(self, folder: Path, songs: int) -> None:
        self.folder = folder
        self.database = empty_store(folder / "music.duckdb")
        self.source = write_songs(folder / "songs.csv", songs)
        self.output = folder / "data3.csv"
        self.build()

    def copied(self, folder: Path) -> Project:
        """Give a copy of the store and the CSV; it shares the songs."""
        other = copy.copy(self)
        other.folder = folder
        other.database = Path(shutil.copy(self.database, folder))
        other.output = Path(shutil.copy(self.output, folder))
        return other

    def build(self) -> None:
        """Analyse the songs."""
        request = Data3Build(
            inputs=(self.source,),
            output=self.output,
            database=self.database,
            npz=None,
            method=KeyMethod.KRUMHANSL,
            limit=None,
            force=False,
            workers=2,
        )
        build(request)

    def enrich(self, server: SpotifyServer, **options: Any) -> EnrichmentResult:
        """Run the enrichment."""
        request = Enrichment(
            database=self.database,
            command="etl enrich spotify",
            folder=self.folder,
            **({"patience": HURRY} | options),
        )
        return enrich(request, spotify_at(server))

    def rows(self, path: Path | None = None) -> list[dict[str, str]]:
        """Read the CSV with a reader that is not ours."""
        with (path or self.output).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def partials(self) -> list[Path]:
        """List the partial CSVs."""
        return sorted(self.folder.glob("data3_partial_*"))

    def answers(self) -> dict[str, tuple[str, str]]:
        """Read status and reason by id."""
        rows = stored_rows(
            self.database,
            "SELECT id, status, reason FROM spotify_artists UNION ALL "
            "SELECT id, status, reason FROM spotify_tracks",
        )
        return {item: (status, reason) for item, status, reason in rows}

    def ids(self) -> dict[str, set[str]]:
        """Read the valid ids of the songs by kind."""
        songs = pl.read_csv(self.source, infer_schema=False)
        return {
            kind: set(songs[column].drop_nulls().filter(songs[column].drop_nulls().str.len_chars() == 22))
            for kind, column in (("artist", "spotify_artist_id"), ("track", "spotify_song_id"))
        }


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Analyse 200 songs: five requests in batches, 212 one by one."""
    return Project(tmp_path_factory.mktemp("songs"), 200)


@pytest.fixture
def project(analysed: Project, tmp_path: Path) -> Project:
    """Give 200 analysed songs."""
    return analysed.copied(tmp_path)


@contextmanager
def counting(server: SpotifyServer, script: Callable[[Request], Fault | None]) -> Iterator[Counter[str]]:
    """Count the faults that a script serves."""
    faults: Counter[str] = Counter()

    def counted(request: Request) -> Fault | None:
        fault = script(request)
        if fault:
            faults[fault.kind] += 1
        return fault

    server.script = counted
    yield faults


def test_final_csv_holds_the_names_and_nothing_else_changes(server: SpotifyServer, project: Project) -> None:
    """Names as Spotify gives them, Unknown where there is no usable id; all other fields as before."""
    before = project.rows()
    assert {row["artist_name"] for row in before} == {"Unknown Artist"}
    project.enrich(server, output=project.output)
    after = project.rows()
    for old, new in zip(before, after, strict=True):
        artist, track = new["spotify_artist_id"], new["spotify_song_id"]
        assert new["artist_name"] == name_of("artist", artist)
        assert new["song_name"] == (name_of("track", track) if len(track) == 22 else "Unknown Track")
        same = set(new) - {"artist_name", "song_name"}
        assert {key: old[key] for key in same} == {key: new[key] for key in same}
    assert list(after[0])[10:14] == ["artist_name", "artist_url", "song_name", "song_url"]


def test_each_id_is_asked_once_however_often_it_occurs_and_however_often_runs(
    server: SpotifyServer, project: Project
) -> None:
    """A second run, and a build anew, send nothing."""
    ids = project.ids()
    project.enrich(server)
    assert server.asked == Counter(dict.fromkeys(ids["artist"] | ids["track"], 1))
    sent = len(server.requests)
    assert sent == -(-len(ids["artist"]) // 50) + -(-len(ids["track"]) // 50)
    project.build()
    state = project.enrich(server)
    assert len(server.requests) == sent
    assert state.cached == len(ids["artist"] | ids["track"])


def test_build_and_export_write_known_names_the_same(server: SpotifyServer, project: Project) -> None:
    """The CSV of the enrichment, of an export, of a build from the store and of a build anew are equal."""
    project.enrich(server, output=project.output)
    first = project.output.read_bytes()
    with read_store(project.database) as connection:
        for _ in write_stored_csv(connection, use_sources(connection), project.output):
            pass
    assert project.output.read_bytes() == first
    project.build()
    assert project.output.read_bytes() == first
    project.source.touch()
    project.build()
    assert project.output.read_bytes() == first


def test_csv_is_written_even_when_there_is_nothing_left_to_ask(
    server: SpotifyServer, project: Project
) -> None:
    """A run that was killed between its last answer and its CSV is made good by the next."""
    project.enrich(server)
    assert {row["artist_name"] for row in project.rows()} == {"Unknown Artist"}
    project.enrich(server, output=project.output)
    assert "Unknown Artist" not in {row["artist_name"] for row in project.rows()}


def test_invalid_ids_are_never_sent(server: SpotifyServer, project: Project) -> None:
    """What is not 22 base-62 characters does not leave the house."""
    assert "not-an-id" in {row["spotify_song_id"] for row in project.rows()}
    project.enrich(server)
    assert {len(item) for request in server.requests for item in request.ids} == {22}


def test_most_valuable_ids_come_first(project: Project) -> None:
    """Artists before tracks, and among each those that occur in most songs."""
    counts = Counter(row["spotify_artist_id"] for row in project.rows())
    with read_store(project.database) as connection:
        (artist_kind, none), (_, also_none), (kind, artists), (last, tracks) = plan(
            connection, spotify_at_rest(), {}
        )
    assert (artist_kind, none, also_none, kind, last) == (ARTIST, [], [], ARTIST, TRACK)
    assert [counts[item] for item in artists] == sorted(counts.values(), reverse=True)
    assert set(tracks) == project.ids()["track"]


def test_preferred_songs_come_before_all_others(project: Project) -> None:
    """Values of one key are alternatives; all keys must hold."""
    songs = project.rows()
    with read_store(project.database) as connection:
        parts = plan(connection, spotify_at_rest(), {"genre": ["jazz", "POP"], "decade": ["1970"]})
    chosen = [row for row in songs if row["main_genre"] in {"jazz", "pop"} and row["decade"] == "1970.0"]
    assert chosen
    assert set(parts[0][1]) == {row["spotify_artist_id"] for row in chosen}
    assert set(parts[1][1]) == {r["spotify_song_id"] for r in chosen if len(r["spotify_song_id"]) == 22}
    everything = [item for _, ids in parts for item in ids]
    assert len(everything) == len(set(everything)) == sum(map(len, project.ids().values()))


def test_budget_is_spent_on_the_first_ids_and_the_rest_waits(server: SpotifyServer, project: Project) -> None:
    """The budget buys the head of the plan, in the order in which sixteen connections get to it."""
    server.batches = False
    with read_store(project.database) as connection:
        expected = [item for _, ids in plan(connection, spotify_at_rest(), {}) for item in ids][: 19 + 16]
    state = project.enrich(server, budget=20)
    assert len(server.requests) == state.requests == 20
    assert len(server.asked) == 19
    assert set(server.asked) <= set(expected)
    assert state.requests_left == 0


@pytest.mark.parametrize(("songs", "batches", "share"), [(4000, True, 0.3), (300, False, 0.2)])
def test_random_faults_cost_retries_and_nothing_else(
    server: SpotifyServer, tmp_path: Path, songs: int, share: float, *, batches: bool
) -> None:
    """Every id ends found, gone or error with a reason; none is asked twice after success; few requests."""
    project = Project(tmp_path, songs)
    ids = project.ids()
    everything = sorted(ids["artist"] | ids["track"])
    assert len(everything) > songs
    server.batches = batches
    server.gone = set(everything[::97])
    server.relinked = {item: spotify_id("track", 10**9 + n) for n, item in enumerate(everything[5::101])}
    with counting(server, seldom(share)) as faults:
        state = project.enrich(server, output=project.output)
    answers = project.answers()
    assert set(answers) == set(everything)
    assert {item for item, (_, reason) in answers.items() if reason} == server.gone
    assert {answers[item][1].partition(":")[0] for item in server.gone} == {"not found"}
    assert {item for item, times in server.asked.items() if times > 1} == server.gone
    assert max(server.asked.values()) == 2
    portion = 50 if batches else 1
    minimum = sum(-(-len(kind) // portion) for kind in ids.values()) + (not batches)
    second_looks = sum(bool(server.gone.intersection(request.ids)) for request in server.requests)
    assert sum(faults.values()) > 10
    script = seldom(share)
    served = [script(request) for request in server.requests]
    assert all(fault in served for fault in server_module.TRANSIENT)
    assert minimum <= len(server.requests) <= (minimum + second_looks + sum(faults.values())) * 1.02
    assert state.answers["error"] == len(server.gone)
    project.enrich(server)
    assert {item for item, (status, _) in project.answers().items() if status == "gone"} == server.gone
    assert {status for status, _ in project.answers().values()} == {"found", "gone"}


def test_lasting_faults_end_as_errors_and_are_tried_in_three_runs(
    server: SpotifyServer, project: Project
) -> None:
    """An id that never works is asked about in three runs, then left alone until a refresh."""
    server.batches = False
    bad = min(project.ids()["track"])
    server.script = lambda request: server_module.SERVER_ERROR if request.ids == (bad,) else None
    for _ in range(3):
        state = project.enrich(server)
        assert state.answers["error"] == 1
        assert project.answers()[bad] == ("error", "server: 500 scripted")
    sent = len(server.requests)
    project.enrich(server)
    assert len(server.requests) == sent
    server.script = lambda _: None
    with open_store(project.database) as connection:
        assert answers.refresh_cache(connection, "spotify", KINDS, older_than_days=90) == 1
    project.enrich(server)
    assert project.answers()[bad] == ("found", "")


@pytest.mark.parametrize("fault", [too_many("85327"), too_many("40000", "QUOTA_EXCEEDED")])
def test_long_rate_limit_parks_with_a_partial_csv(
    server: SpotifyServer, project: Project, fault: Fault
) -> None:
    """Exit code 75, when to come back, the command, and a valid data3 CSV with all harmony."""
    server.script = lambda request: fault if request.number > 3 else None
    complete = project.rows()
    with pytest.raises(EtlError) as caught:
        project.enrich(server, output=project.output)
    assert caught.value.exit_code == ExitCode.PARKED
    assert "Come back after" in str(caught.value)
    assert "etl enrich spotify" in str(caught.value)
    (partial,) = project.partials()
    assert partial.name.endswith("_200_songs.csv")
    rows = project.rows(partial)
    assert list(rows[0]) == list(complete[0])
    harmony = ("id", "chords", "key", "roman_numerals", "harmonic_fingerprint")
    assert [[row[name] for name in harmony] for row in rows] == [
        [row[name] for name in harmony] for row in complete
    ]
    assert {"Unknown Track"} < {row["song_name"] for row in rows}


def test_parked_service_is_not_asked_before_its_time(server: SpotifyServer, project: Project) -> None:
    """The next run sends nothing, and says again when to come back."""
    server.script = lambda _: too_many("85327")
    for _ in range(3):
        with pytest.raises(EtlError) as caught:
            project.enrich(server)
        assert caught.value.exit_code == ExitCode.PARKED
    assert len(server.requests) == 1
    assert server.token_requests == 1
    assert not project.partials()  # no names came
    with read_store(project.database) as connection:
        statuses = connection.execute("SELECT status FROM runs ORDER BY run_id").fetchall()
    assert statuses == [("done",), ("parked",), ("parked",), ("parked",)]


def test_run_after_the_parking_begins_with_one_probe_and_goes_on(
    server: SpotifyServer, project: Project
) -> None:
    """Once ``not_before`` has passed the work is finished as if nothing had happened."""
    server.script = lambda request: too_many("85327") if request.number == 4 else None
    with pytest.raises(EtlError):
        project.enrich(server)
    with open_store(project.database) as connection:
        connection.execute(
            "UPDATE service_state SET value = json_merge_patch(value, '{\"not_before\": 1}') "
            "WHERE key = 'breaker'"
        )
    state = project.enrich(server)
    assert state.songs_settled == state.songs
    assert max(server.asked.values()) == 1


def test_waiting_goes_on_by_itself(server: SpotifyServer, project: Project) -> None:
    """With ``wait`` a parked run sleeps until the time has come, and finishes."""
    server.script = lambda request: too_many("1") if request.number == 4 else None
    state = project.enrich(server, wait=True, patience=replace(HURRY, longest_wait=0.5))
    assert state.songs_settled == state.songs == 200
    assert len(project.partials()) == 1


def test_partial_csvs_come_with_progress(server: SpotifyServer, project: Project) -> None:
    """One whenever so many more songs are settled."""
    server.batches = False
    server.delay = 0.02
    project.enrich(server, partial_every=75, limits=Limits(count_s=0.1))
    assert 1 <= len(project.partials()) <= 2


def test_stopping_keeps_what_was_fetched(server: SpotifyServer, project: Project) -> None:
    """A run that is told to end has stored every answer; the next one asks for the others only."""
    server.batches, server.delay = False, 0.1

    def interrupt(request: Request) -> None:
        if request.number == 60:
            os.kill(os.getpid(), signal.SIGTERM)

    server.script = interrupt
    with pytest.raises(KeyboardInterrupt):
        project.enrich(server)
    assert 0 < len(server.asked) < sum(map(len, project.ids().values()))
    assert set(project.answers()) == set(server.asked)
    server.script = lambda _: None
    project.enrich(server)
    assert max(server.asked.values()) == 1


def test_refresh_keeps_names_until_the_new_answer_is_there(server: SpotifyServer, project: Project) -> None:
    """Old answers are asked for again: when that fails the old name stays, else the new one counts."""
    project.enrich(server, output=project.output)
    before = project.output.read_bytes()
    artists = project.ids()["artist"]
    with open_store(project.database) as connection:
        connection.execute("UPDATE spotify_artists SET fetched_at = now() - INTERVAL 100 DAY")
        assert answers.refresh_cache(connection, "spotify", KINDS, older_than_days=90) == len(artists)
    bad = set(sorted(artists)[:3])
    server.script = lambda request: server_module.Fault(status=400) if bad & set(request.ids) else None
    project.enrich(server, output=project.output)
    assert project.output.read_bytes() == before
    server.script = lambda _: None
    server.names = dict.fromkeys(artists, "New Name")
    project.enrich(server, output=project.output)
    renamed = {row["spotify_artist_id"] for row in project.rows() if row["artist_name"] == "New Name"}
    assert renamed == bad


def test_cleared_cache_knows_nothing(server: SpotifyServer, project: Project) -> None:
    """After a clear everything is open again."""
    project.enrich(server)
    with open_store(project.database) as connection:
        assert answers.clear_cache(connection, "spotify", KINDS) == sum(map(len, project.ids().values()))
        assert answers.cache_info(connection, "spotify", KINDS).is_empty()
        assert answers.coverage(connection, "spotify", KINDS).settled == 0


def test_runs_table_keeps_the_final_state(server: SpotifyServer, project: Project) -> None:
    """Requests, answers and errors of a run can be read from the store later."""
    project.enrich(server)
    with read_store(project.database) as connection:
        progress, out = connection.execute(
            "SELECT progress, items_out FROM runs ORDER BY run_id DESC LIMIT 1"
        ).fetchall()[0]
    state = json.loads(progress)
    assert state["figures"]["requests"] == len(server.requests)
    assert out == state["stages"][1]["done"] == state["figures"]["found"]


def test_refused_credentials_end_the_run_with_advice(server: SpotifyServer, project: Project) -> None:
    """One token request, no look-up, and no secret in the message."""
    request = Enrichment(database=project.database, command="etl", folder=project.folder)
    with pytest.raises(EtlError, match="does not accept the client id and secret") as caught:
        enrich(request, spotify_at(server, Credentials("someone", "hush-hush")))
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert "hush" not in str(caught.value)
    assert not server.requests


def test_full_disk_for_a_partial_csv_does_not_hide_the_parking(
    server: SpotifyServer, project: Project
) -> None:
    """Where the partial CSV cannot be written the run still says when to come back."""
    server.script = lambda _: too_many("85327")
    blocked = project.folder / "blocked"
    blocked.write_text("a file, not a folder")
    request = Enrichment(database=project.database, command="etl", folder=blocked)
    with pytest.raises(EtlError, match="Come back after"):
        enrich(request, spotify_at(server))


def test_state_of_a_service_is_kept_in_the_store(project: Project) -> None:
    """What a breaker saves, from whichever thread, is there for the next run, and so is what came late."""
    service = spotify_at_rest()
    known = StoredState(service)
    breaker = Breaker("Spotify", known)
    with writing(project.database, "test", {}) as store, known.kept_in(store):
        thread = threading.Thread(target=breaker.open, args=("429 too many",), kwargs={"seconds": 85_327.5})
        thread.start()
        thread.join()
    known.put("late", [1, 2])
    with writing(project.database, "test", {}) as store, known.kept_in(store):
        pass
    again, other = StoredState(service), StoredState(Spotify(CREDENTIALS, ServiceSettings(account="another")))
    with read_store(project.database) as connection:
        again.read(connection)
        other.read(connection)
    with writing(project.database, "test", {}) as store, again.kept_in(store):
        assert again.get("breaker")["reason"] == "429 too many"
        assert Breaker("Spotify", again).parked_until() == breaker.parked_until()
        assert again.get("late") == [1, 2]
        assert other.get("breaker") is None


def test_refused_batches_are_forgotten_after_a_month() -> None:
    """An app may be given a larger quota, so it tries again some day; permission lasts."""
    service, month_ago = spotify_at_rest(), time.time() - 31 * 86_400
    assert service.portions(MemoryState()) == (50, 1)
    for allowed, now, later in ((False, (1,), (50, 1)), (True, (50,), (50,))):
        for at, portions in ((time.time(), now), (month_ago, later)):
            kept = {f"batches {CREDENTIALS.app}": {"allowed": allowed, "at": at}}
            assert service.portions(MemoryState(**kept)) == portions


def test_estimate_counts_requests_and_days(project: Project) -> None:
    """For an app that has not tried batches both ways are estimated; nothing is sent."""
    ids = project.ids()
    ahead = estimate(project.database, spotify_at_rest(per_day=100), {})
    assert ahead.ids == {kind: len(each) for kind, each in ids.items()}
    assert ahead.portions == (50, 1)
    assert ahead.per_day == 100
    full = {"artist": 60_000, "track": 440_000}
    months = Estimate(full, 0, portions=(1,), per_second=3.0, per_day=2000)
    assert months.requests(1) == 500_000
    assert months.seconds(500_000) == 249 * 86_400 + 2000 / 3
    hours = Estimate(full, 0, portions=(50,), per_second=3.0, per_day=None)
    assert hours.seconds(hours.requests(50)) == 10_000 / 3


def test_used_up_quota_is_learned_for_the_next_estimate(server: SpotifyServer, project: Project) -> None:
    """How many requests were sent when QUOTA_EXCEEDED first came is the quota, as far as anyone knows."""
    server.batches = False
    server.script = lambda request: too_many("40000", "QUOTA_EXCEEDED") if request.number > 30 else None
    with pytest.raises(EtlError):
        project.enrich(server)
    ahead = estimate(project.database, spotify_at_rest(), {})
    assert 30 < (ahead.per_day or 0) <= len(server.requests)
    assert ahead.portions == (1,)


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf"])
def test_senseless_rates_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The message names the setting."""
    monkeypatch.setenv("ETL_SPOTIFY_PER_SECOND", text)
    with pytest.raises(EtlError, match="ETL_SPOTIFY_PER_SECOND"):
        service_settings("spotify")
