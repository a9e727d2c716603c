"""Options that mean nothing beside or without others: errors, for what is ignored in silence misleads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    import typer


def given_options(context: typer.Context) -> set[str]:
    """Name the options on the command line by their long forms, and the arguments by what help calls them."""
    return {
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name
        and (source := context.get_parameter_source(parameter.name)) is not None
        and source.name == "COMMANDLINE"
        and context.params.get(parameter.name) not in (None, [], ())
    }


def only_with(context: typer.Context, needed: str, *options: str) -> None:
    """Refuse options that have an effect only beside another; ``needed`` is it, or several with `or` between.

    Raises
    ------
    EtlError
        If one is there without it.
    """
    given = given_options(context)
    lonely = sorted(given & {*options})
    if lonely and not given & {*needed.split(" or ")}:
        raise EtlError(
            f"{lonely[0]} has no effect without {needed}.",
            f"Pass {needed} as well, or leave out {lonely[0]}.",
            exit_code=ExitCode.USAGE,
        )


def not_with(context: typer.Context, other: str, *options: str) -> None:
    """Refuse options that have no effect beside another one; ``other`` is it, perhaps with its value.

    Raises
    ------
    EtlError
        If one is there with it.
    """
    given = given_options(context)
    useless = sorted(given & {*options})
    if other.partition(" ")[0] in given and useless:
        raise EtlError(
            f"{useless[0]} has no effect with {other}.",
            "Leave out one of them.",
            exit_code=ExitCode.USAGE,
        )


def only_beside(context: typer.Context, option: str, *others: str) -> None:
    """Refuse everything beside an option but some others.

    Raises
    ------
    EtlError
        If there is something else.
    """
    not_with(context, option, *(given_options(context) - {option, *others}))
