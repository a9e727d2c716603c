"""An empty store, made once by each process and written down again: making one runs all migrations."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from etl.store.database import open_store


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.duckdb"
        with open_store(path):
            pass
        return path.read_bytes()


def empty_store(path: Path) -> Path:
    """Write an empty store, unless there is a file already; give its path."""
    if not path.exists():
        path.write_bytes(_content())
    return path
