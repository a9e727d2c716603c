"""What `etl build data3` says: what a build did, and what one would do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from pathlib import Path

    from etl.pipelines.data3.estimate import BuildPlan
    from etl.pipelines.data3.notations import NotationUse
    from etl.pipelines.data3.result import BuildResult

_LIKENESS = {
    "copy": "has the content of {other} and was not read again",
    "same": "has the content of {other}, which the store knows by this name from now on",
    "longer": "begins with the whole of {other}, whose songs the store has as well; "
    "`etl db forget` removes them",
}


def describe(result: BuildResult, *, with_quality: bool = True) -> str:
    """Say what a build did."""
    unknown = result.unknown / max(result.chords, 1)
    rows, songs = number_of(result.records, "row"), number_of(result.songs, "song")
    lines = [
        f"{rows} in = {songs} out + {result.rejected:,} rejected"
        + (" (harmony taken from the store; --force analyzes again)" if result.is_stored else ""),
        f"{result.seconds:.1f} s, {result.songs / max(result.seconds, 1e-9):,.0f} songs/s; "
        "CPU use of all cores: "
        + (f"{result.analysis_cpu_use:.0%} in the analysis, " if result.analysis_cpu_use else "")
        + f"{result.cpu_use:.0%} over the whole run",
        "seconds by stage: "
        + ", ".join(f"{name} {spent:.1f}" for name, spent in result.stage_seconds.items()),
        f"unknown chords: {result.unknown:,} of {result.chords:,} ({unknown:.2%})",
        "keys: " + ", ".join(f"{name} {number:,}" for name, number in _by_number(result.keys)[:8]),
        *(line for use in result.notations for line in _notation_lines(use, several=len(result.sources) > 1)),
    ]
    for example in result.examples:
        where = f"{example['source']}, line {example['line']}"
        lines.append(f"rejected: {where}: {example['reason']}: {(example['raw'] or '')[:60]!r}")
    if result.rejects_file:
        lines.append(f"all rejects: {result.rejects_file}")
    elif result.rejected:
        query = "SELECT * FROM rejects ORDER BY source, line"
        lines.append(f"all rejects: etl query {shlex.quote(query)} --db {shlex.quote(str(result.database))}")
    lines += [
        f"{each.name} {_LIKENESS[each.likeness].format(other=each.other)}" for each in result.recognized
    ]
    lines += [f"{name} gave no song" for name in result.empty]
    if any(example["category"] == "encoding" for example in result.examples):
        lines.append("rows that are not UTF-8 can be converted, for example: iconv -f cp1252 -t utf-8")
    if result.kept:
        lines.append(f"further columns, kept in the store: {', '.join(result.kept)[:200]}")
    lines += [
        f"{each.songs:,} of these ids are already in the store from {each.path}; queries and exports use "
        f"only the latest build (to delete the other: etl db forget {shlex.quote(each.path)})"
        for each in result.overlaps
    ]
    if result.unread:
        lines.append(f"columns not read: {', '.join(result.unread)[:200]}")
    lines += [f"written: {path}" for path in (result.output, result.npz, result.database) if path]
    return "\n".join([*lines, *(quality_lines(result) if with_quality else [])])


_NOTATION = {"chordonomicon": "Chordonomicon", "leadsheet": "lead sheet", "harte": "Harte"}
_FOREIGN = {
    "german": "German names (H, Fis), which are not guessed: write B, Bb and F#",
    "solfege": "solfege (Do, Re), which is not read: write C, D",
    "degrees": "degrees (IV, 6m), which name no chord without a key: write the chords",
}


def _notation_lines(use: NotationUse, *, several: bool) -> list[str]:
    """Say what was read in a notation, and what to do about the rest."""
    where = f" ({len(use.sources):,} of the inputs)" if several else ""
    read = f"{_floored(use.share)} of {number_of(use.spellings, 'spelling')}"
    lines = [f"notation: {_NOTATION[use.notation]}{where}; read {read}"]
    if use.unknown:
        lines[0] += f", not {', '.join(use.unknown)}"
    lines += [f"{number:,} of these look like {_FOREIGN[look]}" for look, number in use.foreign.items()]
    if use.better is not None and not use.foreign:
        lines.append(f"some of these are {_NOTATION[use.better]} spellings: try --notation {use.better}")
    return lines


def _floored(share: float) -> str:
    """Per cent with one decimal, 100 only where it is all."""
    return f"{int(1000 * share) / 10:g} %"


def quality_lines(result: BuildResult) -> list[str]:
    """Say what the store is like after the build; nothing without one."""
    from etl.cli.report import describe_quality

    return [] if result.quality is None else [describe_quality(result.quality)]


def describe_plan(plan: BuildPlan) -> str:
    """Word what a build would do."""
    lines = [f"would read {each.name} ({_size(each.size_bytes)})" for each in plan.inputs]
    if plan.limit:
        lines.append(f"  at most {number_of(plan.limit, 'row')}")
    if plan.database:
        lines += _what_is_known(plan.known, plan.database.path, plan.problem)
    lines += [f"would {'replace' if each.exists else 'write'} {each.path}" for each in plan.outputs]
    if plan.database and plan.known != "stored":
        lines.append(f"would {'add to' if plan.database.exists else 'make'} the store {plan.database.path}")
    return "\n".join([*lines, *_forecast(plan), "nothing was written"])


def _what_is_known(known: str, database: Path, problem: str | None) -> list[str]:
    words = {
        "no_store": f"there is no store at {database} yet",
        "unreadable": f"cannot look into {database}: {problem}",
        "missing": f"{database} does not have the harmony of these files with these options",
        "stored": f"{database} has the harmony of these files; --force would analyze them again",
    }
    return [words[known]] if known in words else []


def _forecast(plan: BuildPlan) -> list[str]:
    from etl.runtime.watch.format import duration

    forecast = plan.forecast
    if forecast is None:
        return ["the first file has no rows"]
    songs, room = f"about {number_of(forecast.rows, 'row')}", _size(forecast.csv_bytes)
    seconds = f"about {duration(forecast.seconds)} with {number_of(plan.workers, 'thread')}"
    lines = [
        f"{songs} and {room} of CSV, estimated from the first {number_of(forecast.sample_rows, 'row')}",
        f"{seconds} (less from the store)" if plan.known == "stored" else seconds,
    ]
    if forecast.sample_rejects:
        lines.append(f"{number_of(forecast.sample_rejects, 'row')} of the sample would be rejected")
    if forecast.free_bytes < forecast.csv_bytes:
        free = _size(forecast.free_bytes)
        lines.append(f"the disk of {plan.outputs[0].path} has only {free} free")
    return lines


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _by_number(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
