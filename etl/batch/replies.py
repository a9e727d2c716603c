"""What came back: the right part of an answer, whatever is wrong with the rest.

Models add fences and remarks, cut off, leave items out, invent some, number one twice, change the order, or
leave the vocabulary. Each item is judged by itself, by the task's table schema: good ones are kept, others
have the rule that they broke.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Never

import polars as pl

from etl.batch.task import CONFIDENCE, RESERVED, list_item
from etl.runtime.table_schema import TableSchema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.batch.task import Task

MISSING: Final = "missing"
"""The rule that an item broke about which nothing was said."""

TWICE: Final = "duplicate"
"""The rule of an item about which different things were said."""

_START: Final = re.compile(r"[\[{]")
_MOST_STARTS: Final = 2000  # places where an answer may begin; a page of brackets is none
_TYPES: Final = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}


@dataclass(frozen=True)
class Parsed:
    """What an answer says.

    Attributes
    ----------
    good
        Valid answers, by number of the item.
    broken
        The rule that each other item broke.
    invented
        Objects about no item that was asked about.
    """

    good: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    broken: Mapping[int, str] = field(default_factory=dict)
    invented: int = 0


def parse_reply(task: Task, text: str, items: int) -> Parsed:
    """Find the answers about items 1 to ``items`` in what a model said.

    Examples
    --------
    >>> from etl.batch.task import read_task
    >>> schema = {"fields": [{"name": "mood", "description": "mood", "constraints": {"enum": ["dark"]}}]}
    >>> task = read_task("t", {"prompt.md": "Say.", "answer.json": json.dumps(schema)})
    >>> said = parse_reply(task, '{"items": [{"item": 2, "mood": "dark"}, {"item": 1, "mood": "red"}, {', 3)
    >>> said.good, said.broken
    ({2: {'mood': 'dark'}}, {1: 'mood.enum', 3: 'missing'})
    """
    found: dict[int, dict[str, Any]] = {}
    twice: set[int] = set()
    invented = 0
    for each in _objects(text):
        number = each.pop(RESERVED, None)
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if type(number) is not int or not 1 <= number <= items:
            invented += 1
        elif number in found and found[number] != each:
            twice.add(number)
        else:
            found[number] = each
    good, broken = _judged(task, {number: each for number, each in found.items() if number not in twice})
    broken |= dict.fromkeys(sorted(twice), TWICE)
    broken |= {number: MISSING for number in range(1, items + 1) if number not in found}
    return Parsed(good, dict(sorted(broken.items())), invented)


def confidence_of(answer: Mapping[str, Any]) -> float | None:
    """Give how sure an answer is, None where it does not say."""
    value = answer.get(CONFIDENCE)
    return None if value is None else float(value)


def valid_answer(task: Task, answer: Mapping[str, Any]) -> str:
    """Give the rule that an answer breaks, empty for none."""
    _, broken = _judged(task, {1: dict(answer)})
    return broken.get(1, "")


def _judged(
    task: Task, found: Mapping[int, Mapping[str, Any]]
) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    fields = task.answer.descriptor["fields"]
    broken: dict[int, str] = {}
    answers: dict[int, dict[str, Any]] = {}
    for number, each in sorted(found.items()):
        answer = {spec["name"]: _whole(spec, each.get(spec["name"])) for spec in fields}
        rule = next((rule for spec in fields if (rule := _type_rule(spec, answer[spec["name"]]))), "")
        if rule:
            broken[number] = rule
        else:
            answers[number] = answer
    if answers:
        broken |= _rules_broken(task, answers)
    return {number: answer for number, answer in answers.items() if number not in broken}, broken


def _whole(spec: Mapping[str, Any], value: Any) -> Any:
    is_whole = isinstance(value, float) and spec.get("type") == "integer" and value.is_integer()
    return int(value) if is_whole else value


def _type_rule(spec: Mapping[str, Any], value: Any) -> str:
    """Check what the schema cannot see once all is text: kinds of JSON values."""
    name, kind = spec["name"], spec.get("type", "string")
    if value is None:
        return f"{name}.required" if spec.get("constraints", {}).get("required") else ""
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"{name}.type"
    return _list_rule(spec, value) if isinstance(value, list) else ""


def _list_rule(spec: Mapping[str, Any], listed: list[Any]) -> str:
    name = spec["name"]
    bounds = spec.get("constraints", {})
    if len(listed) < bounds.get("minLength", 0):
        return f"{name}.minLength"
    if len(listed) > bounds.get("maxLength", len(listed)):
        return f"{name}.maxLength"
    part = {**list_item(spec), "name": name}
    return next((rule for each in listed if (rule := _type_rule(part, each))), "")


def _rules_broken(task: Task, answers: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    specs = task.answer.descriptor["fields"]
    plain = [spec for spec in specs if spec.get("type") != "array"]
    broken: dict[int, str] = {}
    if plain:
        schema = TableSchema(task.name, {**task.answer.descriptor, "fields": plain})
        rows = [{"_n": n, **{s["name"]: _text(a[s["name"]]) for s in plain}} for n, a in answers.items()]
        broken |= _filtered(schema, rows)
    for spec in specs:
        if spec.get("type") == "array":
            schema = TableSchema(task.name, {"fields": [{"name": spec["name"], **spec["arrayItem"]}]})
            rows = [
                {"_n": number, spec["name"]: _text(each)}
                for number, answer in answers.items()
                for each in answer[spec["name"]] or ()
            ]
            broken = _filtered(schema, rows) | broken
    return broken


def _filtered(schema: TableSchema, rows: list[dict[str, Any]]) -> dict[int, str]:
    if not rows:
        return {}
    frame = pl.DataFrame(rows, schema={"_n": pl.Int64, **dict.fromkeys(schema.fields, pl.String)})
    _, failures = schema.filter(frame)
    return {number: rules[0] for number, rules in failures.rows.select("_n", "broken").iter_rows()}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _objects(text: str) -> list[dict[str, Any]]:
    """Give the objects about items: of a whole document, or of as much of it as there is."""
    decoder = json.JSONDecoder(parse_constant=_no_number)
    for start in islice(_START.finditer(text), _MOST_STARTS):
        try:
            document, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and isinstance(document.get("items"), list):
            document = document["items"]
        elif isinstance(document, dict) and RESERVED in document:
            # The list around it is cut off: what follows are its other objects.
            return _following(decoder, text, start.start())
        if isinstance(document, list) and any(isinstance(each, dict) for each in document):
            return [dict(each) for each in document if isinstance(each, dict)]
    return []


def _following(decoder: json.JSONDecoder, text: str, start: int) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = []
    while True:
        try:
            document, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return objects
        if isinstance(document, dict):
            objects.append(document)
        gap = re.compile(r"[\s,]*").match(text, end)
        start = gap.end() if gap else end


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is not JSON")
