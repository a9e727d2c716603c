"""The examples of the Python module and of its page run, and say what they say."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from contextlib import chdir
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import etl
from tests.support.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MODULES = ("harmony", "library", "recordings", "datasets")
PAGE = ROOT.joinpath("docs", "python.md").read_text(encoding="utf-8")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def failures(examples: doctest.DocTest, folder: Path) -> str:
    """Run examples in a folder; what went wrong."""
    said: list[str] = []
    with chdir(folder):
        doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(examples, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_module_run(name, whole_store):
    """Every docstring's example gives what it shows."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(import_module(f"etl.api.{name}"), globs={"etl": etl})
    assert any(each.examples for each in found)
    for each in found:
        assert not failures(each, whole_store)


def test_every_public_function_has_an_example():
    """So that the test above holds them all."""
    ours = [getattr(etl, name) for name in ("analyze", "open", "describe", "read_midi")]
    methods = [member for name, member in vars(etl.Library).items() if not name.startswith("_")]
    for each in (*ours, *methods, etl.datasets.songs):
        assert ">>> " in (each.__doc__ or ""), each


def test_examples_of_the_page_run(whole_store):
    """The page is one session from top to bottom."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "docs/python.md", None, 0)
    assert len(examples.examples) > 10
    assert not failures(examples, whole_store)


def described() -> list[str]:
    """Give each public call as the page should have it."""
    calls = []
    for name in etl.__all__:
        member = getattr(etl, name)
        if inspect.isfunction(member) or name == "SongDataset":
            calls.append(f"etl.{name}{_plain(member)}")
    calls.append(f"etl.datasets.songs{_plain(etl.datasets.songs)}")
    calls += [
        f"library.{name}{_plain(member)}"
        for name, member in vars(etl.Library).items()
        if inspect.isfunction(member) and not name.startswith("_")
    ]
    return calls


def _plain(function: object) -> str:
    """Write a signature without types."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name != "self"
    ]
    return str(inspect.Signature(bare)).replace("'", '"')


@pytest.mark.parametrize("call", described())
def test_the_page_describes_every_public_call(call):
    """With the parameters and defaults that it has."""
    assert f"`{call}`" in PAGE


def test_what_is_public_is_what_is_listed():
    """`dir(etl)` is what the page promises, and each name is there."""
    assert dir(etl) == sorted([*etl.__all__, "__version__"])
    for name in etl.__all__:
        assert getattr(etl, name) is not None
        assert f"etl.{name}" in PAGE or f"`{name}`" in PAGE
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = etl.nothing


def test_importing_the_module_imports_nothing_else_of_it():
    """Neither a library nor a module of ours is loaded before it is used."""
    code = (
        "import sys, etl; dir(etl);"
        "print([name for name in sys.modules if name.startswith(('etl.', 'polars', 'numpy'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
