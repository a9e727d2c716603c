"""Columnar ETL for music data: chords, audio and MIDI into DuckDB and data sets."""

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public functions on first use, so that ``import etl`` costs nothing."""
    if name == "load_artifacts":
        return importlib.import_module("etl.exports.sonic").load_artifacts
    raise AttributeError(f"module 'etl' has no attribute {name!r}")
