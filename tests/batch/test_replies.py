"""What came back: each item by itself, whatever is wrong with the rest of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etl.batch.questions import response_format
from etl.batch.replies import confidence_of, parse_reply, valid_answer
from etl.batch.task import Task, read_task
from etl.runtime.errors import EtlError

FIELDS: list[dict[str, Any]] = [
    {"name": "mood", "description": "mood", "constraints": {"required": True, "enum": ["dark", "bright"]}},
    {"name": "energy", "description": "energy", "type": "integer",
     "constraints": {"minimum": 1, "maximum": 9}},
    {"name": "loop", "description": "loop", "type": "boolean"},
    {"name": "tags", "description": "tags", "type": "array", "constraints": {"minLength": 1, "maxLength": 2},
     "arrayItem": {"type": "string", "description": "tag", "constraints": {"enum": ["a", "b", "c"]}}},
    {"name": "confidence", "description": "how sure", "type": "number",
     "constraints": {"minimum": 0, "maximum": 1}},
]  # fmt: skip


@pytest.fixture(scope="module")
def task() -> Task:
    """Make a task with a field of each kind."""
    return read_task("t", {"prompt.md": "Say.", "answer.json": json.dumps({"fields": FIELDS})})


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ({}, "mood.required"),
        ({"mood": None}, "mood.required"),
        ({"mood": 3}, "mood.type"),
        ({"mood": "red"}, "mood.enum"),
        ({"energy": 9}, "mood.required"),
        ({"mood": "dark"}, ""),
    ],
)
def test_a_field_that_is_required_has_one_of_its_words(task: Task, answer: dict[str, Any], rule: str) -> None:
    """None is as good as nothing."""
    assert valid_answer(task, answer) == rule


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("energy", 9, ""),
        ("energy", 9.0, ""),
        ("energy", 9.5, "energy.type"),
        ("energy", 10, "energy.maximum"),
        ("energy", 1, ""),
        ("energy", 0, "energy.minimum"),
        ("energy", "5", "energy.type"),
        ("energy", True, "energy.type"),
        ("energy", None, ""),
        ("loop", True, ""),
        ("loop", 1, "loop.type"),
        ("tags", ["a"], ""),
        ("tags", ["a", "b"], ""),
        ("tags", [], "tags.minLength"),
        ("tags", "a", "tags.type"),
        ("tags", ["a", "b", "c"], "tags.maxLength"),
        ("tags", ["z"], "tags.enum"),
        ("tags", [1], "tags.type"),
        ("tags", ["a", "z"], "tags.enum"),
        ("tags", [None], "tags.required"),
        ("confidence", 1, ""),
        ("confidence", 0, ""),
        ("confidence", 1.1, "confidence.maximum"),
        ("confidence", "1", "confidence.type"),
    ],
)
def test_an_answer_is_judged_by_the_schema_of_its_task(task: Task, field: str, value: Any, rule: str) -> None:
    """The rule that it breaks; a whole number may be written with a point, and a list holds no null."""
    assert valid_answer(task, {"mood": "dark", field: value}) == rule


@pytest.mark.parametrize(
    ("text", "good", "broken", "invented"),
    [
        ('[{"item": 1, "mood": "dark"}, {"item": 2, "mood": "bright"}]', {1: "dark", 2: "bright"}, {}, 0),
        ('```json\n{"items": [{"item": 2, "mood": "dark"}]}\n``` Done.', {2: "dark"}, {1: "missing"}, 0),
        ('[1]: {"item": 1, "mood": "dark"}, {"item": 2, "mood": "dark"}, {"i', {1: "dark", 2: "dark"}, {}, 0),
        ('{"items": [{"item": 1, "mood": "dark"}, {"item": 2, "mo', {1: "dark"}, {2: "missing"}, 0),
        ('[{"item": 1.0, "mood": "dark"}, {"item": 2, "mood": "red"}]', {1: "dark"}, {2: "mood.enum"}, 0),
        ('[{"item": 1, "mood": "dark"}, {"item": 1, "mood": "dark"}]', {1: "dark"}, {2: "missing"}, 0),
        (
            '[{"item": 2, "mood": "dark"}, {"item": 2, "mood": "bright"}]',
            {},
            {1: "missing", 2: "duplicate"},
            0,
        ),
        ('[{"item": 0, "mood": "dark"}, {"item": 3, "mood": "dark"}]', {}, {1: "missing", 2: "missing"}, 2),
        ('[{"item": true, "mood": "dark"}, {"item": "1"}, {"a": 1}]', {}, {1: "missing", 2: "missing"}, 3),
        ('[{"item": 1.5, "mood": "dark"}]', {}, {1: "missing", 2: "missing"}, 1),
        ('[{"item": 1, "mood": "dark", "energy": NaN}]', {}, {1: "missing", 2: "missing"}, 0),
        ('[1, 2] {"items": [{"item": 1, "mood": "dark"}]}', {1: "dark"}, {2: "missing"}, 0),
        ("I cannot say.", {}, {1: "missing", 2: "missing"}, 0),
        ("", {}, {1: "missing", 2: "missing"}, 0),
        ("[" * 5000, {}, {1: "missing", 2: "missing"}, 0),
    ],
)
def test_what_an_answer_holds_is_kept_and_the_rest_is_told(
    task: Task, text: str, good: dict[int, str], broken: dict[int, str], invented: int
) -> None:
    """Of two items: fences and remarks around it, cut off, items left out, told twice, or made up."""
    found = parse_reply(task, text, 2)
    assert {number: answer["mood"] for number, answer in found.good.items()} == good
    assert (found.broken, found.invented) == (broken, invented)


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_a_task_whose_schema_is_not_json_is_refused_in_words(text: str):
    """Brackets without end, too."""
    with pytest.raises(EtlError, match=r"answer\.json is not JSON"):
        read_task("t", {"prompt.md": "Say.", "answer.json": text})


def test_a_good_answer_has_all_fields_and_nothing_else(task: Task) -> None:
    """What was not asked for is left out, what was not said is None."""
    said = '[{"item": 1, "mood": "dark", "energy": 5.0, "why": "minor key", "confidence": 0.75}]'
    answer = parse_reply(task, said, 1).good[1]
    assert answer == {"mood": "dark", "energy": 5, "loop": None, "tags": None, "confidence": 0.75}
    assert isinstance(answer["energy"], int)
    assert confidence_of(answer) == 0.75
    assert confidence_of({"mood": "dark"}) is None


def test_what_is_asked_for_in_a_list_is_what_is_taken(task: Task) -> None:
    """No null among its values: it would be refused when it comes."""
    asked = response_format(task, 1)["json_schema"]["schema"]["properties"]["items"]["items"]
    assert asked["properties"]["tags"]["items"] == {"type": "string", "enum": ["a", "b", "c"]}
