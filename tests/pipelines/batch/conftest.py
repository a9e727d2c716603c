"""What tests of batch jobs share: a model on the loopback, a folder of samples, jobs of rows."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from etl.pipelines.batch.request import BatchOptions, BatchRequest, Kind
from etl.pipelines.batch.run import BatchResult, process
from etl.services.chat_settings import ChatSettings
from etl.services.politeness.retry import Patience
from tests.support.chat_server import ChatServer
from tests.support.empty_store import empty_store
from tests.support.stored import stored_rows
from tests.support.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-or-v1-0123456789abcdef"
PATIENCE = Patience(
    attempts=3, failures=12, first_delay=0.001, longest_delay=0.01, longest_wait=120.0, read=2.0, answer=5.0
)


class Batch:
    """Jobs over a store in an empty folder, with a model and a clock on which waiting takes no time."""

    def __init__(self, folder: Path, server: ChatServer, clock: VirtualClock) -> None:
        self.folder = folder
        self.server = server
        self.clock = clock
        self.database = empty_store(folder / "music.duckdb")
        self.settings = ChatSettings(server.base_url, "test/model", key=KEY, patience=PATIENCE)

    def rows(self, names: list[str]) -> Path:
        """Write a table of items."""
        path = self.folder / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["name"], *([name] for name in names)])
        return path

    def task(self, name: str = "mood", **schema: Any) -> Path:
        """Write a small task."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "prompt.md").write_text("Say the mood.", encoding="utf-8")
        rules = {"required": True, "enum": ["dark", "bright"]}
        field = {"name": "mood", "description": "the mood", "constraints": rules}
        (folder / "answer.json").write_text(json.dumps({"fields": [field], **schema}), encoding="utf-8")
        return folder

    def request(self, source: Path, **options: Any) -> BatchRequest:
        """Make a request; a source that is a file is a table."""
        others = {name: options.pop(name) for name in ("wait", "is_resumed") if name in options}
        job = options.pop("job", "job")
        options = {"tasks": (str(self.task()),), "parallel_local": 0, **options}
        return BatchRequest(
            self.database,
            job,
            Kind.FILES if source.is_dir() else Kind.ROWS,
            str(source),
            BatchOptions(**options),
            limits_file=self.folder / "limits.sqlite",
            clock=self.clock,
            **others,
        )

    def run(self, source: Path, settings: dict[str, Any] | None = None, **options: Any) -> BatchResult:
        """Do a job."""
        return process(self.request(source, **options), replace(self.settings, **(settings or {})))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the store."""
        return stored_rows(self.database, sql)

    def states(self) -> dict[str, str]:
        """Give the state of each item in the model's stage."""
        rows = self.query("SELECT name, status FROM batch_results WHERE engine = 'model' ORDER BY item")
        assert len(rows) == len({name for name, _ in rows})
        return dict(rows)


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    """Give jobs over an empty store."""
    clock = VirtualClock()
    with ChatServer(clock) as server:
        yield Batch(tmp_path, server, clock)


def write_samples(folder: Path, number: int) -> None:
    """Write so many short sounds, each of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    decay = np.exp(-np.arange(1000) / 200).astype(np.float32)
    for index in range(number):
        noise = np.random.default_rng(index).normal(0, 0.1, 1000).astype(np.float32)
        soundfile.write(folder / f"kick_{index:04}.wav", noise * decay, 22_050, subtype="PCM_16")
