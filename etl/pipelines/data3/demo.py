"""The demonstration: build the bundled sample and show what a user would want to see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from etl.runtime.resources import resource
from etl.store.database import read_store
from etl.store.queries import named_query
from etl.store.statements import select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.pipelines.data3.result import BuildResult
    from etl.runtime.watch.progress import Renderer

_KEYS_SHOWN: Final = 8


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration made.

    Attributes
    ----------
    build
        What the build did.
    rows
        The first rows of the data3 CSV.
    keys, progressions
        The commonest keys, and the commonest progressions of four chords.
    """

    build: BuildResult
    rows: pl.DataFrame
    keys: pl.DataFrame
    progressions: pl.DataFrame


def demonstrate(folder: Path, renderers: Sequence[Renderer] = ()) -> Demonstration:
    """Build the bundled sample into ``folder`` and query it."""
    request = Data3Build(
        inputs=(resource("sample/billboard_chordonomicon.csv"),),
        output=folder / "data3.csv",
        database=folder / "music.duckdb",
        npz=folder / "data3.npz",
        force=True,
    )
    result = build(request, renderers)
    query = named_query("progressions")
    with read_store(folder / "music.duckdb") as connection:
        return Demonstration(
            build=result,
            rows=pl.read_csv(request.output, infer_schema=False, n_rows=3),
            keys=_commonest_keys(result),
            progressions=select(connection, query.sql, query.bind({"n": "4", "limit": "6"})).pl(),
        )


def _commonest_keys(result: BuildResult) -> pl.DataFrame:
    keys = pl.DataFrame({"key": list(result.keys), "songs": list(result.keys.values())})
    return keys.sort("songs", "key", descending=[True, False]).head(_KEYS_SHOWN)
