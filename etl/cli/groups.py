"""Groups of commands, and how their help is laid out: nothing is cut, examples can be pasted as they are."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

_AS_IT_STANDS = "\b"
"""Before a paragraph: its lines are not to be joined and wrapped."""


def examples(*commands: str) -> str:
    """Give several examples as the end of a command's help, each on a line of its own."""
    return "\n".join([_AS_IT_STANDS, "Examples:", *(f"    {command}" for command in commands)])


class Group(TyperGroup):
    """A group whose help shows the whole first sentence of each command."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            command.epilog = command.epilog and _with_whole_examples(command.epilog)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write names and first sentences, wrapped to the width of the terminal."""
        rows = [(name, first_sentence(self.get_command(ctx, name))) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def first_sentence(command: Any) -> str:
    """Give the first sentence of a command's help."""
    paragraph = " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.strip()


def _with_whole_examples(epilog: str) -> str:
    return "\n\n".join(_paragraphs(inspect.cleandoc(epilog)))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        is_example = paragraph.startswith(("    ", "Example: "))
        yield f"{_AS_IT_STANDS}\n{paragraph}" if is_example else paragraph
