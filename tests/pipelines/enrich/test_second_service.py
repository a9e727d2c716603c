"""A second service costs one class and one table: everything else is there already.

The service is made up. It tells years of birth of artists, five ids in a request, and as many a service does
it reports its troubles inside of HTTP 200.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from etl.chords.keys import KeyMethod
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from etl.pipelines.enrich.estimate import estimate
from etl.pipelines.enrich.request import Enrichment
from etl.pipelines.enrich.run import enrich
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import Limits
from etl.services.contract import Answer, Kind, Service, failed, found, gone
from etl.services.errors import (
    AppError,
    GarbledError,
    NotFoundError,
    RejectedError,
    ServerError,
    TransientError,
)
from etl.services.politeness.rates import Cost, Limit, Rates, Unit, Window
from etl.services.politeness.retry import Patience, persist
from etl.services.politeness.session import PoliteSession
from etl.services.portions import look_up_halving
from etl.services.statuses import json_object, raise_for_status
from etl.store import answers
from etl.store.database import open_store
from tests.support.empty_store import empty_store
from tests.support.loopback import Arrival, Loopback, Reply
from tests.support.spotify_songs import write_songs
from tests.support.stored import stored_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import requests

    from etl.pipelines.enrich.result import EnrichmentResult
    from etl.runtime.watch.progress import Renderer
    from etl.runtime.watch.snapshot import Snapshot
    from etl.services.politeness.gate import Gate

ARTIST: Final = Kind("artist", "artist_id", "artist_[0-9]+")

MIGRATION: Final = """
CREATE TABLE almanac_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    born SMALLINT,
    places VARCHAR[]
)
"""


class Almanac(Service):
    """The whole of a second service."""

    name: ClassVar[str] = "almanac"
    title = "Almanac"
    kinds: ClassVar[tuple[Kind, ...]] = (ARTIST,)
    account = "key-1"

    def __init__(self, url: str, rates: Rates) -> None:
        self.rates = rates
        self._url = url

    def portions(self, state: object) -> tuple[int, ...]:
        """Say how many ids a request may hold."""
        del state
        return (5,)

    def connect(self, gate: Gate) -> None:
        """Build the session."""
        super().connect(gate)
        self._session = PoliteSession(gate, self.judge, connections=self.connections)

    def judge(self, response: requests.Response) -> dict[str, Any]:
        """Give what is known by id; troubles come with a code."""
        raise_for_status(response)
        body = json_object(response)
        match body:
            case {"error": 10}:
                raise AppError("Almanac does not accept the key (10).", "Get another one.")
            case {"error": 16}:
                raise ServerError("16 try again")
            case {"error": int(code)}:
                raise RejectedError(f"{code}")
            case {"years": dict(years)}:
                return years
        raise GarbledError("there are no years")

    def look_up(self, kind: Kind, ids: Sequence[str]) -> Iterator[list[Answer]]:
        """Ask for several artists, one by one where a request with several fails."""
        yield from look_up_halving(
            ids, together=lambda part: self._ask(kind, part), alone=lambda item: self._ask_alone(kind, item)
        )

    def _ask(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        def request() -> dict[str, Any]:
            url, cost = f"{self._url}/?ids={','.join(ids)}", Cost(tokens=10 * len(ids))
            years: dict[str, Any] = self._session.request("GET", url, cost=cost).json()
            return years

        years = persist(self.gate, request)
        return [
            found(kind, item, {"born": years[item], "places": ["here", "thére"]})
            if item in years
            else gone(kind, item, "not in the list")
            for item in ids
        ]

    def _ask_alone(self, kind: Kind, item: str) -> Answer:
        try:
            (answer,) = self._ask(kind, [item])
        except (TransientError, RejectedError, NotFoundError) as error:
            return failed(kind, item, error.category, str(error))
        return answer


class Server(Loopback):
    """Knows the years of all artists but some, and can be told to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.reply = self._answer
        self.unknown: set[str] = set()
        self.bad: set[str] = set()
        self.error: int | None = None
        self.has_hiccups = True
        self.hiccups: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def _answer(self, arrival: Arrival) -> Reply:
        query = parse_qs(urlsplit(arrival.path).query)["ids"][0]
        ids = query.split(",")
        with self.lock:
            self.hiccups[query] += 1
            # Counted here: requests that arrive at once would all see the same number of them.
            stumbles = self.hiccups[query] == 1 and self.hiccups.total() % 3 == 0
        error = self.error or (7 if self.bad.intersection(ids) else None)
        if self.has_hiccups and not error and stumbles:
            error = 16
        if error:
            return Reply(body=json.dumps({"error": error}).encode())
        with self.lock:
            self.asked.update(ids)
        years = {item: 1900 + int(item.split("_")[1]) for item in ids if item not in self.unknown}
        return Reply(body=json.dumps({"years": years}).encode(), headers={"Content-Type": "text/html"})


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve on the loopback."""
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analyse 200 songs by 40 artists, and make the table of the service."""
    folder = tmp_path_factory.mktemp("songs")
    path = empty_store(folder / "music.duckdb")
    request = Data3Build(
        inputs=(write_songs(folder / "songs.csv", 200),),
        output=folder / "data3.csv",
        database=path,
        npz=None,
        method=KeyMethod.KRUMHANSL,
        limit=None,
        force=False,
        workers=2,
    )
    build(request)
    with open_store(path) as connection:
        connection.execute(MIGRATION)
    return path


