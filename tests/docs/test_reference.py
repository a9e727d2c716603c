"""The reference of tables is what the store has."""

from __future__ import annotations

from etl.store.database import read_store
from tests.support.empty_store import empty_store
from tests.support.places import ROOT
from tests.support.table_reference import reference


def test_the_reference_of_tables_is_in_step_with_the_store(tmp_path):
    """docs/tables.md is what `python -m tests.support.table_reference` writes."""
    with read_store(empty_store(tmp_path / "music.duckdb")) as store:
        written = reference(store)
    assert ROOT.joinpath("docs", "tables.md").read_text(encoding="utf-8") == written
