"""Which ids are asked about, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.store.answers import wanted_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from etl.services.contract import Kind, Service


def plan(
    connection: duckdb.DuckDBPyConnection, service: Service, priority: Mapping[str, Sequence[str]]
) -> list[tuple[Kind, list[str]]]:
    """Order the ids that are still to be asked about by what they are worth.

    Ids of preferred songs come first; among them, and then among the others, the service's first kind
    before the next (artists before tracks, for one artist fills many rows); within these the ids that occur
    in most songs.
    """
    wanted = {kind: wanted_ids(connection, service.name, kind, priority) for kind in service.kinds}
    return [
        (kind, wanted[kind].filter(condition)["id"].to_list())
        for condition in (pl.col("preferred") > 0, pl.col("preferred") == 0)
        for kind in service.kinds
    ]
