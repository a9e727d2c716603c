"""Kill a batch job again and again: what is lost, and how many requests are repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb

from tests.support.batch_server import BatchServer
from tests.support.command_line import environment, etl, run_here
from tests.support.empty_store import empty_store
from tests.support.forked import Copy

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.support.loopback import Reply


def write_rows(folder: Path, number: int) -> Path:
    """Write a table of songs."""
    path = folder / "songs.csv"
    rows = "".join(f"artist {index},title {index},{1960 + index % 60}\n" for index in range(number))
    path.write_text("artist,title,year\n" + rows, encoding="utf-8")
    return path


def run_and_kill(
    folder: Path, *, songs: int, size: int, kills: int, chance: random.Random, later: bool = False
) -> dict[str, Any]:
    """Run a job under kills, and the same job without; with ``later`` through a service's own batches.

    Returns
    -------
    dict
        ``minimum``, ``requests`` and ``kills``; ``uploads``; ``states`` of the items; whether the ``exports``
        are the same.
    """
    table = write_rows(folder, songs)
    exports = []
    told: dict[str, Any] = {"minimum": -(-songs // size), "kills": 0}
    for name, number in (("killed", kills), ("whole", 0)):
        with BatchServer() as server:
            server.script = _slowly
            server.fault = lambda _what: _slowly(0, None)
            settings = {
                "ETL_CHAT_URL": server.base_url,
                "ETL_CHAT_MODEL": "test/model",
                "ETL_CHAT_KEY": "sk-secret-of-kills",
                "ETL_LIMITS": str(folder / f"{name}.sqlite"),
                "ETL_CONFIG": str(folder / "none.toml"),
            }
            words: tuple[Any, ...] = (
                "batch",
                "process",
                table,
                "--tasks",
                "genre",
                "--batch-size",
                str(size),
            )
            database = empty_store(folder / f"{name}.duckdb")  # else a process would run all migrations
            words = (*words, "--db", database, "--strategy", "checkpoints")
            words = (*words, "--async") if later else words
            for _ in range(number):
                told["kills"] += _kill(words, settings, server, chance)
            _here(words, settings)
            arrivals = len(server.arrivals)
            exports.append(_exported(folder, name, settings))
            if name == "killed":
                told |= {"requests": arrivals, "asked": Counter(server.asked.values())}
                told["uploads"] = len(server.made)
                told |= _look(folder / "killed.duckdb")
    return told | {"exports": exports[0] == exports[1]}


def _slowly(_number: int, _items: object) -> Reply | None:
    time.sleep(0.03)
    return None


def _kill(words: Any, settings: dict[str, str], server: BatchServer, chance: random.Random) -> int:
    """Kill a run some requests on, at any moment of one; give whether it was killed before it ended."""
    until = len(server.requests) + chance.randint(0, 3)
    with Copy(
        etl(*words),
        env=environment() | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and len(server.requests) <= until:
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.08))
        process.kill()
        process.wait()
        return process.returncode == -signal.SIGKILL


def _here(words: Any, settings: dict[str, str]) -> str:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        return run_here(*words)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _exported(folder: Path, name: str, settings: dict[str, str]) -> list[bytes]:
    found = []
    for ending in ("csv", "jsonl"):
        target = folder / f"{name}.{ending}"
        _here(("batch", "export", "-o", target, "--db", folder / f"{name}.duckdb"), settings)
        found.append(target.read_bytes())
    return found


def _look(database: Path) -> dict[str, Any]:
    with duckdb.connect(str(database), read_only=True) as connection:
        states = connection.execute(
            "SELECT status, count(*) FROM batch_results WHERE engine = 'model' GROUP BY 1"
        ).fetchall()
        requests = connection.execute(
            "SELECT count(*), count(DISTINCT request_id) FROM batch_requests"
        ).fetchall()
        outcomes = connection.execute("SELECT status, count(*) FROM batch_outcomes GROUP BY 1").fetchall()
        twice = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM batch_answers GROUP BY task, content_hash, version "
            "HAVING count(*) > 1)"
        ).fetchall()
    return {
        "states": dict(states),
        "sent": requests[0],
        "outcomes": dict(outcomes),
        "answered_twice": twice[0][0],
    }
