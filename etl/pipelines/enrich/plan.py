"""Which ids are asked about, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from etl.runtime.errors import EtlError, ExitCode
from etl.store.answers import wanted_ids
from etl.store.preferences import common_values, has_preferred

if TYPE_CHECKING:
    import duckdb

    from etl.services.contract import Kind, Service
    from etl.store.preferences import Preferences


def plan(
    connection: duckdb.DuckDBPyConnection, service: Service, priority: Preferences
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


def check_priority(connection: duckdb.DuckDBPyConnection, priority: Preferences) -> None:
    """Refuse to prefer what no song has: the order would be the same, and nobody would know.

    Raises
    ------
    EtlError
        If no song has one of the values, or none has one for every key.
    """
    for key, values in priority.items():
        for value in values:
            if not has_preferred(connection, {key: [value]}):
                known = ", ".join(common_values(connection, key))
                raise _no_song(
                    f"no song has {key}={value}",
                    f"The commonest are: {known}." if known else f"The songs have no {key} at all.",
                )
    if priority and not has_preferred(connection, priority):
        raise _no_song(
            f"no song has {' and '.join(priority)} as wanted at once", "Give one of them, or other values."
        )


def _no_song(why: str, hint: str) -> EtlError:
    return EtlError(f"--priority prefers nothing: {why}.", hint, exit_code=ExitCode.USAGE)
