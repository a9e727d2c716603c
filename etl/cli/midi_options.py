"""Options that several commands of `etl midi` have, and what the choices among them are."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from etl.pipelines.midi.drive_files import DriveOptions

LIBRARY = Path("midi_library")
TEMPLATE = "{bpm}bpm_{key}_{tags}.mid"

_SLOWEST, _FASTEST = 10.0, 1000.0
_SIZES = re.compile(r"\s*[0-9]{1,4}\s*(?:,\s*[0-9]{1,4}\s*)*")


class Device(StrEnum):
    """The device that a drive is for."""

    MPC_ONE = "mpc-one"
    FORCE = "force"
    BOTH = "both"


class Parts(StrEnum):
    """Whether it is about parts alone, parts and whole files, or whole files alone."""

    ONLY = "only"
    ALSO = "also"
    NO = "no"


class Layout(StrEnum):
    """By what a drive is sorted."""

    CATEGORY = "category"
    PACK = "pack"
    LETTER = "letter"


class Patterns(StrEnum):
    """What gets a pattern file too."""

    LOOPS = "loops"
    ALL = "all"
    NO = "no"


class Progressions(StrEnum):
    """Where progression files are."""

    DEVICE = "device"
    ROOT = "root"


Library = Annotated[Path, typer.Option(help="Folder of the library: copies under safe names, and parts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done without doing it.")]
Drive = Annotated[Path | None, typer.Option("--export-to", help="Drive or folder to export to.")]
For = Annotated[Device, typer.Option("--format", help="Device that the drive is for.")]
Template = Annotated[
    str, typer.Option(help="File name; fields: {bpm}, {key}, {tags}, {category}, {bars}, {name}.")
]


def drive_options(
    parts: Parts,
    layout: Layout = Layout.CATEGORY,
    patterns: Patterns = Patterns.LOOPS,
    progressions: Progressions = Progressions.DEVICE,
    *,
    transpose: str | None = None,
    bpm: float | None = None,
    trim: bool = False,
) -> DriveOptions:
    """Read how a drive is to be filled; `EtlError` where a key or a tempo is none."""
    from etl.midi.file_names import parse_key
    from etl.midi.mpc import Layout as SortedBy, ProgressionPlace
    from etl.midi.rework import Rework
    from etl.pipelines.midi.drive_files import DriveOptions, Patterns as WithPattern
    from etl.pipelines.midi.request import PartsWanted

    key = None if transpose is None else parse_key(transpose)
    if transpose is not None and key is None:
        raise EtlError(
            f"`{transpose}` is not a key.", "Write it like Am, 'F# minor' or Bb.", exit_code=ExitCode.USAGE
        )
    if bpm is not None and not _SLOWEST <= bpm <= _FASTEST:
        raise EtlError(
            f"{bpm:g} is not a tempo.",
            f"Choose one from {_SLOWEST:g} to {_FASTEST:g} beats per minute.",
            exit_code=ExitCode.USAGE,
        )
    return DriveOptions(
        parts=PartsWanted(parts),
        layout=SortedBy(layout),
        patterns=WithPattern(patterns),
        progressions=ProgressionPlace(progressions),
        changes=Rework(key, bpm, trim),
    )


def read_workers(text: str) -> int:
    """Read a number of processes; of several, as for a pool to each stage, the largest counts.

    Examples
    --------
    >>> read_workers("32,64,16")
    64
    """
    if _SIZES.fullmatch(text) is None:
        raise EtlError(
            f"`{text}` is not a number of processes.",
            "Write one, like 4; of several, like 32,64,16, the largest counts.",
            exit_code=ExitCode.USAGE,
        )
    sizes = [int(size) for size in text.split(",")]
    most = max(sizes)
    if len(sizes) > 1:
        typer.echo(f"etl: one pool of {most} processes does all stages; the largest number counts", err=True)
    return most
