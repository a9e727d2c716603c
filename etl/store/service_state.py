"""What is known about services from earlier runs, by service, account and key; values are JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import duckdb


def get(connection: duckdb.DuckDBPyConnection, service: str, account: str, key: str) -> Any:
    """Give what is known, None for nothing."""
    row = connection.execute(
        "SELECT value FROM service_state WHERE service = ? AND account = ? AND key = ?",
        [service, account, key],
    ).fetchone()
    return json.loads(row[0]) if row else None


def put(service: str, account: str, key: str, value: Any) -> Write:
    """Keep a JSON value in place of an earlier one."""
    values = {"service": service, "account": account, "key": key, "value": value}
    return Write("etl.store.service_state:write_value", values=values)


def forget(service: str, account: str, key: str) -> Write:
    """Forget a value."""
    values = {"service": service, "account": account, "key": key}
    return Write("etl.store.service_state:delete_value", values=values)


def write_value(
    connection: duckdb.DuckDBPyConnection,
    _frames: Mapping[str, object],
    values: Mapping[str, Any],
) -> None:
    """Write what :func:`put` says."""
    connection.execute(
        "INSERT OR REPLACE INTO service_state VALUES (?, ?, ?, ?)",
        [values["service"], values["account"], values["key"], json.dumps(values["value"])],
    )


def delete_value(
    connection: duckdb.DuckDBPyConnection,
    _frames: Mapping[str, object],
    values: Mapping[str, Any],
) -> None:
    """Delete what :func:`forget` says."""
    connection.execute(
        "DELETE FROM service_state WHERE service = ? AND account = ? AND key = ?",
        [values["service"], values["account"], values["key"]],
    )


def values(connection: duckdb.DuckDBPyConnection, service: str, account: str) -> dict[str, Any]:
    """Give all that is known about a service and account, by key."""
    rows = connection.execute(
        "SELECT key, value FROM service_state WHERE service = ? AND account = ?", [service, account]
    ).fetchall()
    return {key: json.loads(value) for key, value in rows}


@dataclass(frozen=True, slots=True)
class ParkedService:
    """A service that may not be asked for a while.

    Attributes
    ----------
    service
        Its name.
    not_before
        When it may be asked again, UTC.
    """

    service: str
    not_before: datetime


def parked_services(connection: duckdb.DuckDBPyConnection) -> tuple[ParkedService, ...]:
    """Read which services may not be asked now."""
    rows = connection.execute(
        "SELECT service, timezone('UTC', to_timestamp((value ->> 'not_before')::DOUBLE)) AS until "
        "FROM service_state WHERE key = 'breaker' AND until > timezone('UTC', now()) ORDER BY ALL"
    ).fetchall()
    return tuple(ParkedService(service, until.replace(tzinfo=UTC)) for service, until in rows)
