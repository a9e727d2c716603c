"""Columnar ETL for music data: chords, audio and MIDI into DuckDB and data sets.

What a Python program may rely on is named in ``__all__`` and described in docs/python.md; everything else is
the inside of the house. The names are imported on first use, so that ``import etl`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "EtlError",
    "Library",
    "SongDataset",
    "analyze",
    "collate",
    "datasets",
    "describe",
    "load_artifacts",
    "load_schema",
    "open",
    "read_midi",
]

if TYPE_CHECKING:
    from etl.api import datasets
    from etl.api.harmony import analyze
    from etl.api.library import Library, open_library as open  # noqa: A004 - as `gzip.open`
    from etl.api.recordings import describe, read_midi
    from etl.exports.dataset_reader import SongDataset, collate
    from etl.exports.sonic import load_artifacts
    from etl.runtime.errors import EtlError
    from etl.runtime.table_schema import load_schema

_PLACES = {
    "EtlError": "etl.runtime.errors:EtlError",
    "Library": "etl.api.library:Library",
    "SongDataset": "etl.exports.dataset_reader:SongDataset",
    "analyze": "etl.api.harmony:analyze",
    "collate": "etl.exports.dataset_reader:collate",
    "datasets": "etl.api.datasets:",
    "describe": "etl.api.recordings:describe",
    "load_artifacts": "etl.exports.sonic:load_artifacts",
    "load_schema": "etl.runtime.table_schema:load_schema",
    "open": "etl.api.library:open_library",
    "read_midi": "etl.api.recordings:read_midi",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'etl' has no attribute {name!r}")
    module, _, member = _PLACES[name].partition(":")
    found = import_module(module)
    found = getattr(found, member) if member else found
    globals()[name] = found  # the next access costs nothing
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
