"""What `etl library` says of scans, descriptions, matrices and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etl.cli.genres import fetch_lines
from etl.runtime.watch.format import duration
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.pipelines.audio.artifacts import ArtifactsResult
    from etl.pipelines.audio.check import Finding
    from etl.pipelines.audio.describe_tracks import SonicResult
    from etl.pipelines.audio.run import LibraryPlan, LibraryRequest, LibraryResult
    from etl.pipelines.audio.scan import ScanResult
    from etl.store.sonic_features import LibraryStatus


def result_lines(result: LibraryResult) -> list[str]:
    """Say what a run has done."""
    lines = []
    if result.scan is not None:
        lines.append(
            f"scan: {_files(result.scan)}; {result.scan.rejected:,} rejected; "
            f"{result.scan.tracks:,} of the files read are tracks"
        )
        if result.scan.left_out:
            counted = (f"{n:,} {end or 'without an ending'}" for end, n in result.scan.left_out.items())
            lines.append(f"  left out, not audio: {', '.join(counted)}")
        lines += _link_lines(result.scan)
    if result.genres is not None:
        lines += [f"genres: {line}" for line in fetch_lines(result.genres).splitlines()]
    if result.sonic is not None:
        lines += _sonic_lines(result.sonic)
    if result.artifacts is not None:
        lines.append(f"artifacts: {artifacts_line(result.artifacts)}")
    return lines


def warn_of_memory(request: LibraryRequest) -> None:
    """Say so where the workers of this machine may need more memory than is free."""
    import psutil

    free = psutil.virtual_memory().available
    needed = request.workers * request.limits.worker_bytes
    if "sonic" in request.stages and request.cluster is None and needed > free:
        typer.echo(
            f"etl: {number_of(request.workers, 'worker')} may need {needed / 1e9:.1f} GB; "
            f"{free / 1e9:.1f} GB are free; choose fewer with --workers",
            err=True,
        )


def plan_lines(plan: LibraryPlan) -> list[str]:
    """Say what a run would do."""
    lines = []
    if plan.scan is not None:
        lines.append(f"would scan: {_files(plan.scan)}")
        lines += _link_lines(plan.scan)
    if plan.genres is not None:
        asked = f"{number_of(plan.genres.requests, 'request')} about genres, {duration(plan.genres.seconds)}"
        lines.append(f"would send: {asked}")
    if plan.tracks is not None:
        lines.append(f"would describe: {plan.tracks:,} of the tracks known so far, and new ones")
    if plan.output is not None:
        lines.append(f"would write: {plan.output}")
    return lines


def _files(found: ScanResult) -> str:
    counts = {
        "unchanged": found.unchanged,
        "new": found.new,
        "changed": found.changed,
        "moved": found.moved,
        "gone": found.gone,
    }
    some = {"back": found.returned, "read again for more tags": found.reread}
    counts |= {name: count for name, count in some.items() if count}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _link_lines(found: ScanResult) -> list[str]:
    if not found.links:
        return []
    links = number_of(len(found.links), "link")
    return [f"  {links} to folders not followed, such as {found.links[0]}; see --follow-links"]


def _sonic_lines(done: SonicResult) -> list[str]:
    line = (
        f"sonic: {done.known:,} known, {done.described:,} described ({done.fallbacks:,} by fallback), "
        f"{done.failed:,} failed, {done.unreadable:,} unreadable; {done.tracks_per_second:.1f} tracks/s, "
        f"CPU {done.cpu_use:.0%}, {done.peak_bytes / 1e6:.0f} MB a worker"
    )
    return [line, *(f"  {count:,} x {reason}" for reason, count in [*done.reasons.items()][:10])]


def artifacts_line(made: ArtifactsResult) -> str:
    """Say what matrices were written, and what they lack."""
    pending = number_of(made.pending, "track")
    waiting = f"; {pending} still to describe with `etl library sonic`" if made.pending else ""
    if not made.tracks:
        return f"none: no track is described yet{waiting}"
    return f"{number_of(made.tracks, 'track')}, {made.features} features in {made.output}{waiting}"


def finding_lines(findings: list[Finding]) -> str:
    """List what a check has found."""
    lines = []
    for each in findings:
        shown = each.column or each.evidence
        lines.append(f"{each.item}: {each.fault}" + (f" ({shown})" if shown else ""))
    return "\n".join([*lines, number_of(len(findings), "problem")])


def status_lines(status: LibraryStatus) -> str:
    """Count the tracks by what is known of them."""
    lines = {
        "Total tracks": status.total,
        "Analyzed": status.analyzed,
        "Pending": status.pending,
        "Beat-sync": status.beat_sync,
        "Fallback": status.fallback,
        "Failed": status.failed,
    }
    return "\n".join(f"{name + ':':<14}{count:>9,}" for name, count in lines.items())
