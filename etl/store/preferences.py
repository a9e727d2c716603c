"""Which songs are preferred where the order matters: those of some genres, those of some decades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    Preferences = Mapping[str, Sequence[str]]
    """Values by key of :data:`PRIORITY_KEYS`: a preferred song has one of the values for every key."""


@dataclass(frozen=True)
class _Key:
    """The condition that a song has a value ``$v``, and what its values are called in a list of them."""

    condition: str
    value: str


_KEYS: Final[Mapping[str, _Key]] = {
    "genre": _Key("(lower(main_genre) = lower($v) OR contains(lower(genres), lower($v)))", "main_genre"),
    "main_genre": _Key("lower(main_genre) = lower($v)", "main_genre"),
    "rock_genre": _Key("lower(rock_genre) = lower($v)", "rock_genre"),
    "decade": _Key(
        "TRY_CAST(decade AS DOUBLE) = TRY_CAST($v AS DOUBLE)", "CAST(TRY_CAST(decade AS INTEGER) AS TEXT)"
    ),
}
PRIORITY_KEYS: Final = tuple(_KEYS)
"""What songs can be preferred by."""

_LISTED: Final = 8


def condition(priority: Preferences) -> tuple[str, dict[str, str]]:
    """Give the condition that a song is preferred, and its parameters; none is where nothing is asked for."""
    if not priority:
        return "false", {}
    parameters: dict[str, str] = {}
    clauses = []
    for key, values in priority.items():
        alternatives = []
        for value in values:
            name = f"v{len(parameters)}"
            parameters[name] = value
            alternatives.append(_KEYS[key].condition.replace("$v", f"${name}"))
        clauses.append(f"({' OR '.join(alternatives)})")
    return f"coalesce({' AND '.join(clauses)}, false)", parameters


def has_preferred(connection: duckdb.DuckDBPyConnection, priority: Preferences) -> bool:
    """Whether any song of the current set is preferred."""
    predicate, parameters = condition(priority)
    found = connection.sql(f"SELECT 1 FROM songs_current WHERE {predicate} LIMIT 1", params=parameters)
    return bool(found.fetchall())


def common_values(connection: duckdb.DuckDBPyConnection, key: str) -> list[str]:
    """List the commonest values of a key among the songs of the current set."""
    found = connection.sql(
        f"SELECT {_KEYS[key].value} AS value FROM songs_current WHERE value <> '' "
        f"GROUP BY ALL ORDER BY count(*) DESC, value LIMIT {_LISTED}"
    )
    return [value for (value,) in found.fetchall()]
