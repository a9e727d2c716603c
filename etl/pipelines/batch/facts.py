"""What is known about the items of a job, as tasks are shown it: names, measurements, earlier answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from etl.audio.short_sounds import SOUND_VERSION
from etl.batch.name_categories import name_category
from etl.store.batch_answers import known_sounds
from etl.store.batch_jobs import results

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

_MEASURED = ("format", "duration_s", "peak_dbfs", "rms_dbfs", "onsets", "centroid_hz", "pitchedness")
_DIGITS = {"duration_s": 2, "peak_dbfs": 1, "rms_dbfs": 1, "centroid_hz": 0, "pitchedness": 2}


@dataclass(frozen=True)
class Item:
    """An item to be asked about.

    Attributes
    ----------
    item
        Its position in the job.
    content_hash
        What answers are filed under.
    facts
        What is known about it.
    """

    item: int
    content_hash: str
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        known = (self.facts.get(key) for key in ("name", "title", "id"))
        return str(next((each for each in known if each), self.item))

    @property
    def group(self) -> str:
        """What items have in common that go together."""
        return f"{self.facts.get('category', '')} {self.facts.get('kind', '')}"


class Facts:
    """What is known about the items of a job; read once, made into facts item by item.

    Parameters
    ----------
    connection
        The store, open for reading.
    job
        Its name.
    with_answers
        Whether answers of earlier stages are wanted.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, job: str, *, with_answers: bool = False
    ) -> None:
        sounds = known_sounds(connection, job, SOUND_VERSION)
        self._sounds = {row[0]: row[1:] for row in sounds.select("content_hash", *_MEASURED).iter_rows()}
        self._answers: dict[int, dict[str, Any]] = {}
        if with_answers:
            answered = results(connection, job).filter(pl.col("is_best") & pl.col("answer").is_not_null())
            for number, answer in answered.select("item", "answer").iter_rows():
                self._answers.setdefault(number, {}).update(json.loads(answer))

    def of(self, item: int, content_hash: str | None, fields: str) -> dict[str, Any]:
        """Give what is known about an item; a category from its name where it has one."""
        facts: dict[str, Any] = json.loads(fields)
        measured = self._sounds.get(content_hash, ())
        for name, value in zip(_MEASURED, measured, strict=False):
            if value is not None:
                facts[name] = round(value, _DIGITS[name]) if name in _DIGITS else value
        named = name_category(str(facts.get("name", "")), str(facts.get("folder") or ""))
        if named is not None and "category" not in facts:
            facts |= {"category": named.category, "kind": named.kind}
        return facts | self._answers.get(item, {})

    def table(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give facts of items (``item``, ``content_hash``, ``fields``) as a table; other kinds as text."""
        facts = [{"item": item, **self.of(item, *rest)} for item, *rest in rows.iter_rows()]
        names = dict.fromkeys(name for each in facts for name in each)
        return pl.DataFrame(
            {name: pl.Series(_column([each.get(name) for each in facts]), strict=False) for name in names}
        )


def _column(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or len(kinds) <= 1:
        return values
    return [
        None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values
    ]
