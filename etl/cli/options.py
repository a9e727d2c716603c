"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from etl.runtime.work.cluster.address import Cluster

Database = Annotated[
    Path | None,
    typer.Option(
        "--db", help="The DuckDB file; default: $ETL_DB, else data/music.duckdb.", show_default=False
    ),
]

ChordsColumn = Annotated[
    str | None,
    typer.Option(
        "--chords-column",
        metavar="NAME",
        help="The column with the chords; default: chords.",
        show_default=False,
    ),
]

IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-column",
        metavar="NAME",
        help="The column with the ids; default: id, or the row number if there is none.",
        show_default=False,
    ),
]

Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME|all",
        help="Only songs from this source: its path, the end of it, or its number in `etl db info`; may be "
        "repeated. Default: those of the latest build.",
        show_default=False,
    ),
]


class RomanStyles(StrEnum):
    """How numerals are spelled."""

    HOUSE = "house"
    ROMANTEXT = "romantext"


Spelling = Annotated[
    RomanStyles,
    typer.Option("--roman-style", help="How the CSV spells numerals; romantext is for music21."),
]

ClusterAt = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Run on a Dask cluster: tcp://HOST:PORT of its scheduler, or local:N to try it on this machine.",
        show_default=False,
    ),
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="HERE=THERE",
        help="Where the workers find a folder of this machine, if not in the same place; may be repeated.",
        show_default=False,
    ),
]

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def ask(question: str) -> None:
    """Ask before something is deleted; go on after `y` alone.

    Raises
    ------
    typer.Exit
        After `n`: nothing is changed.
    EtlError
        If nobody is there to answer.
    KeyboardInterrupt
        If the user stopped the program instead.
    """
    try:
        is_wanted = typer.confirm(question, err=True)
    except typer.Abort as ending:
        if isinstance(ending.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from ending
        typer.echo(err=True)
        raise EtlError(
            "nobody answered, so nothing was changed.",
            "Pass --yes to delete without a question.",
            exit_code=ExitCode.USAGE,
        ) from ending
    if not is_wanted:
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(ExitCode.FAILURE)


def parse_cluster(address: str | None, maps: list[str] | None) -> Cluster | None:
    """Read where a cluster is; None for none.

    Raises
    ------
    EtlError
        If that cannot be, or there are maps for no cluster.
    """
    from etl.runtime.work.cluster.address import Cluster

    if address is not None:
        return Cluster.parse(address, maps or ())
    if maps:
        raise EtlError(
            "--map has no effect without --cluster.", "Pass --cluster too.", exit_code=ExitCode.USAGE
        )
    return None


def parse_size(text: str) -> int:
    """Read a number of bytes.

    Raises
    ------
    typer.BadParameter
        If it is not one.

    Examples
    --------
    >>> parse_size("1.5GB"), parse_size("800m"), parse_size("4096")
    (1500000000, 800000000, 4096)
    """
    number = text.strip().upper().removesuffix("B")
    unit = number[-1:] if number[-1:].isalpha() else ""
    try:
        size = int(float(number.removesuffix(unit)) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size <= 0:
        raise typer.BadParameter(f"`{text}` is not a size. Write it like 800MB or 2GB.")
    return size


Memory = Annotated[
    int | None,
    typer.Option(
        "--memory",
        parser=parse_size,
        metavar="SIZE",
        help="Memory for work in progress, e.g. 800MB; finished results take more. Default: 2GB.",
        show_default=False,
    ),
]
