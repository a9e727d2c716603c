"""What is known of a run at one moment: the same numbers for people and for programs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Figure = int | float | str | None


@dataclass(frozen=True)
class StageProgress:
    """How far one stage is.

    Attributes
    ----------
    name, unit
        What the stage is called, and what it counts, in the plural: ``files``.
    done
        Items finished, those that failed among them.
    total
        Items in all, None if that is unknown.
    errors
        Items that failed.
    waiting
        Items that wait for this stage.
    share
        Share of the work that is done, 0-1; None where the total is unknown.
    rate
        Items per second of late, None as long as that is unknown.
    eta_s
        Seconds to the end at the recent rate, None as long as that is unknown.
    seconds
        Wall seconds at work; those of several threads or processes add up.
    has_begun
        Whether anything was done, timed or waits.
    """

    name: str
    unit: str
    done: int = 0
    total: int | None = None
    errors: int = 0
    waiting: int = 0
    share: float | None = None
    rate: float | None = None
    eta_s: float | None = None
    seconds: float = 0.0
    has_begun: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all that the stage had to do is done."""
        return self.share is not None and self.share >= 1


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes
    ----------
    title
        What runs: ``etl midi run``.
    started, time
        When it started, and this moment, in seconds since the epoch.
    elapsed_s
        Seconds between the two by a clock that nobody sets.
    stages
        Its stages, in order.
    figures
        Further numbers, by name.
    note
        What else is to be said at present.
    waits_for, waits_until
        What the run waits for, and until when (seconds since the epoch) if that is known.
    cpu_share
        Average share of all cores in use since the start, 0-1.
    peak_bytes
        Most memory that one process of the run has held.
    """

    title: str
    started: float
    time: float
    elapsed_s: float
    stages: tuple[StageProgress, ...]
    figures: Mapping[str, Figure]
    note: str = ""
    waits_for: str | None = None
    waits_until: float | None = None
    cpu_share: float = 0.0
    peak_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON can hold it; times are in UTC, numbers as exact as they are meant."""
        return {
            "title": self.title,
            "started": _iso(self.started),
            "time": _iso(self.time),
            "elapsed_s": round(self.elapsed_s, 1),
            "stages": [
                {
                    "name": stage.name,
                    "unit": stage.unit,
                    "done": stage.done,
                    "total": stage.total,
                    "errors": stage.errors,
                    "waiting": stage.waiting,
                    "share": _rounded(stage.share, 4),
                    "rate": _rounded(stage.rate, 3),
                    "eta_s": _rounded(stage.eta_s, 1),
                    "seconds": round(stage.seconds, 2),
                    "has_begun": stage.has_begun,
                }
                for stage in self.stages
            ],
            "figures": dict(self.figures),
            "note": self.note,
            "waits_for": self.waits_for,
            "waits_until": None if self.waits_until is None else _iso(self.waits_until),
            "cpu_share": round(self.cpu_share, 3),
            "peak_bytes": self.peak_bytes,
        }


def from_json(entry: Mapping[str, Any]) -> Snapshot:
    """Read what :meth:`Snapshot.as_json` gave.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError, OverflowError
        If it is something else.
    """
    return Snapshot(
        title=str(entry["title"]),
        started=_epoch(entry["started"]),
        time=_epoch(entry["time"]),
        elapsed_s=_number(entry["elapsed_s"]),
        stages=tuple(_stage_from_json(stage) for stage in entry["stages"]),
        figures={str(name): _figure(value) for name, value in entry["figures"].items()},
        note=str(entry["note"]),
        waits_for=None if entry["waits_for"] is None else str(entry["waits_for"]),
        waits_until=None if entry["waits_until"] is None else _epoch(entry["waits_until"]),
        cpu_share=_number(entry["cpu_share"]),
        peak_bytes=int(entry["peak_bytes"]),
    )


def _stage_from_json(entry: Mapping[str, Any]) -> StageProgress:
    return StageProgress(
        name=str(entry["name"]),
        unit=str(entry["unit"]),
        done=int(entry["done"]),
        total=None if entry["total"] is None else int(entry["total"]),
        errors=int(entry["errors"]),
        waiting=int(entry["waiting"]),
        share=_number_or_none(entry["share"]),
        rate=_number_or_none(entry["rate"]),
        eta_s=_number_or_none(entry["eta_s"]),
        seconds=_number(entry["seconds"]),
        has_begun=bool(entry["has_begun"]),
    )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)


def _figure(value: Any) -> Figure:
    return value if value is None or isinstance(value, int | float) else str(value)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _epoch(text: Any) -> float:
    return datetime.fromisoformat(text).timestamp()
