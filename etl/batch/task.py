"""A task for a model: what it is told, what its answer may hold, examples, and SQL that answers without it.

A task is a folder of four files. ``prompt.md`` is said first. ``answer.json`` is a Table Schema whose fields
are those of an answer; arrays say with ``arrayItem`` what they hold. ``examples.csv`` has the columns of some
inputs and of all fields. ``local.sql``, if there is one, gives rows of ``item`` and fields of the answer from
the table ``items``. Of ``answer.json`` these are also read:

- ``inputs``: the facts of an item that are shown, where it has them;
- ``itemsPerCall``: how many items a request holds where nothing else is said;
- ``tokensPerItem``: tokens that an answer about one item takes at most.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.disk.hashing import text_hash
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.table_schema import TableSchema, schema_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

PROMPT, ANSWER, EXAMPLES, LOCAL_SQL = "prompt.md", "answer.json", "examples.csv", "local.sql"
CONFIDENCE: Final = "confidence"
"""The field of an answer that says how sure it is, 0 to 1, where there is one."""

RESERVED: Final = "item"
"""What numbers the items of a request; no field may be called so."""


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes
    ----------
    name
        Of its folder.
    prompt
        What the model is told.
    answer
        Fields of an answer, and what holds for them.
    examples
        Facts of an item and the answer to it.
    local_sql
        Answers without a model, empty for none.
    """

    name: str
    prompt: str
    answer: TableSchema
    examples: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = ()
    local_sql: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Facts of an item that are shown."""
        return tuple(self.answer.descriptor.get("inputs", ("name",)))

    @property
    def items_per_call(self) -> int:
        """Items that a request holds where nothing else is said."""
        return int(self.answer.descriptor.get("itemsPerCall", 5))

    @property
    def tokens_per_item(self) -> int:
        """Tokens that an answer about one item takes at most."""
        return int(self.answer.descriptor.get("tokensPerItem", 120))

    @cached_property
    def local_version(self) -> str:
        """Hash of what local answers depend on."""
        return text_hash(json.dumps([self.local_sql, self.answer.descriptor], sort_keys=True))

    def version(self, model: str, parameters: Mapping[str, Any]) -> str:
        """Hash of what a model's answers depend on, besides the item."""
        examples = [[dict(shown), dict(answer)] for shown, answer in self.examples]
        told = [self.prompt, self.answer.descriptor, examples, model, dict(parameters)]
        return text_hash(json.dumps(told, sort_keys=True, ensure_ascii=False))


def read_task(name: str, files: Mapping[str, str]) -> Task:
    """Make a task of the texts of its files.

    Raises
    ------
    EtlError
        If one that is needed is missing, or not as it should be.
    """
    for needed in (PROMPT, ANSWER):
        if not files.get(needed, "").strip():
            raise EtlError(
                f"the task `{name}` has no {needed}.",
                f"A task is a folder with {PROMPT}, {ANSWER} and, if you like, {EXAMPLES} and {LOCAL_SQL}.",
                exit_code=ExitCode.USAGE,
            )
    try:
        descriptor = json.loads(files[ANSWER])
    except (ValueError, RecursionError) as error:
        raise _bad(name, f"{ANSWER} is not JSON: {error}") from error
    problems = schema_problems(descriptor) or _own_problems(descriptor)
    if problems:
        raise _bad(name, f"{ANSWER}: {problems[0]}")
    answer = TableSchema(name, descriptor)
    return Task(
        name,
        files[PROMPT].strip(),
        answer,
        _examples(name, answer, files.get(EXAMPLES, "")),
        files.get(LOCAL_SQL, "").strip(),
    )


def list_item(field: Mapping[str, Any]) -> dict[str, Any]:
    """Give the field that each value of a list is one of: with its own rules, and never null."""
    item = field["arrayItem"]
    return {**item, "constraints": {**item.get("constraints", {}), "required": True}}


def _own_problems(descriptor: Mapping[str, Any]) -> list[str]:
    problems = []
    for field in descriptor["fields"]:
        kind = field.get("type", "string")
        if field["name"] == RESERVED:
            problems.append(f"no field may be called `{RESERVED}`")
        if kind not in {"string", "integer", "number", "boolean", "array"}:
            problems.append(f"the field `{field['name']}` has the type `{kind}`, which no answer can have")
        if kind == "array" and not isinstance(field.get("arrayItem"), dict):
            problems.append(f"the field `{field['name']}` does not say with `arrayItem` what it holds")
    for key, least in (("itemsPerCall", 1), ("tokensPerItem", 1)):
        value = descriptor.get(key, least)
        if type(value) is not int or value < least:
            problems.append(f"`{key}` must be a whole number from {least} on")
    inputs = descriptor.get("inputs", ["name"])
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, str) for each in inputs):
        problems.append("`inputs` must be a list of names")
    return problems


def _examples(
    name: str, answer: TableSchema, text: str
) -> tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]:
    rows = csv.DictReader(io.StringIO(text))
    lacking = [field for field in answer.fields if field not in (rows.fieldnames or answer.fields)]
    if lacking:
        raise _bad(name, f"{EXAMPLES} has no column `{lacking[0]}`")
    kinds = {field["name"]: field.get("type", "string") for field in answer.descriptor["fields"]}
    made = []
    for number, row in enumerate(rows, 2):
        shown = {key: value for key, value in row.items() if key not in kinds and value}
        try:
            told = {key: _typed(kind, row[key]) for key, kind in kinds.items()}
        except ValueError as error:
            raise _bad(name, f"line {number} of {EXAMPLES}: {error}") from error
        made.append((shown, told))
    return tuple(made)


def _typed(kind: str, text: str | None) -> Any:
    if not text:
        return [] if kind == "array" else None
    if kind == "array":
        return [part.strip() for part in text.split(",")]
    return text if kind == "string" else json.loads(text.lower())


def _bad(name: str, problem: str) -> EtlError:
    return EtlError(
        f"the task `{name}` is not valid: {problem}.", "Fix the file.", exit_code=ExitCode.BAD_DATA
    )