@pytest.fixture
def database(analysed: Path, tmp_path: Path) -> Path:
    """Give a store of 200 analysed songs, with the table of the service."""
    return Path(shutil.copy(analysed, tmp_path))


def ask(
    server: Server,
    database: Path,
    *limits: Limit,
    interval: float = 0.002,
    renderers: Sequence[Renderer] = (),
    **options: Any,
) -> EnrichmentResult:
    """Run the enrichment in a hurry."""
    patience = Patience(
        first_pause=0.001, longest_pause=0.01, jitter=0, first_delay=0.001, longest_delay=0.01, longest_wait=5
    )
    request = Enrichment(
        database=database, command="etl enrich almanac", folder=database.parent, patience=patience, **options
    )
    return enrich(request, Almanac(server.url, Rates(interval, limits)), renderers)


def rows(database: Path) -> dict[str, tuple[Any, ...]]:
    """Read what the store has by id."""
    found_rows = stored_rows(database, "SELECT id, status, reason, born, places FROM almanac_artists")
    return {row[0]: row[1:] for row in found_rows}


def test_every_id_ends_as_found_gone_or_error(server: Server, database: Path) -> None:
    """Hiccups are asked again, a bad id is found by halving, and nothing is asked twice after success."""
    server.unknown, server.bad = {"artist_3"}, {"artist_17"}
    state = ask(server, database)
    known = rows(database)
    assert len(known) == 40
    assert known["artist_3"] == ("gone", "not in the list", None, None)
    assert known["artist_17"] == ("error", "rejected: 7", None, None)
    assert known["artist_5"] == ("found", "", 1905, ["here", "thére"])
    assert state.answers == {"found": 38, "gone": 1, "error": 1}
    assert state.errors["server"] > 0
    assert max(server.asked.values()) == 1
    sent = len(server.requests)
    server.bad = set()
    ask(server, database)
    assert len(server.requests) - sent <= 2
    assert rows(database)["artist_17"][0] == "found"


