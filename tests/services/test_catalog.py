"""What every service of the catalog has."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from etl.services.catalog import SERVICES, kinds_of, unidentified
from etl.services.settings import ServiceSettings
from etl.store.answers import answer_schema
from etl.store.database import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", SERVICES)
def test_every_kind_has_its_table_and_its_column_of_the_songs(name: str, tmp_path: Path) -> None:
    """The migrations make a table of the agreed form for each; ids stand in a column of a view of songs."""
    kinds = kinds_of(name)
    assert kinds
    with open_store(tmp_path / "music.duckdb") as connection:
        for kind in kinds:
            assert list(answer_schema(connection, name, kind))[:3] == ["id", "status", "reason"]
            assert kind.column in connection.table(kind.songs).columns
            re.compile(kind.valid)


@pytest.mark.parametrize("name", SERVICES)
def test_estimates_need_no_credentials_and_rates_are_bounded(name: str) -> None:
    """No service is asked as fast as it goes."""
    service = unidentified(name, ServiceSettings())
    assert service.name == name
    assert 0 < service.rates.per_second < 100
    assert service.kinds == kinds_of(name)


@pytest.mark.parametrize("name", SERVICES)
def test_kinds_are_known_without_loading_what_sends_requests(name: str) -> None:
    """`etl status` and `etl cache` are as quick as without any service."""
    code = (
        "import sys; from etl.services.catalog import kinds_of; "
        f"kinds_of({name!r}); print(*{{'requests', 'spotipy', 'stamina'}}.intersection(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
