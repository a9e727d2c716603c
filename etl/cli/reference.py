"""The command reference of docs/cli.md, written from the commands' own help.

Run `python -m etl.cli.reference > docs/cli.md` after a change of any command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer.main

from etl.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 100


def reference() -> str:
    """Write the help of every command as Markdown."""
    parts = ["# Commands\n", "Written by `python -m etl.cli.reference`; do not edit.\n"]
    for name, text in commands():
        parts.append(f"## {name}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def commands(width: int = _WIDTH) -> Iterator[tuple[str, str]]:
    """Give the full name and the help text of each command and group, in order."""
    yield from _walk(typer.main.get_command(app), "etl", None, width)


def _walk(command: Any, name: str, parent: Any, width: int) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command,
        info_name=name.rsplit(" ", 1)[-1],
        parent=parent,
        terminal_width=width,
        **command.context_settings,
    )
    yield name, command.get_help(context)
    if hasattr(command, "list_commands"):
        for child in sorted(command.list_commands(context)):
            yield from _walk(command.get_command(context, child), f"{name} {child}", context, width)


if __name__ == "__main__":
    sys.stdout.write(reference())
