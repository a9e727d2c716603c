"""What a MIDI run would do, and what it did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.pipelines.midi.request import MidiPlan, MidiResult


def planned(plan: MidiPlan) -> str:
    """Say what a run would do."""
    lines = [
        f"{plan.files:,} MIDI files and {plan.archives:,} archives to read, {plan.bytes / 2**20:,.1f} MB",
        f"{plan.unchanged:,} files unchanged; nothing was written",
        f"stages: {', '.join(sorted(plan.stages))}; store: {plan.database}; library: {plan.library}",
    ]
    rejects = (f"would be rejected, {name}: {count:,}" for name, count in sorted(plan.rejects.items()))
    return "\n".join([*lines, *rejects])


def done(result: MidiResult) -> str:
    """Say what a run did."""
    counts = (
        f"{result.found:,} files found: {result.unchanged:,} unchanged, {result.read:,} read, "
        f"{result.new:,} new, {result.rejected:,} rejected; {result.parts:,} parts split"
    )
    if result.gone:
        files = "file or archive is" if result.gone == 1 else "files and archives are"
        counts += f"\n{result.gone:,} {files} gone; to forget them: etl midi forget"
    speed = (
        f"{result.elapsed_s:.1f} s, {result.read / max(result.elapsed_s, 1e-9):,.0f} files/s read; "
        f"CPU use of all cores {result.cpu_share:.0%}"
    )
    stages = ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(result.stage_s.items()))
    rejects = (f"rejected, {name}: {count:,}" for name, count in sorted(result.rejects.items()))
    return "\n".join([counts, speed, f"seconds by stage: {stages}", *rejects])
