"""Values that pydantic is not asked about are those that it would give."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 -- typer looks at it
from typing import Annotated, Any

import pytest
import typer
import typer.core
from typer.testing import CliRunner

import etl.cli.main  # noqa: F401 -- which converts without pydantic
from etl.cli import parameters


class Color(StrEnum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


def _made(got: list[Any]) -> typer.Typer:
    made = typer.Typer()

    @made.command()
    def _command(  # noqa: PLR0917
        names: Annotated[list[str] | None, typer.Argument()] = None,
        text: str = "as it is",
        path: Path | None = None,
        paths: Annotated[list[Path] | None, typer.Option("--paths")] = None,
        there: Annotated[Path | None, typer.Option(exists=True)] = None,
        count: Annotated[int, typer.Option(min=1, max=1000)] = 50,
        most: Annotated[int | None, typer.Option(max=3, clamp=True)] = None,
        share: float = 0.5,
        color: Color = Color.RED,
        length: Annotated[int | None, typer.Option(parser=len)] = None,
        *,
        flag: bool = False,
    ) -> None:
        got.append((names, text, path, paths, there, count, most, share, color, length, flag))

    return made


@pytest.mark.parametrize(
    "words",
    [
        "", "a b", "--text x --path y", "--paths a --paths b", "--there nowhere", "--path /",
        "--count 0", "--count 1001", "--count 7", "--count 007", "--count +7", "--count 1_0",
        "--count \u0667", f"--path {300 * 'x'}",
        "--count 99999999999999999999", "--count 1.5", "--count x", "--most 9", "--share 0.25", "--share x",
        "--color blue", "--color green", "--length three", "--flag", "--no-flag a",
    ],
)  # fmt: skip
def test_as_typer_itself_converts(words, monkeypatch):
    """Values, their types, exit codes and messages are the same."""
    ours: list[Any] = []
    theirs: list[Any] = []
    said = CliRunner().invoke(_made(ours), words.split())
    monkeypatch.setattr(parameters._Parameter, "_plain", lambda *_: parameters._UNKNOWN)
    expected = CliRunner().invoke(_made(theirs), words.split())
    assert (said.exit_code, said.output) == (expected.exit_code, expected.output)
    assert repr(ours) == repr(theirs)
