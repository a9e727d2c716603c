"""Do the tests notice a wrong line? Small changes of a module, each against the tests that name the module.

    python -m tests.robustness.mutants [--sample N] [--seed S] [MODULE...]

A module is a path below ``etl``, such as ``midi/categories.py``. A change that no test notices survives; it
is printed with its line. Compiled modules are left out: they would be compiled again for each change. Tests
run on a copy of the package in a temporary folder; the hashes of outputs by version do not count as tests.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.figures import show
from tests.support.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES: Final = (
    "midi/categories.py", "midi/file_names.py", "midi/tags.py", "music/key_profiles.py", "chords/symbols.py",
    "chords/numerals.py", "runtime/disk/files.py", "runtime/disk/staging.py", "sources/audio/tags.py",
    "sources/archives/limits.py", "services/politeness/rates.py", "services/politeness/breaker.py",
    "store/journal.py", "pipelines/enrich/filing.py", "exports/data3.py",
)  # fmt: skip
SECONDS: Final = 120
"""A test run that lasts longer has noticed something."""

_COMPARED: Final = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: Final = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip


class Mutant(NamedTuple):
    """A changed module."""

    module: str
    line: int
    change: str
    text: str


def mutants(module: str) -> Iterator[Mutant]:
    """Give all changes of a module, each alone."""
    source = (ROOT / "etl" / module).read_text(encoding="utf-8")
    for number, node in enumerate(_places(ast.parse(source))):
        tree = ast.parse(source)
        twin = next(found for at, found in enumerate(_places(tree)) if at == number)
        before = ast.unparse(node)
        _change(twin)
        yield Mutant(module, node.lineno, f"{before} -> {ast.unparse(twin)}", ast.unparse(tree))


def _places(tree: ast.Module) -> list[ast.expr]:
    """List the expressions that can be changed, but for annotations."""
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for field in ("annotation", "returns")
        if (annotation := getattr(node, field, None)) is not None
        for part in ast.walk(annotation)
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and id(node) not in annotations and _is_changeable(node)
    ]


def _is_changeable(node: ast.expr) -> bool:
    match node:
        case ast.Compare(ops=[operator]):
            return type(operator) in _COMPARED
        case ast.BinOp(op=operator):
            return type(operator) in _COMPUTED
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Constant(value=value):
            return isinstance(value, bool | int | float)
    return False


def _change(node: ast.expr) -> None:
    match node:
        case ast.Compare(ops=[operator]):
            node.ops = [_COMPARED[type(operator)]()]
        case ast.BinOp(op=operator):
            node.op = _COMPUTED[type(operator)]()
        case ast.BoolOp(op=operator):
            node.op = ast.Or() if isinstance(operator, ast.And) else ast.And()
        case ast.UnaryOp():
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value) | float(value)):
            node.value = value + 1


def tests_of(module: str) -> list[str]:
    """List the tests that import a module, or those in its folder."""
    name = f"etl.{module.removesuffix('.py').replace('/', '.')}"
    package, _, last = name.rpartition(".")
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path.name != "test_versions.py"
        and (
            f"{name} import" in (text := path.read_text(encoding="utf-8"))
            or f"from {package} import {last}" in text
        )
    ]
    return found or [str(Path("tests") / Path(module).parent)]


def is_noticed(mutant: Mutant) -> bool:
    """Run the tests of a module on a copy of the package with the change in it."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        shutil.copytree(ROOT / "etl", copy / "etl", ignore=shutil.ignore_patterns("__pycache__"))
        for beside in ("tests", "sql", "schemas", "docs", "benchmarks", "pyproject.toml"):
            (copy / beside).symlink_to(ROOT / beside)
        (copy / "etl" / mutant.module).write_text(mutant.text, encoding="utf-8")
        words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests_of(mutant.module)]
        try:
            done = subprocess.run(
                [sys.executable, *words], cwd=copy, env=os.environ | {"PYTHONPATH": name},
                capture_output=True, check=False, timeout=SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0


def main() -> None:
    """Try a sample of the changes of each module and print what survived, and the score."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--sample", type=int, default=10, help="changes of each module")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, tried = random.Random(options.seed), []
    for module in options.modules:
        every = list(mutants(module))
        tried += chance.sample(every, min(options.sample, len(every)))
    noticed: Counter[str] = Counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for mutant, is_killed in zip(tried, threads.map(is_noticed, tried), strict=True):
            noticed[mutant.module] += is_killed
            if not is_killed:
                print(f"survived: etl/{mutant.module}:{mutant.line}: {mutant.change[:150]}", flush=True)
    count = Counter(mutant.module for mutant in tried)
    share = noticed.total() / max(1, count.total())
    show(
        {module: f"{noticed[module]} of {count[module]}" for module in options.modules}
        | {"all": f"{noticed.total()} of {count.total()}, {share:.0%}"}
    )


if __name__ == "__main__":
    main()
