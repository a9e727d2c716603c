"""Snapshots in words: durations, rates, and the cells and lines that all screens share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from etl.runtime.watch.snapshot import Figure, Snapshot, StageProgress


def duration(seconds: float) -> str:
    """Write seconds for people.

    Examples
    --------
    >>> duration(3.2), duration(75), duration(7384)
    ('3 s', '1 min 15 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rate_text(per_second: float) -> str:
    """Write a rate for people, per minute or hour where less than one in ten seconds comes.

    Examples
    --------
    >>> rate_text(1234.5), rate_text(1.14), rate_text(0.05), rate_text(0.001)
    ('1,234/s', '1.1/s', '3.0/min', '3.6/h')
    """
    seconds, unit = next(
        (pair for pair in ((1, "s"), (60, "min")) if per_second * pair[0] >= 0.1), (3600, "h")
    )
    value = per_second * seconds
    return f"{value:,.{0 if value >= 10 else 1}f}/{unit}"


def stage_cells(stage: StageProgress) -> dict[str, str]:
    """Give what is known of a stage as short texts, by column; what is unknown or nothing is empty."""
    total = "" if stage.total is None else f"/{stage.total:,}"
    under_way = not stage.is_complete
    return {
        "name": stage.name,
        "count": f"{stage.done:,}{total}",
        "unit": stage.unit,
        "share": "" if stage.share is None else f"{int(100 * stage.share)}%",
        "rate": rate_text(stage.rate) if stage.rate is not None and under_way else "",
        "eta": f"ETA {duration(stage.eta_s)}" if stage.eta_s is not None and under_way else "",
        "waiting": f"{stage.waiting:,} waiting" if stage.waiting > 0 else "",
        "errors": number_of(stage.errors, "error") if stage.errors else "",
        "busy": f"busy {duration(stage.seconds)}" if stage.seconds >= 1 else "",
    }


def head(snapshot: Snapshot) -> str:
    """Name the run, its age and what it uses."""
    parts = [snapshot.title, duration(snapshot.elapsed_s), f"CPU {snapshot.cpu_share:.0%}"]
    if snapshot.peak_bytes:
        parts.append(f"{snapshot.peak_bytes / 1e6:,.0f} MB")
    return "  ".join(parts)


def remarks(snapshot: Snapshot) -> list[str]:
    """Give what stands below the stages: figures, the note, and what the run waits for."""
    figures = "  ".join(
        f"{name.replace('_', ' ')} {_figure(value)}"
        for name, value in snapshot.figures.items()
        if value is not None
    )
    return [text for text in (figures, snapshot.note, waits_text(snapshot)) if text]


def waits_text(snapshot: Snapshot) -> str:
    """Say what the run waits for and for how long, empty if it does not wait."""
    if snapshot.waits_for is None:
        return ""
    text = f"Waiting: {snapshot.waits_for}"
    if snapshot.waits_until is not None:
        until = datetime.fromtimestamp(snapshot.waits_until, UTC)
        left = max(0.0, snapshot.waits_until - snapshot.time)
        text += f" until {until:%Y-%m-%d %H:%M:%S} UTC, in {duration(left)}"
    return text


def in_one_line(snapshot: Snapshot) -> str:
    """Say all that is known in a line."""
    left_out = {"busy"} if len(snapshot.stages) > 1 else {"busy", "name"}
    stages = [_stage_text(stage, left_out) for stage in snapshot.stages if stage.has_begun]
    return " | ".join([head(snapshot), *stages, *remarks(snapshot)])


def in_lines(snapshot: Snapshot) -> list[str]:
    """Say all that is known, a stage a line."""
    stages = [_stage_text(stage) for stage in snapshot.stages]
    return [one_line(line) for line in (head(snapshot), *stages, *remarks(snapshot))]


def _stage_text(stage: StageProgress, left_out: Collection[str] = ()) -> str:
    cells = stage_cells(stage)
    cells["count"] += f" {cells.pop('unit')}"
    return "  ".join(text for column, text in cells.items() if text and column not in left_out)


def _figure(value: Figure) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
