"""Table schemas: the assumptions about a table, as rules that tell good rows from bad ones.

A schema is a Frictionless Table Schema [1]_ in JSON. Its field types and constraints become rules, and so do
its ``rowRules``: our own property, SQL conditions over several fields. As with SQL's CHECK, a rule that comes
out NULL is kept.

References
----------
.. [1] Data Package standard, version 2, Table Schema: https://datapackage.org/standard/table-schema/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TYPES: Final[Mapping[str, pl.DataType | None]] = {
    "string": None,
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": None,
    "date": pl.Date(),
    "datetime": None,
    "year": pl.Int32(),
    "array": None,
    "object": None,
    "any": None,
}
"""Types that a field may have, and what its text must convert to."""

_BOOLEANS: Final = ("true", "True", "TRUE", "1", "false", "False", "FALSE", "0")
FIELDS_MATCH: Final = ("exact", "equal", "subset", "superset", "partial")


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    Attributes
    ----------
    name
        Such as ``key.pattern``.
    description
        What must hold, in words.
    holds
        True, or NULL, where a row is good.
    field
        The field it is about, or None if about several.
    """

    name: str
    description: str
    holds: pl.Expr
    field: str | None


@dataclass(frozen=True)
class Failures:
    """The rows that broke a rule.

    Attributes
    ----------
    rows
        The bad rows, and ``broken: list[str]``, the names of the rules that each broke.
    """

    rows: pl.DataFrame

    def counts(self) -> dict[str, int]:
        """Rows that broke each broken rule; a row counts once for each."""
        names = self.rows["broken"].explode().value_counts().sort("broken")
        return dict(names.iter_rows())


@dataclass(frozen=True)
class TableSchema:
    """A table's schema; its fields hold text, as in a CSV.

    Attributes
    ----------
    name
        Of the schema.
    descriptor
        The JSON.
    file
        Where it was read from, if it was.
    """

    name: str
    descriptor: Mapping[str, Any]
    file: Path | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Field names in order."""
        return tuple(field["name"] for field in self.descriptor["fields"])

    @property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        """Sets of fields whose values together must differ from row to row."""
        key = self.descriptor.get("primaryKey", [])
        primary = (key,) if isinstance(key, str) else tuple(key)
        marked = [
            (field["name"],)
            for field in self.descriptor["fields"]
            if field.get("constraints", {}).get("unique")
        ]
        return tuple(dict.fromkeys(fields for fields in (primary, *marked) if fields))

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """All rules that a row can break by itself."""
        of_fields = [rule for field in self.descriptor["fields"] for rule in _field_rules(field)]
        of_rows = [
            Rule(rule["name"], rule["description"], pl.sql_expr(rule["sql"]), None)
            for rule in self.descriptor.get("rowRules", [])
        ]
        return (*of_fields, *of_rows)

    def header_problem(self, columns: tuple[str, ...]) -> str:
        """Say what is wrong with a file's columns, or nothing; ``fieldsMatch`` says what may be."""
        match = self.descriptor.get("fieldsMatch", "exact")
        missing = [name for name in self.fields if name not in columns]
        extra = [name for name in columns if name not in self.fields]
        if missing and match in {"exact", "equal", "subset"}:
            return f"lacks the column `{missing[0]}`"
        if extra and match in {"exact", "equal", "superset"}:
            return f"has a column `{extra[0]}` that the schema does not know"
        if match == "exact" and columns != self.fields:
            place = next(i for i, name in enumerate(columns) if name != self.fields[i])
            return f"has `{columns[place]}` as column {place + 1}, where `{self.fields[place]}` belongs"
        return "" if len(missing) < len(self.fields) else "has none of the schema's columns"

    def filter(self, rows: pl.DataFrame, further: Sequence[Rule] = ()) -> tuple[pl.DataFrame, Failures]:
        """Tell good rows from bad ones.

        Parameters
        ----------
        rows
            Text columns; those of the schema's fields that are present are checked.
        further
            Rules beside those of the schema.

        Returns
        -------
        good, failures
            Every row is in one of them, in its order.

        Examples
        --------
        >>> schema = TableSchema(
        ...     "t", {"fields": [{"name": "a", "type": "integer", "constraints": {"minimum": 0}}]}
        ... )
        >>> good, failures = schema.filter(pl.DataFrame({"a": ["1", "x", "-2", None]}))
        >>> good["a"].to_list(), failures.counts()
        (['1', None], {'a.minimum': 1, 'a.type': 1})
        """
        present = set(rows.columns)
        rules = [rule for rule in (*self.rules, *further) if set(rule.holds.meta.root_names()) <= present]
        missing = self.descriptor.get("missingValues", [""])
        texts = pl.col(name for name in self.fields if name in present)
        # Where every value stands for "missing", rules see null.
        judged = rows.lazy().with_columns(texts.replace(missing, [None] * len(missing)))
        holds = judged.select(
            rule.holds.fill_null(value=True).alias(str(number)) for number, rule in enumerate(rules)
        ).collect()
        if not rules:
            return rows, Failures(rows.clear().with_columns(broken=pl.lit([], pl.List(pl.String))))
        is_good = holds.select(pl.all_horizontal(pl.all())).to_series()
        bad = holds.filter(~is_good)
        broken = bad.select(
            pl.concat_list(
                pl.when(~pl.col(str(number))).then(pl.lit(rule.name)) for number, rule in enumerate(rules)
            )
            .list.drop_nulls()
            .alias("broken")
        )
        return rows.filter(is_good), Failures(rows.filter(~is_good).hstack(broken))