def test_estimate_coverage_and_cache_work_for_it_too(server: Server, database: Path) -> None:
    """They take the kinds from the service and the columns from the table."""
    service = Almanac(server.url, Rates(0.5, (Limit(4, Window.UTC_DAY),)))
    ahead = estimate(database, service, {"genre": ["jazz"]})
    assert (ahead.ids, ahead.portions, ahead.per_day) == ({"artist": 40}, (5,), 4)
    assert ahead.requests(5) == 8
    assert ahead.seconds(8) == 86_400 + 4 * 0.5
    ask(server, database)
    with open_store(database) as connection:
        covered = answers.coverage(connection, "almanac", service.kinds)
        assert covered.songs == covered.settled == 200
        assert answers.verify_cache(connection, "almanac", service.kinds) == []
        assert answers.cache_info(connection, "almanac", service.kinds)["ids"].to_list() == [40]
        assert answers.refresh_cache(connection, "almanac", service.kinds, older_than_days=0) == 40
    assert estimate(database, service, {}).ids == {"artist": 40}


@pytest.mark.parametrize(("rates", "connections"), [(Rates(12.0), 1), (Rates(0.02), 5), (Rates(), 16)])
def test_connections_follow_from_the_rates(rates: Rates, connections: int) -> None:
    """One where one is enough; never more than a service should see from one user."""
    assert Almanac("", rates).connections == connections


def test_refused_app_ends_the_run_with_advice_and_blames_no_id(server: Server, database: Path) -> None:
    """An error about the key is not about the ids that were asked for with it."""
    server.error = 10
    with pytest.raises(EtlError, match=r"does not accept the key \(10\)\.\nGet another one\."):
        ask(server, database, interval=0.05)  # two connections
    assert rows(database) == {}
    assert len(server.requests) <= 2


def test_service_that_reports_failures_in_good_answers_is_parked(server: Server, database: Path) -> None:
    """A status of 200 is no success: after twenty failures in a row only what is under way is sent."""
    server.error = 16
    connections = Almanac(server.url, Rates(0.002)).connections
    with pytest.raises(EtlError) as caught:
        ask(server, database)
    assert caught.value.exit_code == ExitCode.PARKED
    assert re.search(r"Almanac does not work for now \(16 try again\)", str(caught.value))
    assert 20 <= len(server.requests) < 20 + connections
    sent = len(server.requests)
    with pytest.raises(EtlError):
        ask(server, database)
    assert len(server.requests) == sent
    kept = stored_rows(database, "SELECT service, account, key FROM service_state")
    assert kept == [("almanac", "key-1", "breaker")]


def test_daily_limit_of_requests_or_tokens_parks_the_run(
    server: Server, database: Path, limits_file: Path
) -> None:
    """It does not hang until the next day; what was fetched is kept, with a partial CSV."""
    for limit in (Limit(3, Window.ROLLING_DAY), Limit(100, Window.ROLLING_DAY, Unit.TOKENS)):
        limits_file.unlink(missing_ok=True)
        before = len(server.requests)
        with pytest.raises(EtlError, match=re.escape(str(limit))) as caught:
            ask(server, database, limit)
        assert caught.value.exit_code == ExitCode.PARKED
        assert 0 < len(server.requests) - before <= 3
        (partial,) = database.parent.glob("data3_partial_*")
        partial.unlink()
    assert set(rows(database)) == set(server.asked)


class Sleeper:
    """Does something, once, when a run sleeps."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._is_done = False

    def show(self, snapshot: Snapshot) -> None:
        """Look whether it sleeps."""
        if snapshot.waits_until is not None and not self._is_done:
            self._is_done = True
            self._action()

    def say(self, line: str) -> None:
        """Take no notice."""

    def close(self, snapshot: Snapshot, /) -> None:
        """Take no notice."""


@contextmanager
def other_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process and wait until it has loaded its code: the run sleeps for six seconds only."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process


def test_store_is_free_while_the_run_sleeps(server: Server, database: Path) -> None:
    """With ``wait`` a parked run holds nothing: another process's writer gets in, and the run goes on."""
    code = (
        "from pathlib import Path; from etl.store.database import open_store\n"
        "print('ready', flush=True); input()\n"
        f"with open_store(Path({str(database)!r})) as store: store.execute('CREATE TABLE x (y INTEGER)')"
    )
    server.has_hiccups = False  # a probe that fails would park it for two minutes
    server.reply = _limited_once(server)
    with other_process(code) as other:

        def write() -> None:
            other.communicate("now\n")

        result = ask(server, database, renderers=[Sleeper(write)], wait=True)
    assert other.returncode == 0
    assert result.answers["found"] == 40
    statuses = stored_rows(database, "SELECT status FROM runs ORDER BY run_id")
    assert statuses == [("done",), ("parked",), ("done",)]


