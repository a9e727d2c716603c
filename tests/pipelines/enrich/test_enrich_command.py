"""`etl enrich spotify`, `build --enrich`, `cache` and `status`: killed, parked, watched."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support import spotify_server as server_module
from tests.support.command_line import ended_here
from tests.support.empty_store import empty_store
from tests.support.forked import Copy
from tests.support.places import ROOT
from tests.support.spotify_server import Fault, SpotifyServer, seldom, serving, too_many
from tests.support.spotify_songs import write_songs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[SpotifyServer]:
    """Serve on the loopback."""
    with serving() as running:
        yield running


class Shell:
    """Runs `etl` in a folder of its own, against a server."""

    def __init__(self, folder: Path, server: SpotifyServer, *, per_second: float = 1000) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("ETL_")} | {
            "PYTHONPATH": str(ROOT),
            "ETL_CONFIG": str(folder / "none.toml"),
            "ETL_DB": str(folder / "music.duckdb"),
            "ETL_LIMITS": str(folder / "limits.sqlite"),
            "ETL_SPOTIFY_URL": server.url,
            "ETL_SPOTIFY_PER_SECOND": str(per_second),
            "SPOTIPY_CLIENT_ID": server_module.CLIENT_ID,
            "SPOTIPY_CLIENT_SECRET": server_module.CLIENT_SECRET,
        }

    def start(self, command: str) -> Copy:
        """Start a command; it is given no terminal."""
        return Copy(
            [sys.executable, "-m", "etl", *shlex.split(command)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, command: str, *, expect: int = 0) -> tuple[str, str]:
        """Run a command to its end, in this process; give what it wrote to standard output and error."""
        done = ended_here(*shlex.split(command), cwd=self.folder, env=self.environment)
        assert done.returncode == expect, (done.stdout, done.stderr)
        return done.stdout, done.stderr


def wait_for(server: SpotifyServer, requests: int, process: Copy) -> None:
    """Wait until the server has seen so many requests of a process that lives."""
    while len(server.requests) < requests:
        assert process.poll() is None, process.communicate()
        server.stopping.wait(0.002)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Shell, int], None]:
    """Give a function that has a shell's folder hold so many songs, built; they are analyzed once."""

    @cache
    def build(songs: int) -> Path:
        with serving() as server:
            shell = Shell(tmp_path_factory.mktemp("built"), server)
            write_songs(shell.folder / "songs.csv", songs)
            shell.run("build data3 songs.csv -o data3.csv")
            return shell.folder

    def put(shell: Shell, songs: int) -> None:
        shutil.copytree(build(songs), shell.folder, dirs_exist_ok=True)

    return put


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, built: Callable[[Shell, int], None]
) -> Callable[..., tuple[bytes, int]]:
    """Give a function that enriches so many songs without trouble: the CSV and the number of requests."""

    @cache
    def enrich(songs: int, *, batches: bool) -> tuple[bytes, int]:
        with serving(batches=batches) as calm:
            shell = Shell(tmp_path_factory.mktemp("calm"), calm)
            built(shell, songs)
            shell.run("enrich spotify -o data3.csv")
            return (shell.folder / "data3.csv").read_bytes(), len(calm.requests)

    return enrich


