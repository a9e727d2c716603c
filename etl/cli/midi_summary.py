"""What a MIDI run would do, and what it did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.cli.midi_rename import renamed
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from pathlib import Path

    from etl.exports.drive import Exported
    from etl.pipelines.midi.export import MidiExport
    from etl.pipelines.midi.request import MidiPlan, MidiResult


def planned(plan: MidiPlan, *, has_sources: bool = True) -> str:
    """Say what a run would do; one without sources would look at the library alone."""
    lines = []
    if has_sources:
        files, archives = number_of(plan.files, "MIDI file"), number_of(plan.archives, "archive")
        lines.append(f"{files} and {archives} to read, {plan.bytes / 2**20:,.1f} MB")
    if plan.touched:
        lines.append(f"{number_of(plan.touched, 'file')} of the library to look at, changed there")
    elif not has_sources:
        lines.append("no file of the library was changed there")
    lines.append(
        f"{number_of(plan.unchanged, 'file')} unchanged; nothing was written"
        if has_sources
        else "nothing was written"
    )
    lines.append(f"stages: {', '.join(sorted(plan.stages))}; store: {plan.database}; library: {plan.library}")
    rejects = (f"would be rejected, {name}: {count:,}" for name, count in sorted(plan.rejects.items()))
    return "\n".join([*lines, *rejects])


def done(result: MidiResult, *, has_sources: bool = True) -> str:
    """Say what a run did; one without sources has looked at the library alone."""
    lines = []
    if has_sources:
        lines.append(
            f"{number_of(result.found, 'file')} found: {result.unchanged:,} unchanged, {result.read:,} read, "
            f"{result.new:,} new, {result.rejected:,} rejected; {number_of(result.parts, 'part')} split"
        )
    if result.gone:
        files = "file or archive is" if result.gone == 1 else "files and archives are"
        lines.append(f"{result.gone:,} {files} gone; to remove them from the store: etl midi forget")
    if result.edited:
        lines.append(f"{number_of(result.edited, 'file')} edited in the library, with new figures now")
    if result.parts and not has_sources:
        lines.append(f"{number_of(result.parts, 'part')} split again from edited files")
    if result.spoilt:
        lines.append(
            f"{number_of(result.spoilt, 'file')} changed in the library and not whole any more; "
            "the figures are those of before"
        )
    if not lines:
        lines.append("no file of the library was edited")
    speed = (
        f"{result.elapsed_s:.1f} s, {result.read / max(result.elapsed_s, 1e-9):,.0f} files/s read; "
        f"CPU use of all cores {result.cpu_share:.0%}"
    )
    stages = ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(result.stage_s.items()))
    rejects = (f"rejected, {name}: {count:,}" for name, count in sorted(result.rejects.items()))
    lines += [speed, f"seconds by stage: {stages}", *rejects]
    if result.renames is not None:
        lines.append(renamed(result.renames))
    if result.export is not None:
        lines.append(exported_lines(result.export, dry_run=False))
    return "\n".join(lines)


def exported_lines(done: MidiExport, *, dry_run: bool) -> str:
    """Say what was copied to a drive and written as tables, or would be."""
    lines = [] if done.drive is None else _copied(done.drive, done.target, dry_run=dry_run)
    for table in done.tables:
        rows = "" if table.rows is None else f", {number_of(table.rows, 'row')}"
        lines.append(f"{'would write' if dry_run else 'written:'} {table.path}{rows}")
    return "\n".join(lines)


def _copied(done: Exported, target: Path | None, *, dry_run: bool) -> list[str]:
    copied = f"{number_of(done.copied, 'file')} ({done.bytes / 2**20:,.1f} MB) to {target}"
    others = f"{done.unchanged:,} unchanged, {done.removed:,} no longer wanted"
    lines = [f"{'would copy' if dry_run else 'copied'} {copied}; {others}"]
    for count, what in (
        (done.kept, "changed on the drive and kept, as NAME_kept_N where replaced"),
        (
            done.damaged,
            "left out: lost, or not whole any more; `etl midi run --force` brings back the lost",
        ),
        (done.edited, "edited in the library: exported with the edits and new figures"),
        (done.unanalysed, "left out: not analyzed; run `etl midi analyze SOURCE`"),
    ):
        if count:
            lines.append(f"{number_of(count, 'file')} {what}")
    return lines