def test_another_process_reads_while_the_run_works_and_sleeps(server: Server, database: Path) -> None:
    """Of fifty reads or more none is turned away, and they see the answers come."""
    ended = database.with_name("ended")
    code = (
        "import time; from pathlib import Path; from etl.store.database import read_store\n"
        f"while not Path({str(ended)!r}).exists():\n"
        f" with read_store(Path({str(database)!r})) as store:\n"
        "  print(store.sql('SELECT count(*) FROM almanac_artists').fetchall()[0][0], flush=True)\n"
        " time.sleep(0.08)"
    )
    asleep, begun, read = threading.Event(), threading.Event(), threading.Event()
    reads: list[tuple[bool, int]] = []

    def note_reads(lines: Iterator[str]) -> None:
        for line in lines:
            reads.append((asleep.is_set(), int(line)))
            begun.set()
            if len(reads) >= 50 and {is_asleep for is_asleep, _ in reads} == {True, False}:
                read.set()

    usual: Callable[[Arrival], Reply] = _limited_once(server)

    def reply(arrival: Arrival) -> Reply:
        asleep.clear()
        if len(server.asked) > 30:  # the run does not end before the reads do
            read.wait(60)
        return usual(arrival)

    server.has_hiccups = False
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout
        server.reply = reply
        reading = threading.Thread(target=note_reads, args=(reader.stdout,))
        reading.start()
        assert begun.wait(60)  # the first reads come before the run sleeps
        limits = Limits(burst_s=0.1, count_s=0.2)
        ask(server, database, interval=0.3, renderers=[Sleeper(asleep.set)], wait=True, limits=limits)
        ended.touch()
        reading.join()
    assert reader.returncode == 0
    assert len(reads) >= 50
    assert {is_asleep for is_asleep, _ in reads} == {True, False}
    counts = [count for _, count in reads]
    assert counts == sorted(counts)
    assert 0 <= counts[0] < counts[-1]


def test_run_that_wakes_while_another_writes_waits_for_it(server: Server, database: Path) -> None:
    """It does not give up, as a run would that is only beginning."""
    code = (
        "import time; from pathlib import Path; from etl.store.bursts import writing\n"
        "print('ready', flush=True); input()\n"
        f"with writing(Path({str(database)!r}), 'other', {{}}):\n"
        " print('at it', flush=True); time.sleep(8)"
    )
    server.has_hiccups = False
    server.reply = _limited_once(server)
    with other_process(code) as other:

        def write() -> None:
            assert other.stdin
            assert other.stdout
            other.stdin.write("now\n")
            other.stdin.flush()
            assert other.stdout.readline() == "at it\n"

        result = ask(server, database, renderers=[Sleeper(write)], wait=True)
        assert other.wait() == 0
    assert result.answers["found"] == 40
    commands = stored_rows(database, "SELECT command, status FROM runs ORDER BY run_id")
    assert commands[1:] == [("enrich almanac", "parked"), ("other", "done"), ("enrich almanac", "done")]


def _limited_once(server: Server) -> Any:
    usual = server.reply

    def reply(arrival: Arrival) -> Reply:
        is_third = server.requests.index(arrival) == 2
        return Reply(503, headers={"Retry-After": "6"}) if is_third else usual(arrival)

    return reply
