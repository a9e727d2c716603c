"""Named queries: plain SQL files whose header says what they answer and which parameters they take.

A file ``sql/queries/NAME.sql`` opens with comment lines::

    -- title: Songs with a progression
    -- description: What the rows are. Goes on
    -- over as many lines as it needs.
    -- param progression: text; a required parameter
    -- param limit: integer 1..100000 = 20; a number in a range, with a default
    -- param by: text nothing|genre = nothing; one of several words
    -- param genre: text of songs_current.main_genre = null; a value of this column, with a default of null

The types are ``text``, ``integer``, ``number`` and ``numerals`` (up to 8 Roman numerals). Values reach the
SQL as ``$progression``, ``$limit`` and so on, never as text of the statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from etl.chords.numerals import parse_numeral
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource
from etl.store.nearest import known_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

Value: TypeAlias = str | int | float | bool | None

_NULL: Final = "null"
_MOST_NUMERALS: Final = 8
_PARAMETER: Final = re.compile(
    r"(?P<name>\w+): (?P<kind>text|integer|number|numerals)"
    r"(?: (?P<low>-?\d+)\.\.(?P<high>-?\d+)| (?P<choices>\w+(?:\|\w+)+)| of (?P<known>\w+\.\w+))?"
    r"(?: = (?P<default>[^;]+))?; (?P<description>.+)"
)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a named query.

    Attributes
    ----------
    name
        As in the SQL, without ``$``.
    kind
        ``text``, ``integer``, ``number`` or ``numerals``.
    bounds
        Least and greatest value, or None.
    choices
        Words that it may be; empty if it is free.
    known
        Table or view and column that hold the values that it may have (`check_known_values`), or None.
    default
        Text of the default (``null`` for NULL), or None where a value is required.
    description
        What it does.
    """

    name: str
    kind: str
    bounds: tuple[int, int] | None
    choices: tuple[str, ...]
    known: tuple[str, str] | None
    default: str | None
    description: str

    def value(self, text: str) -> Value:
        """Read a value.

        Raises
        ------
        EtlError
            If it is of another type, out of range, or none of the choices.
        """
        if text == _NULL and self.default == _NULL:
            return None
        if self.choices and text not in self.choices:
            raise EtlError(
                f"`{self.name}` cannot be `{text}`.",
                f"Choose one of: {', '.join(self.choices)}.",
                exit_code=ExitCode.USAGE,
            )
        if self.kind == "text":
            return text
        if self.kind == "numerals":
            return _numerals(self.name, text)
        try:
            number = int(text) if self.kind == "integer" else float(text)
        except ValueError as error:
            article = "an integer" if self.kind == "integer" else "a number"
            raise EtlError(
                f"`{self.name}` must be {article}, not `{text}`.", self.description, exit_code=ExitCode.USAGE
            ) from error
        if self.bounds and not self.bounds[0] <= number <= self.bounds[1]:
            raise EtlError(
                f"`{self.name}` must be from {self.bounds[0]} to {self.bounds[1]}, not {text}.",
                self.description,
                exit_code=ExitCode.USAGE,
            )
        return number


@dataclass(frozen=True)
class Query:
    """A named query.

    Attributes
    ----------
    name
        Name of its file, without ``.sql``.
    title, description
        What it answers, in a few words and in full.
    parameters
        In the order of the header.
    sql
        The whole file.
    """

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str

    def bind(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Read the given values and fill in the defaults.

        Raises
        ------
        EtlError
            If a parameter is unknown, missing, or has a value that it cannot have.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise EtlError(
                    f"`{self.name}` has no parameter `{name}`.",
                    f"It has: {', '.join(known)}.",
                    exit_code=ExitCode.USAGE,
                )
        values = {}
        for name, parameter in known.items():
            text = given.get(name, parameter.default)
            if text is None:
                raise EtlError(
                    f"`{self.name}` needs the parameter `{name}`: {parameter.description}.",
                    f"Pass it with --param {name}=VALUE.",
                    exit_code=ExitCode.USAGE,
                )
            values[name] = parameter.value(text)
        return values


def _numerals(parameter: str, text: str) -> str:
    words = text.split()
    hint = "Write Roman numerals with spaces between them, such as 'I V vi IV' or 'i bVI bIII bVII'."
    if not 1 <= len(words) <= _MOST_NUMERALS:
        raise EtlError(
            f"`{parameter}` must be 1 to {_MOST_NUMERALS} Roman numerals, not {len(words)}.",
            hint,
            exit_code=ExitCode.USAGE,
        )
    for word in words:
        try:
            parse_numeral(word)
        except ValueError as error:
            raise EtlError(f"`{word}` is not a Roman numeral.", hint, exit_code=ExitCode.USAGE) from error
    return " ".join(words)


def check_known_values(
    connection: duckdb.DuckDBPyConnection, query: Query, values: Mapping[str, Value]
) -> None:
    """Refuse values that the store does not hold: an empty answer would say that nothing was found for them.

    Raises
    ------
    EtlError
        If there is one; names those that are most like it.
    """
    for parameter in query.parameters:
        value = values[parameter.name]
        if parameter.known is None or value is None:
            continue
        table, column = parameter.known
        if connection.execute(f"SELECT 1 FROM {table} WHERE {column} = $1 LIMIT 1", [value]).fetchone():
            continue
        raise EtlError(
            f"the store has no {parameter.name} `{value}`.",
            known_values(connection, table, column, str(value)),
            exit_code=ExitCode.USAGE,
        )


def named_queries() -> dict[str, Query]:
    """All shipped queries by name."""
    return {
        path.stem: parse_query(path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(resource("sql/queries").glob("*.sql"))
    }


def named_query(name: str) -> Query:
    """One shipped query.

    Raises
    ------
    EtlError
        If there is none of that name.
    """
    queries = named_queries()
    if name not in queries:
        raise EtlError(
            f"there is no query `{name}`.",
            f"There are: {', '.join(queries)}. Or give SQL, in quotes: 'SELECT ...'.",
            exit_code=ExitCode.USAGE,
        )
    return queries[name]


def parse_query(name: str, sql: str) -> Query:
    """Read the header of a query file.

    Raises
    ------
    ValueError
        If the header is not of the form that this module describes.
    """
    fields: list[tuple[str, str]] = []
    for line in sql.splitlines():
        if not line.startswith("-- "):
            break
        text = line.removeprefix("-- ")
        start = re.match(r"(title|description|param)(?:: | )", text)
        if start:
            fields.append((start[1], text[start.end() :]))
        elif fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text}")
    titles = [text for field, text in fields if field == "title"]
    descriptions = [text for field, text in fields if field == "description"]
    if len(titles) != 1 or len(descriptions) != 1:
        message = f"query {name} needs one title and one description"
        raise ValueError(message)
    parameters = tuple(_parse_parameter(name, text) for field, text in fields if field == "param")
    return Query(name, titles[0], descriptions[0], parameters, sql)


def _parse_parameter(query: str, text: str) -> Parameter:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        message = f"query {query} has a malformed parameter line: {text}"
        raise ValueError(message)
    table, _, column = (match["known"] or "").partition(".")
    return Parameter(
        name=match["name"],
        kind=match["kind"],
        bounds=(int(match["low"]), int(match["high"])) if match["low"] else None,
        choices=tuple(match["choices"].split("|")) if match["choices"] else (),
        known=(table, column) if column else None,
        default=match["default"],
        description=match["description"],
    )
