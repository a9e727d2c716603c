"""Jobs as commands: process, status, retry, cancel, resume, export, estimate, evaluate."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.pipelines.batch.conftest import KEY, write_samples
from tests.support.chat_server import ChatServer, error
from tests.support.command_line import run_here
from tests.support.empty_store import empty_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """Start a model, and set it; the store is an empty one in the folder."""
    with ChatServer() as made:
        settings = {
            "ETL_CHAT_URL": made.base_url,
            "ETL_CHAT_MODEL": "test/model",
            "ETL_CHAT_KEY": KEY,
            "ETL_LIMITS": str(tmp_path / "limits.sqlite"),
            "ETL_CONFIG": str(tmp_path / "none.toml"),
            "ETL_DB": str(empty_store(tmp_path / "music.duckdb")),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield made


def batch(*words: str | Path, expect: int = 0) -> Any:
    """Run a command; give its document."""
    text = run_here("batch", *words, "--json", expect=expect)
    return json.loads(text[text.index("{") :]) if "{" in text else text


def test_a_folder_from_samples_to_files(server: ChatServer, tmp_path: Path) -> None:
    """Tasks in a row, a poison sample, retry, and the results in each format."""
    samples = tmp_path / "Samples"
    write_samples(samples / "Kicks", 6)
    (samples / "broken.wav").write_bytes(b"RIFF")
    (samples / "Kicks" / "kick_0005.wav").rename(samples / 'q"7 {}].wav')  # whose name says nothing
    server.poison = {"kick_0004.wav"}
    words = ("process", samples, "--tasks", "local,vibe,groove", "--parallel-local", "0")
    done = batch(*words, "--min-duration", "0.01", expect=1)
    stages = {(each["task"], each["engine"]): each for each in done["stages"]}
    assert (stages["vibe", "model"]["done"], stages["vibe", "model"]["failed"]) == (5, 1)
    assert stages["groove", "local"]["done"] == 6
    assert stages["category", "local"]["done"] == 6  # one by its sound
    assert stages["vibe", "model"]["skipped"] == 1
    assert {each["open"] for each in done["stages"]} == {0}
    stands = batch("status", "samples")
    assert stands["errors"]["server"] >= 2
    assert {why[1] for why in stands["reasons"]} == {"skipped", "failed"}
    server.poison = set()
    assert batch("retry", "samples")["items"] == 2
    asked = len(server.arrivals)
    assert batch("resume", "samples")["stages"][-1]["done"] == 6
    assert len(server.arrivals) == asked + 2
    for ending in ("csv", "json", "jsonl", "parquet", "m3u8"):
        assert batch("export", "samples", "-o", tmp_path / f"out.{ending}")["done"] == 6
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows].count("done") == 6
    whole = next(row for row in rows if row["name"].endswith("kick_0001.wav"))
    assert whole["category"] == "drums"
    assert whole["category_kind"] == "kick"
    assert whole["vibe_mood"]
    assert 1 <= int(whole["vibe_energy"]) <= 10
    assert pl.read_parquet(tmp_path / "out.parquet")["vibe_tags"].dtype == pl.List(pl.String)
    assert (tmp_path / "out.m3u8").read_text(encoding="utf-8").count("Samples/Kicks/kick_") == 5
    batch("export", "samples", "--layout", "folders", "-o", tmp_path / "layout")
    assert {path.name for path in (tmp_path / "layout").iterdir()} == {
        "manifest.json", "checkpoints.json", "results.jsonl", "errors.jsonl",
    }  # fmt: skip
    text = (tmp_path / "layout" / "errors.jsonl").read_text(encoding="utf-8")
    assert "not audio" in text
    assert KEY not in "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "layout").iterdir())


def test_each_query_is_a_job_of_its_own(server: ChatServer, tmp_path: Path) -> None:
    """The same query is the same job; a name that something else has is refused."""
    (tmp_path / "query.csv").write_text("title\nsong\n", encoding="utf-8")
    first, second = "SELECT 'a' AS title", "SELECT 'b' AS title"
    named = [
        batch("process", "--sql", sql, "--tasks", "genre")["job"]
        for sql in (first, second, f" {first};\n", second)
    ]
    assert named == ["query", "query-2", "query", "query-2"]
    assert batch("estimate", "--sql", "SELECT 'c' AS title", "--tasks", "genre")["job"] == "query-3"
    assert sorted(server.asked) == ["a", "b"]
    words = ("process", "--sql", first, "--name", "query-2", "--tasks", "genre")
    assert "there is a job `query-2` already" in batch(*words, expect=2)
    assert "there is a job `query` already" in batch("process", tmp_path / "query.csv", expect=2)


def test_a_surer_local_answer_is_best(server: ChatServer, tmp_path: Path) -> None:
    """Of two answers the one with more confidence counts, and both are kept."""
    server.spoken = lambda answers: {"items": [{**each, "confidence": 0.5} for each in answers]}
    (tmp_path / "names.csv").write_text("name\nBD01.wav\nxyzzy.wav\n", encoding="utf-8")
    batch("process", tmp_path / "names.csv", "--tasks", "category")
    batch("export", "names", "-o", tmp_path / "out.json")
    known, unknown = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (known["category"], known["category_engine"]) == ("drums", "local")
    assert (unknown["status"], unknown["category_engine"]) == ("done", "model")


def test_cancelled_jobs_are_not_resumed_and_urgent_ones_go_first(server: ChatServer, tmp_path: Path) -> None:
    """`resume` without a name takes the open jobs by priority."""
    for name, priority in (("later", "low"), ("soon", "high"), ("never", "high")):
        (tmp_path / f"{name}.csv").write_text(f"title\n{name}\n", encoding="utf-8")
        server.script = lambda _number, _items: error(401, "no")
        batch("process", tmp_path / f"{name}.csv", "--tasks", "genre", "--priority", priority, expect=69)
    batch("cancel", "never")
    server.script = lambda _number, _items: None
    before = len(server.arrivals)
    run_here("batch", "resume")
    assert server.batches[before:] == [["soon"], ["later"]]
    assert "cancelled" in run_here("batch", "list")


def test_an_estimate_sends_nothing_and_counts_what_a_run_would_send(
    server: ChatServer, tmp_path: Path
) -> None:
    """Under 50 a day 604 items take three days in fives; auto takes as few together as end in the days."""
    table = tmp_path / "songs.csv"
    table.write_text("title\n" + "".join(f"song {number}\n" for number in range(604)), encoding="utf-8")
    words = ("estimate", table, "--tasks", "genre", "--per-day", "50", "--rpm", "5")
    plan = batch(*words, "--batch-size", "5")
    assert (plan["calls"], plan["days"]) == (121, 3)
    assert batch(*words, "--batch-size", "auto")["stages"][0]["per_call"] == 13
    assert batch(*words, "--batch-size", "auto", "--days", "3")["stages"][0]["per_call"] == 5
    assert "song 0" in run_here("batch", *words, "--show-plan")
    assert not server.arrivals


def test_an_evaluation_says_which_engine_is_better(server: ChatServer, tmp_path: Path) -> None:
    """The truth is not shown to the model; where it is no better that is said."""
    truth = tmp_path / "truth.csv"
    rows = [("BD01.wav", "drums"), ("snare.wav", "drums"), ("pad.wav", "melodic"), ("zz.wav", "vocals")]
    truth.write_text("name,category\n" + "".join(f"{n},{c}\n" for n, c in rows), encoding="utf-8")
    server.spoken = lambda answers: {"items": [{**each, "category": "drums"} for each in answers]}
    told = batch("evaluate", "category", "--truth", truth, "--engine", "model")
    (field,) = told["fields"]
    assert (field["local"]["answered"], field["local"]["right"]) == (3, 3)
    assert (field["model"]["answered"], field["model"]["right"]) == (4, 2)
    assert field["model_is_better"] is False
    assert "vocals" not in server.bodies[0]["messages"][-1]["content"]
    assert "is not better" in run_here("batch", "evaluate", "category", "--truth", truth, "--engine", "model")


def test_wrong_words_are_usage_errors(server: ChatServer, tmp_path: Path) -> None:
    """With what there is to choose from."""
    (tmp_path / "a.csv").write_text("title\nx\n", encoding="utf-8")
    assert "vibe" in batch("process", tmp_path / "a.csv", "--tasks", "vibes", expect=2)
    batch("process", expect=2)
    assert "does not exist" in batch("process", tmp_path / "none", expect=1)  # as of every command
    batch("status", "nothing", expect=2)
    batch("process", tmp_path / "a.csv", "--tasks", "genre", "--where", "nonsense(", expect=2)
    assert not server.arrivals


def test_pairs_of_a_job_are_the_items_of_another(server: ChatServer, tmp_path: Path) -> None:
    """Two samples of different kinds in a question, no pair twice, and what is known of both is shown."""
    names = ["BD01.wav", "BD02.wav", "Snare 1.wav", "Pad Am.wav", "Vox'n {x}.wav"]
    (tmp_path / "set.csv").write_text("name\n" + "".join(f"{name}\n" for name in names), encoding="utf-8")
    batch("process", tmp_path / "set.csv", "--tasks", "category,vibe,compatibility", "--engine", "model")
    before = len(server.bodies)
    done = batch("process", "--pairs", "set")
    assert done["job"] == "set-pairs"
    shown = [
        item
        for body in server.bodies[before:]
        for item in json.loads(body["messages"][-1]["content"])["items"]
    ]
    pairs = [frozenset((item["first"], item["second"])) for item in shown]
    assert len(pairs) == len(set(pairs)) == done["items"]
    assert frozenset(names[:2]) not in pairs
    assert {name for pair in pairs for name in pair} == set(names)
    assert all({"first_kind", "first_mood", "second_part", "second_energy"} <= item.keys() for item in shown)
    batch("export", "set-pairs", "-o", tmp_path / "pairs.csv")
    exported = pl.read_csv(tmp_path / "pairs.csv")
    assert exported["pairs_together"].is_between(1, 10).all()
    assert exported.select("first", "second").null_count().row(0) == (0, 0)
    batch("process", "--pairs", "nothing", expect=2)


def test_a_job_in_which_nothing_is_open_is_done(server: ChatServer, tmp_path: Path) -> None:
    """In its status and in the list."""
    (tmp_path / "a.csv").write_text("title,artist\nx,y\n", encoding="utf-8")
    batch("process", tmp_path / "a.csv", "--tasks", "genre")
    assert batch("status")["status"] == "done"
    assert json.loads(run_here("batch", "list", "--json"))[0]["status"] == "done"
    assert server.bodies