def kill_again_and_again(shell: Shell, server: SpotifyServer, *, kills: int, minimum: int) -> None:
    """Kill the enrichment at random moments, then let it finish."""
    chance = random.Random(7)
    for moment in sorted(chance.sample(range(1, minimum * 9 // 10), kills)):
        process = shell.start("enrich spotify -o data3.csv")
        wait_for(server, moment, process)
        server.stopping.wait(chance.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    shell.run("enrich spotify -o data3.csv")


def test_killed_at_random_moments_it_loses_at_most_the_requests_under_way(
    server: SpotifyServer,
    tmp_path: Path,
    built: Callable[[Shell, int], None],
    uninterrupted: Callable[..., tuple[bytes, int]],
) -> None:
    """With one connection at most one request more per kill, and the same CSV byte for byte."""
    kills, songs = 4, 500
    expected, minimum = uninterrupted(songs, batches=True)
    shell = Shell(tmp_path / "killed", server, per_second=10)
    server.delay = 0.02
    built(shell, songs)
    kill_again_and_again(shell, server, kills=kills, minimum=minimum)
    assert minimum <= len(server.requests) <= minimum + kills
    assert (shell.folder / "data3.csv").read_bytes() == expected


@pytest.mark.parametrize("connections", [10, 16])
def test_kills_under_mixed_faults_lose_nothing(
    server: SpotifyServer,
    tmp_path: Path,
    connections: int,
    built: Callable[[Shell, int], None],
    uninterrupted: Callable[..., tuple[bytes, int]],
) -> None:
    """At ten requests a second and connection, every fifth spoilt: all is found, and the CSV is the same."""
    songs, kills = 150, 3
    expected, minimum = uninterrupted(songs, batches=False)
    shell = Shell(tmp_path / "killed", server, per_second=10 * connections)
    server.batches = False
    faults = (*server_module.TRANSIENT, NOT_FOUND)
    server.script = seldom(0.2, faults)
    built(shell, songs)
    kill_again_and_again(shell, server, kills=kills, minimum=minimum)
    served = [fault for fault in map(server.script, server.requests) if fault is not None]
    spoilt = len(served)
    assert all(fault in served for fault in faults)
    assert len(server.requests) <= minimum + spoilt + kills * (connections + 1)
    assert json.loads(shell.run("enrich spotify --json")[0])["songs_settled"] == songs
    assert (shell.folder / "data3.csv").read_bytes() == expected


NOT_FOUND = Fault(status=404, body=b'{"error": {"status": 404, "message": "Resource not found"}}')


def test_long_retry_after_parks_the_build_with_a_partial_csv_and_exit_code_75(
    server: SpotifyServer, tmp_path: Path
) -> None:
    """The harmony is complete, the message names time and command, and the next run sends nothing."""
    shell = Shell(tmp_path / "parked", server)
    server.script = lambda request: too_many("85327") if request.number > 5 else None
    write_songs(shell.folder / "songs.csv", 500)
    _, err = shell.run("build data3 songs.csv --enrich -o data3.csv --budget 100", expect=75)
    assert re.search(r"Come back after \d{4}-\d\d-\d\d \d\d:\d\d:\d\d .* \(in 23 h 4\d min\)", err)
    assert "etl build data3 songs.csv --enrich -o data3.csv --budget 100" in err
    (partial,) = shell.folder.glob("data3_partial_*_500_songs.csv")
    assert re.fullmatch(r"data3_partial_\d{8}_\d{6}_500_songs\.csv", partial.name)
    shell.run("export data3 -o again.csv")
    assert (shell.folder / "again.csv").read_bytes() == partial.read_bytes()
    assert partial.read_text(encoding="utf-8").count("Unknown Track") > 100
    sent = len(server.requests)
    for command in ("build data3 songs.csv --enrich -o data3.csv", "enrich spotify"):
        shell.run(command, expect=75)
    assert len(server.requests) == sent
    out, _ = shell.run("status")
    assert "spotify is parked until" in out
    assert "build data3, done" in out


def test_bound_of_waiting_and_number_of_partial_csvs_are_the_users(
    server: SpotifyServer, tmp_path: Path
) -> None:
    """A Retry-After above the bound parks the build; of its three partial CSVs the two newest stay."""
    shell = Shell(tmp_path / "bound", server)
    shell.environment["ETL_SPOTIFY_LONGEST_WAIT"] = "0.5"
    server.batches = False
    server.script = lambda request: too_many("1") if request.number % 8 == 0 else None
    write_songs(shell.folder / "songs.csv", 60)
    names: list[str] = []
    for _ in range(6):  # a run whose first request is refused has no new names, and writes nothing
        shell.run("build data3 songs.csv --enrich --partial-keep 2 -o data3.csv", expect=75)
        newest = max(path.name for path in shell.folder.glob("data3_partial_*"))
        names += [newest] if newest not in names else []
        if len(names) == 3:
            break
        server.stopping.wait(1.1)
    assert sorted(path.name for path in shell.folder.glob("data3_partial_*")) == names[1:]
    assert len(names) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_at_once_even_while_the_server_hangs(
    server: SpotifyServer, tmp_path: Path, number: signal.Signals, built: Callable[[Shell, int], None]
) -> None:
    """Exit code 130, everything answered so far is kept, nothing is left lying about."""
    shell = Shell(tmp_path / "stopped", server)
    server.script = lambda request: Fault("hang", seconds=60) if request.number > 3 else None
    built(shell, 500)
    process = shell.start("enrich spotify")
    wait_for(server, 5, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=12)  # a hanging request alone lasts 15 s
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("etl: interrupted")
    assert "leak" not in err
    out, _ = shell.run("cache info")
    assert sum(int(line.split()[0].replace(",", "")) for line in out.splitlines()) == len(server.asked) > 0
    assert not list(shell.folder.glob(".*.tmp"))
    assert not list(shell.folder.glob("*.status.json"))


def test_status_shows_a_running_enrichment_from_another_process(
    server: SpotifyServer, tmp_path: Path, built: Callable[[Shell, int], None]
) -> None:
    """While one process asks, another sees stage, ids and requests."""
    shell = Shell(tmp_path / "watched", server)
    release = threading.Event()

    def hold(request: server_module.Request) -> None:
        if request.number > 3:
            release.wait(30)

    server.script = hold
    built(shell, 500)
    process = shell.start("enrich spotify --log-json")
    wait_for(server, 4, process)
    until = time.monotonic() + 20
    out = ""
    while not re.search(r"ask .* \d+/511 ids(.|\n)*requests \d+ ", out) and time.monotonic() < until:
        server.stopping.wait(0.2)  # the state is rewritten every second
        out, _ = shell.run("status")
    assert f"(process {process.pid})" in out
    assert re.search(r"ask .* \d+/511 ids", out)
    assert re.search(r"requests \d+ ", out)
    (running,) = json.loads(shell.run("status --json")[0])["running"]
    assert running["pid"] == process.pid
    assert running["snapshot"]["figures"]["known_before"] == 0
    release.set()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    states = [json.loads(line) for line in out.splitlines()]
    plan, ask, export = states[-1]["stages"]
    assert [stage["name"] for stage in (plan, ask, export)] == ["plan", "ask", "export"]
    assert ask["done"] == ask["total"] == plan["done"] == len(server.asked)
    assert not export["has_begun"]
    wanted = ["songs", "songs_named", "found", "gone", "known_before", "requests", "requests_today"]
    wanted += ["requests_left", "days_left", "troubles", "songs_complete"]
    assert all(wanted == list(state["figures"]) for state in states if state["figures"])
    log = (shell.folder / "music.duckdb.log").read_text(encoding="utf-8")
    assert "enrich spotify started" in log
    assert "ask ended: 511 of 511 ids, 0 errors" in log


def test_credentials_appear_nowhere(server: SpotifyServer, tmp_path: Path) -> None:
    """Not in arguments, output, logs, store, side files or CSV, through faults, parking and refusal."""
    shell = Shell(tmp_path / "secret", server)
    empty_store(shell.folder / "music.duckdb")  # else its process would run all migrations
    write_songs(shell.folder / "songs.csv", 500)
    server.script = seldom(0.3, tuple(f for f in server_module.TRANSIENT if f.kind != "hang"))
    texts = []
    process = shell.start("build data3 songs.csv --enrich -o data3.csv")
    wait_for(server, 1, process)
    texts.extend(psutil.Process(process.pid).cmdline())
    texts.extend(process.communicate(timeout=60))
    server.script = lambda _: too_many("85327")
    shell.run("cache clear --kind spotify --yes")
    texts.extend(shell.run("enrich spotify --log-json", expect=75))
    texts.extend(shell.run("status"))
    texts.extend(shell.run("enrich spotify --estimate"))
    secrets = [server_module.CLIENT_ID, server_module.CLIENT_SECRET, *server.tokens]
    assert len(secrets) > 2
    assert not [text for text in texts if any(secret in text for secret in secrets)]
    files = [path for path in shell.folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        data = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in data], path


def test_missing_credentials_are_named_before_the_build_begins(server: SpotifyServer, tmp_path: Path) -> None:
    """Exit code 2, both variables named, and no output written."""
    shell = Shell(tmp_path / "none", server)
    del shell.environment["SPOTIPY_CLIENT_SECRET"]
    write_songs(shell.folder / "songs.csv", 10)
    _, err = shell.run("build data3 songs.csv --enrich -o data3.csv", expect=2)
    assert "SPOTIPY_CLIENT_SECRET" in err
    assert not (shell.folder / "data3.csv").exists()
    assert server_module.CLIENT_ID not in err


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("enrich spotify --priority mood=sad", "mood=sad"),
        ("enrich spotify --priority genre", "genre"),
        ("cache refresh --older-than soon", "soon"),
        ("build data3 songs.csv --enrich --no-db", "--no-db"),
    ],
)
def test_wrong_options_are_answered_with_what_is_right(
    server: SpotifyServer, tmp_path: Path, command: str, named: str
) -> None:
    """Exit code 2, the wrong part quoted, no traceback."""
    shell = Shell(tmp_path / "wrong", server)
    write_songs(shell.folder / "songs.csv", 10)
    _, err = shell.run(command, expect=2)
    assert named in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["enrich spotify", "export data3", "cache info", "status"])
def test_without_a_store_each_command_says_how_to_make_one(
    server: SpotifyServer, tmp_path: Path, command: str
) -> None:
    """Exit code 1 and a hint, and no empty store is left behind."""
    shell = Shell(tmp_path / "empty", server)
    _, err = shell.run(command, expect=1)
    assert "etl build data3" in err
    assert not (shell.folder / "music.duckdb").exists()


def test_cache_commands_count_clear_and_refresh(server: SpotifyServer, tmp_path: Path) -> None:
    """Info counts by status, refresh asks again after 90 days, clear needs consent."""
    shell = Shell(tmp_path / "cache", server)
    write_songs(shell.folder / "songs.csv", 100)
    shell.run("build data3 songs.csv --enrich -o data3.csv")
    out, _ = shell.run("cache info")
    assert re.search(r"^ +\d+  artists found, \d{4}-\d\d-\d\d to", out, re.MULTILINE)
    out, _ = shell.run("cache refresh --older-than 90d")
    assert out == "0 ids will be requested again\n"
    out, _ = shell.run("cache refresh --older-than 0h")
    assert out == f"{len(server.asked)} ids will be requested again\n"
    shell.run("cache clear --kind spotify", expect=2)
    out, _ = shell.run("cache clear --kind spotify --yes")
    assert out == f"{len(server.asked)} entries deleted\n"
    out, _ = shell.run("cache info")
    assert out == "nothing is cached yet\n"


def test_refresh_can_be_about_batches_alone(server: SpotifyServer, tmp_path: Path) -> None:
    """`--batches` has an app try them again; without any option there is nothing to do."""
    shell = Shell(tmp_path / "batches", server)
    server.batches = False
    write_songs(shell.folder / "songs.csv", 20)
    shell.run("build data3 songs.csv --enrich --budget 2 -o data3.csv")  # two artists are left
    shell.run("cache refresh", expect=2)
    shell.run("cache refresh --batches")
    server.batches = True
    sent = len(server.requests)
    shell.run("enrich spotify")
    assert all(request.batch for request in server.requests[sent:])


def test_killed_run_is_not_called_running(
    server: SpotifyServer, tmp_path: Path, built: Callable[[Shell, int], None]
) -> None:
    """`status` knows its process; what it fetched is kept."""
    shell = Shell(tmp_path / "killed", server)
    server.batches, server.delay = False, 0.05
    built(shell, 100)
    process = shell.start("enrich spotify")
    wait_for(server, 1, process)
    while not any(run["status"] == "running" for run in json.loads(shell.run("status --json")[0])["runs"]):
        assert process.poll() is None
        server.stopping.wait(0.1)
    process.kill()
    process.communicate()
    out, _ = shell.run("status")
    assert "enrich spotify, killed" in out
    assert "running" not in out


def test_result_is_printed_as_json(
    server: SpotifyServer, tmp_path: Path, built: Callable[[Shell, int], None]
) -> None:
    """One document with the final counts and the file that was written; nothing else on standard output."""
    shell = Shell(tmp_path / "json", server)
    built(shell, 100)
    result = json.loads(shell.run("enrich spotify -o data3.csv --json")[0])
    assert result["answers"] == {"found": len(server.asked), "gone": 0, "error": 0}
    assert result["songs_settled"] == result["songs_named"] == result["songs"] == 100
    assert result["written"] == ["data3.csv"]


def test_estimate_sends_nothing(
    server: SpotifyServer, tmp_path: Path, built: Callable[[Shell, int], None]
) -> None:
    """It works without credentials too."""
    shell = Shell(tmp_path / "estimate", server)
    built(shell, 100)
    del shell.environment["SPOTIPY_CLIENT_ID"]
    out, _ = shell.run("enrich spotify --estimate")
    assert "one id at a time: 103 requests" in out
    out, _ = shell.run("enrich spotify --estimate --json")
    assert json.loads(out)["ways"][1] == {"portion": 1, "requests": 103, "seconds": 0.103}
    assert not server.requests
    assert not server.token_requests