_CHECKS: Final[Mapping[str, tuple[str, Callable[[pl.Expr, pl.Expr, Any], pl.Expr]]]] = {
    "required": ("is not empty", lambda text, _value, _bound: text.is_not_null()),
    "pattern": ("matches {}", lambda text, _value, bound: text.str.contains(f"^(?:{bound})$")),
    "enum": ("is one of {}", lambda text, _value, bound: text.is_in([str(entry) for entry in bound])),
    "minimum": ("is at least {}", lambda _text, value, bound: value >= bound),
    "maximum": ("is at most {}", lambda _text, value, bound: value <= bound),
    "minLength": ("has at least {} characters", lambda text, _value, bound: text.str.len_chars() >= bound),
    "maxLength": ("has at most {} characters", lambda text, _value, bound: text.str.len_chars() <= bound),
}
"""What each constraint says, and how it is checked on the text, the value and the bound."""


def _field_rules(field: Mapping[str, Any]) -> list[Rule]:
    """Rules of one field."""
    name, kind = field["name"], field.get("type", "string")
    target = _TYPES[kind]
    text = pl.col(name)
    if kind == "date":
        value = text.str.to_date("%Y-%m-%d", strict=False)
    else:
        value = text if target is None else text.cast(target, strict=False)
    rules = []
    if kind == "boolean":
        is_typed = text.is_in(_BOOLEANS)
    elif kind == "datetime":
        is_typed = _is_datetime(text)
    else:
        is_typed = value.is_not_null() | text.is_null()
    if target is not None or kind in {"boolean", "datetime"}:
        rules.append(Rule(f"{name}.type", f"`{name}` is of type {kind}", is_typed, name))
    for constraint, bound in field.get("constraints", {}).items():
        if constraint not in _CHECKS or bound is False:  # `unique` takes more than one row
            continue
        words, check = _CHECKS[constraint]
        limit = _bound(bound, target) if constraint in {"minimum", "maximum"} else bound
        description = f"`{name}` {words.format(bound)}"
        rules.append(Rule(f"{name}.{constraint}", description, check(text, value, limit), name))
    return rules


