"""What the pages tell people to type are commands that there are."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from etl.cli.main import app
from tests.support.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.joinpath("docs").rglob("*.md"))]
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```$|((?:^ {4,}[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^ *(?:Example: |\$ |RUN )?((?:zcat \S+ \| )?etl [a-z-].*)$", re.MULTILINE)
SHELL = ("|", "&&", ">")
INLINE = re.compile(r"`(etl [^`]+)`")
ROOT_COMMAND: Any = typer.main.get_command(app)
UsageError: Any = typer.BadParameter.__base__  # of the click that typer brings


def typed(page: str) -> Iterator[str]:
    """Lines of code blocks that begin with `etl`."""
    for fenced, indented in BLOCK.findall(page.replace("\\\n", "")):
        yield from LINE.findall(fenced or indented)


def complaint(line: str) -> str | None:
    """Say what the command line says to a line; nothing if it would run."""
    try:
        words = shlex.split(line, comments=True)
        words = words[words.index("etl") + 1 :]
        end = next((number for number, word in enumerate(words) if word in SHELL), len(words))
        context: Any = ROOT_COMMAND.make_context("etl", words[:end])
        while hasattr(context.command, "resolve_command"):
            name, command, rest = context.command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
            context = command.make_context(name, rest, parent=context)
    except (UsageError, ValueError) as error:
        return f"{line}: {error}"
    return None


def unknown_words(mention: str) -> list[str]:
    """Give the commands and options in a mention within a sentence that there are not.

    ``etl db info | check`` and ``etl db info|check`` name two commands.
    """
    words = re.sub(r" ?\| ?", "|", mention.removeprefix("etl ")).split()
    commands: list[Any] = [ROOT_COMMAND]
    options: set[str] = set()
    unknown = []
    for word in words:
        names = word.split("|")
        if word.startswith("-"):
            if options and word.partition("=")[0] not in options:
                unknown.append(word)
        elif hasattr(commands[0], "resolve_command"):
            found = [commands[0].get_command(None, name) for name in names]
            unknown += [name for name, command in zip(names, found, strict=True) if command is None]
            commands = [command for command in found if command is not None]
            if not commands:
                break
            params = [param for command in commands for param in command.params]
            options = {option for param in params for option in (*param.opts, *param.secondary_opts)}
    return unknown


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_lines_to_type_can_be_typed(path):
    """Each parses with the options, values and number of arguments that it has, comments apart."""
    page = path.read_text(encoding="utf-8")
    assert [said for line in typed(page) if (said := complaint(line))] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_within_sentences_exist(path):
    """So do the options that they are mentioned with."""
    page = path.read_text(encoding="utf-8")
    mentions = INLINE.findall(re.sub(r"\n(?=\S)", " ", page))
    assert {mention: unknown for mention in mentions if (unknown := unknown_words(mention))} == {}


def test_wrong_lines_are_found():
    """An unknown command, option or choice, a word too many, one too few."""
    page = "    etl db info  # fine\n    etl nope\n\n```\n$ etl db info --nope\netl query --format xml x\n"
    page += "```\n\ntext\n\n    etl db info too many\n    zcat a.gz | etl export dataset\n"
    assert [complaint(line) is None for line in typed(page)] == [True, False, False, False, False, False]
    assert unknown_words("etl db info|nope --json --nope") == ["nope", "--nope"]
    assert unknown_words("etl library run DIR...") == unknown_words("etl db info | check") == []
