"""A run, and what may follow it at once: new names for the library, and a drive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.midi.mpc import DriveFormat
from etl.pipelines.midi.drive_files import DriveOptions
from etl.pipelines.midi.export import MidiExport, export_drive
from etl.pipelines.midi.rename import check_template, rename_library
from etl.pipelines.midi.run import run_midi
from etl.runtime.disk.targets import check_mounted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.pipelines.midi.request import MidiResult, MidiRun
    from etl.runtime.watch.progress import Renderer


@dataclass(frozen=True)
class Delivery:
    """What follows a run.

    Attributes
    ----------
    template
        Rename the library by it; None to leave the names.
    target, drive_format
        A drive to bring up to date, if any, and the device that it is for.
    options
        How the drive is filled; its ``parts`` hold for names too.
    """

    template: str | None = None
    target: Path | None = None
    drive_format: DriveFormat = DriveFormat.BOTH
    options: DriveOptions = field(default_factory=DriveOptions)


def run_and_deliver(request: MidiRun, delivery: Delivery, renderers: Sequence[Renderer] = ()) -> MidiResult:
    """Run, then rename and export; what cannot be done is said before the run where that can be known.

    Raises
    ------
    EtlError
        As `run_midi`, `rename_library` and `export_drive`.
    """
    if delivery.template is not None:
        check_template(delivery.template)
    if delivery.target is not None:
        check_mounted(delivery.target)
    result = run_midi(request, renderers)
    database, library, parts = request.database, request.library, delivery.options.parts
    if delivery.template is not None:
        result.renames = rename_library(library, database, template=delivery.template, parts=parts)
    if delivery.target is not None:
        drive = export_drive(
            library,
            database,
            delivery.target,
            delivery.drive_format,
            options=delivery.options,
            renderers=renderers,
            limits=request.limits,
        )
        result.export = MidiExport(delivery.target, drive, [])
    return result