def _is_datetime(text: pl.Expr) -> pl.Expr:
    return text.str.contains(r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$")


def _bound(bound: Any, target: pl.DataType | None) -> pl.Expr:
    text = pl.lit(str(bound))
    if target == pl.Date:
        return text.str.to_date("%Y-%m-%d")
    return text if target is None else text.cast(target)


def shipped_schemas() -> dict[str, Path]:
    """Schemas that come with the package, by name."""
    return {path.stem: path for path in sorted(resource("schemas").glob("*.json"))}


def load_schema(name: Path | str) -> TableSchema:
    """Read and check a schema.

    Parameters
    ----------
    name
        Name of one that comes with the package, such as ``data3``, or the path of a JSON file.

    Raises
    ------
    EtlError
        If it cannot be read, or says something that is not understood.
    """
    path = shipped_schemas().get(str(name), Path(name))
    try:
        descriptor = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EtlError(
            f"cannot read the schema {path}: {error}",
            f"Give one of {', '.join(shipped_schemas())}, or a Table Schema in JSON.",
            exit_code=ExitCode.USAGE,
        ) from error
    problems = schema_problems(descriptor)
    if problems:
        raise EtlError(
            f"the schema {path} is not valid: {problems[0]}.",
            "Fix it, or choose another.",
            exit_code=ExitCode.BAD_DATA,
        )
    return TableSchema(path.stem, descriptor, path)


def schema_problems(descriptor: Any) -> list[str]:
    """Say what is wrong with a schema, in our subset of Table Schema; nothing if it is valid."""
    fields = descriptor.get("fields") if isinstance(descriptor, dict) else None
    if not isinstance(fields, list) or not fields or not all(isinstance(field, dict) for field in fields):
        return ["it has no list of `fields`"]
    problems = []
    names = [str(field.get("name", "")) for field in fields]
    problems += [f"the field `{name}` comes twice" for name in sorted(set(names)) if names.count(name) > 1]
    for name, field in zip(names, fields, strict=True):
        if not name:
            problems.append("a field has no name")
        if not field.get("description"):
            problems.append(f"the field `{name}` has no description")
        if field.get("type", "string") not in _TYPES:
            problems.append(f"the field `{name}` has the type `{field['type']}`; use {', '.join(_TYPES)}")
            continue
        unknown = sorted(set(field.get("constraints", {})) - {*_CHECKS, "unique"})
        problems += [
            f"the field `{name}` has the unknown constraint `{constraint}`" for constraint in unknown
        ]
        problems += _rule_problems(name, field)
    if descriptor.get("fieldsMatch", "exact") not in FIELDS_MATCH:
        problems.append(f"`fieldsMatch` must be one of {', '.join(FIELDS_MATCH)}")
    key = descriptor.get("primaryKey", [])
    problems += [
        f"the primary key `{k}` is not a field"
        for k in ([key] if isinstance(key, str) else key)
        if k not in names
    ]
    for rule in descriptor.get("rowRules", []):
        problems += _row_rule_problems(rule, names)
    return problems


def _rule_problems(name: str, field: Mapping[str, Any]) -> list[str]:
    """Try the rules of a field on an empty frame."""
    try:
        pl.DataFrame(schema={name: pl.String}).select(
            rule.holds.alias(rule.name) for rule in _field_rules(field)
        )
        pl.DataFrame({name: ["x"]}).select(rule.holds.alias(rule.name) for rule in _field_rules(field))
    except (pl.exceptions.PolarsError, TypeError, KeyError) as error:
        return [f"a constraint of the field `{name}` does not work: {error}"]
    return []


def _row_rule_problems(rule: Any, names: list[str]) -> list[str]:
    if not isinstance(rule, dict) or not {"name", "description", "sql"} <= set(rule):
        return ["a row rule lacks its name, description or sql"]
    try:
        pl.DataFrame([tuple(names)], schema=names, orient="row").select(pl.sql_expr(rule["sql"]))
    except pl.exceptions.PolarsError as error:
        return [f"the row rule `{rule['name']}` does not work: {error}"]
    return []
