"""What the tests of the enrichment share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def limits_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the record of requests of a test to itself."""
    path = tmp_path / "state" / "limits.sqlite"
    monkeypatch.setenv("ETL_LIMITS", str(path))
    return path
