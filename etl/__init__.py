"""Columnar ETL for music data: chords, audio and MIDI into DuckDB and data sets."""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "SongDataset": "etl.exports.dataset_reader",
    "collate": "etl.exports.dataset_reader",
    "load_artifacts": "etl.exports.sonic",
    "load_schema": "etl.runtime.table_schema",
}


def __getattr__(name: str) -> Any:
    """Import the public functions on first use, so that ``import etl`` costs nothing."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'etl' has no attribute {name!r}")
