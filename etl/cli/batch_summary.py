"""What `etl batch` says about plans, jobs and results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.cli.tables import table, unlisted_lines
from etl.runtime.watch.format import duration
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.batch.evaluate import BatchEvaluation
    from etl.pipelines.batch.export import BatchExport
    from etl.pipelines.batch.jobs import JobLine, JobStatus
    from etl.pipelines.batch.plan import BatchPlan
    from etl.pipelines.batch.run import BatchResult
    from etl.store.batch_jobs import StageCounts
    from etl.store.batch_requests import SentCounts

_REASONS = 8


def result_lines(result: BatchResult) -> str:
    """Say what a run came to."""
    lines = [
        f"{result.job}: {number_of(result.items, 'item')}, {result.skipped:,} skipped",
        _stages(result.stages),
        *_requests(result.requests),
    ]
    if result.errors:
        lines.append(_errors(result.errors))
    failed = sum(stage.failed for stage in result.stages)
    if failed:
        lines.append(f"{failed:,} failed; see why with: etl batch status {result.job}")
    lines.append(f"write the results with: etl batch export {result.job} -o {result.job}.csv")
    return "\n".join(lines)


def status_lines(status: JobStatus) -> str:
    """Say how a job stands."""
    lines = [
        f"{status.job} ({status.status}): {number_of(status.items, 'item')}, {status.skipped:,} skipped",
        f"source: {one_line(status.source)}",
        _stages(status.stages),
        *_requests(status.requests),
    ]
    if status.errors:
        lines.append(_errors(status.errors))
    lines += [
        f"{task + ': ' if task else ''}{number:,} {state}: {one_line(reason or 'no reason')[:100]}"
        for task, state, reason, number in status.reasons[:_REASONS]
    ]
    if len(status.reasons) > _REASONS:
        lines.append(
            f"and {number_of(len(status.reasons) - _REASONS, 'reason')} more; all of them with --json"
        )
    lines += [
        f"{each.service} is parked until {each.not_before:%Y-%m-%d %H:%M:%S} UTC" for each in status.parked
    ]
    lines += [f"at work: process {run.pid}" for run in status.running]
    return "\n".join(lines)


def list_lines(jobs: Sequence[JobLine]) -> str:
    """List jobs."""
    if not jobs:
        return "there is no batch job"
    rows = [
        (job.job, job.status, job.priority, f"{job.items:,}", f"{job.open:,}", one_line(job.source))
        for job in jobs
    ]
    return table(
        ("job", "status", "priority", "items", "open", "source"),
        rows,
        right=[False, False, False, True, True, False],
    )


def plan_lines(plan: BatchPlan) -> str:
    """Say what is ahead."""
    lines = [
        f"{plan.job}: {number_of(plan.items, 'item')}, {plan.skipped:,} skipped, strategy {plan.strategy}"
    ]
    if plan.to_measure:
        lines.append(
            f"not read yet: {number_of(plan.to_measure, 'file')}; corrupt, short and equal ones take no "
            "request"
        )
    rows = [
        (
            stage.task, f"{stage.items:,}", f"{stage.per_call:,}", f"{stage.calls:,}", f"{stage.tokens:,}",
            "" if stage.cost is None else f"{stage.cost:.4g}",
        )
        for stage in plan.stages
    ]  # fmt: skip
    if rows:
        columns = ("task", "items", "a request", "requests", "tokens at most", "cost at most")
        lines.append(table(columns, rows, right=[False, *[True] * 5]))
    pace = plan.pace
    limits = [f"a request every {pace.interval_s:g} s" if pace.interval_s else "no limit a minute"]
    if pace.per_day is not None:
        limits.append(f"{pace.per_day:,} a UTC day, {pace.left_today():,} left today")
    if plan.calls:
        # Where nothing limits them, they take what the model takes.
        time = f": {duration(plan.seconds)}" if plan.seconds >= 1 else ""
        if plan.days > 1:
            time = f": {plan.days:,} UTC days"
        lines.append(f"limits: {', '.join(limits)}; {number_of(plan.calls, 'request')}{time}")
        if plan.days > 1:
            lines.append("fewer days take more items a request: --batch-size auto --days N")
    lines += [
        f"{stage.task}: {number_of(stage.under_way, 'item')} under way, handed over with --async"
        for stage in plan.stages
        if stage.under_way
    ]
    lines += [
        f"{stage.task} {number}: {', '.join(map(one_line, names))}"
        for stage in plan.stages
        for number, names in enumerate(stage.first, 1)
    ]
    return "\n".join(lines)


def exported_lines(made: BatchExport) -> str:
    """Say what was written."""
    told = f"{number_of(made.items, 'item')}, {made.done:,} of them done, in {made.output}"
    return "\n".join([told, *unlisted_lines(made.left_out)])


def evaluation_lines(evaluation: BatchEvaluation) -> str:
    """Say how right a task is answered."""
    parts = [f"{evaluation.task}: {number_of(evaluation.items, 'item')} with a truth"]
    for field in evaluation.fields:
        engines = [(name, found) for name, found in (("local", field.local), ("model", field.model)) if found]
        rows = [
            (
                field.field, name, f"{found.answered:,}", f"{found.share_answered:.1%}",
                f"{found.share_right:.1%}",
                "" if found.calibration_error is None else f"{found.calibration_error:.3f}",
            )
            for name, found in engines
        ]  # fmt: skip
        if not rows:
            parts.append(f"{field.field}: no engine has an answer")
            continue
        columns = ("field", "engine", "answered", "of all", "right of these", "calibration error")
        parts.append(table(columns, rows, right=[False, False, *[True] * 4]))
        for name, found in engines:
            wrong = ", ".join(f"{true} as {said} {number:,}" for true, said, number in found.confusions[:6])
            if wrong:
                parts.append(f"{name} takes {wrong}")
        if field.model_is_better is not None:
            verdict = "is better" if field.model_is_better else "is not better than the local engine"
            parts.append(
                f"the model {verdict}: only it has {number_of(field.model_only, 'item')} right, "
                f"only the local engine {field.local_only:,}"
            )
    return "\n".join(parts)


def _stages(stages: Sequence[StageCounts]) -> str:
    rows = [
        (stage.task, stage.engine, *(f"{n:,}" for n in (stage.done, stage.failed, stage.skipped, stage.open)))
        for stage in stages
    ]
    return table(
        ("task", "engine", "done", "failed", "skipped", "open"),
        rows,
        right=[False, False, True, True, True, True],
    )


def _requests(counts: SentCounts) -> list[str]:
    if not counts.sent:
        return []
    unknown = f", {counts.unknown:,} without an answer that may have been paid for" if counts.unknown else ""
    under_way = f", {counts.under_way:,} under way" if counts.under_way else ""
    cost = f", cost {counts.cost:.4g}" if counts.cost else ""
    told = f"{counts.answered:,} answered{under_way}{unknown}; {number_of(counts.tokens, 'token')}{cost}"
    return [f"{number_of(counts.sent, 'request')}, {told}"]


def _errors(errors: dict[str, int]) -> str:
    return "trouble: " + ", ".join(f"{number:,} {kind}" for kind, number in errors.items())
