"""Do the tests notice a wrong line? Small changes of a module, each against the tests that concern it.

    python -m tests.robustness.mutants [--sample N] [--seed S] [MODULE...]

A module is a path below ``etl``, such as ``midi/categories.py``. A change that no test notices survives; it
is printed with its line. Which changes are tried, and which never, says ``tests/support/small_changes.py``.

What concerns a module are its own examples and at most three files of tests: one that mirrors its name, those
that import it, those of its folder, and where there are none those that import what imports it. First come
those that import little else, last those that take long. They run on a copy of the tree, up to the
first failure, which counts if the same test passes without the change. A test that takes too long has noticed
something. Compiled modules are left out, since each change would compile them again; so are the hashes of
outputs by version, which notice anything and tell nothing.

Each run is a fork of a process that has loaded the libraries, one at a time and at low priority.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from etl.runtime.compile_folder import writable_folder
from tests.support.figures import show
from tests.support.places import LONGEST, ROOT
from tests.support.small_changes import Change, changes

MODULES: Final = (
    "runtime/disk/files.py", "runtime/disk/folders.py", "runtime/disk/staging.py", "runtime/disk/targets.py",
    "runtime/work/crew.py", "runtime/work/flow.py",
    "music/key_profiles.py", "music/likeness.py", "music/near_copies.py", "music/qualities.py",
    "chords/fingerprints.py", "chords/harte.py", "chords/numerals.py", "chords/readings.py",
    "chords/symbols.py", "genres/identity.py", "genres/normalize.py", "genres/spelling.py",
    "genres/vocabulary.py", "midi/categories.py", "midi/file_names.py", "midi/names.py", "midi/tags.py",
    "playlists/identity.py", "batch/plan.py", "batch/replies.py", "services/politeness/breaker.py",
    "services/politeness/rates.py",
    "services/politeness/retry.py", "sources/archives/limits.py", "sources/archives/read.py",
    "sources/audio/tags.py", "sources/audio/tag_frames.py", "sources/chords/rows.py",
    "sources/folders/walk.py",
    "exports/data3.py", "exports/npz.py", "exports/npz_file.py", "exports/splits.py",
    "store/bursts.py", "store/forget.py", "store/journal.py", "store/ledger.py", "store/run_lock.py",
    "store/shared_file.py", "store/songs.py",
    "pipelines/data3/block.py", "pipelines/data3/check.py", "pipelines/data3/identity.py",
    "pipelines/enrich/filing.py", "pipelines/midi/rename_journal.py", "pipelines/midi/writer.py",
    "cli/tables.py", "api/harmony.py",
)  # fmt: skip
"""Of each package, where a mistake loses files or gives a wrong number that looks right."""

FILES: Final = 3
"""Of tests for a module."""

SECONDS: Final = 60
"""A test that lasts longer has noticed something, if it takes less than half of that without the change."""

_BESIDE: Final = ("etl", "tests", "sql", "schemas", "docs", "benchmarks", "data")
_LIBRARIES: Final = (
    "numpy", "polars", "duckdb", "numba", "scipy.signal", "scipy.sparse", "psutil",
    "requests", "typer", "rich.console", "yaml", "mutagen", "mido", "soundfile", "pyarrow",
)  # fmt: skip
_PASSED: Final = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
_MEMORY: Final = 8 << 30
"""What a run may take, for a change can make a list that never ends."""


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Name the modules below ``etl`` that a file imports, itself or by what supports tests."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module, *(f"{module}.{each.name}" for each in names)}
            case ast.Import(names=names):
                found |= {each.name for each in names}
    files = {ROOT / f"{name.replace('.', '/')}.py" for name in found if name.startswith(("etl.", "tests."))}
    files = {file for file in files if file.is_file()}
    own = {str(file.relative_to(ROOT / "etl")) for file in files if file.is_relative_to(ROOT / "etl")}
    supports = (imports_of(file) for file in files if not file.is_relative_to(ROOT / "etl"))
    return frozenset(own.union(*supports))


@cache
def tests() -> tuple[Path, ...]:
    """List the files of tests, but for the hashes of outputs."""
    return tuple(
        sorted(path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_versions.py")
    )


@cache
def package() -> tuple[str, ...]:
    """List the modules of the package, as paths below ``etl``."""
    return tuple(str(path.relative_to(ROOT / "etl")) for path in sorted((ROOT / "etl").rglob("*.py")))


def tests_of(module: str) -> list[str]:
    """List what tests a module: itself, for its examples, and files of tests, those first that say most."""
    folder = ROOT / "tests" / Path(module).parent
    while not folder.is_dir():
        folder = folder.parent
    steps = _steps(module, folder)
    best = sorted(
        steps,
        key=lambda path: (
            steps[path] > 0 and path.name in LONGEST,
            min(steps[path], 2),
            path.parent != folder,
            steps[path],
            len(imports_of(path)),
            path,
        ),
    )
    own = (
        [f"etl/{module}"] if not module.startswith("api/") else []
    )  # whose examples need what a test lays out
    return [*own, *(str(path.relative_to(ROOT)) for path in best[:FILES])]


def _steps(module: str, folder: Path) -> dict[Path, int]:
    """Tell how many imports are between files of tests and a module; 0 for its mirror, 9 for neighbours."""
    mirrors = re.compile(rf"test_{Path(module).stem}s?(_\w+)?")
    above = {folder, *folder.parents}
    steps = {path: 0 for path in tests() if mirrors.fullmatch(path.stem) and path.parent in above}
    users = {module}
    for step in range(1, 5):
        near = [path for path in tests() if imports_of(path) & users]
        steps = {path: step for path in near if step == 1 or path.parent == folder or not steps} | steps
        if step > 1 and steps:
            break
        users = {path for path in package() if imports_of(ROOT / "etl" / path) & users}
    room = Path(module).parts[0]
    beside = [path for path in tests() if path.parent == folder or (not steps and room in path.parent.parts)]
    return dict.fromkeys(beside, 9) | steps


class Bench:
    """A copy of the tree, in which one module at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self._tree, self._scratch = folder / "tree", folder / "scratch"
        self._changed = 0
        for name in _BESIDE:
            shutil.copytree(ROOT / name, self._tree / name)  # with what Python compiled, whose times are kept
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "CONTRIBUTING.md"):
            shutil.copy2(ROOT / name, self._tree / name)

    def read(self, module: str) -> str:
        """Give a module as it was copied, whatever has become of it since."""
        return (self._tree / "etl" / module).read_text(encoding="utf-8")

    def write(self, module: str, text: str) -> None:
        """Change a module, and forget what was compiled of it."""
        path = self._tree / "etl" / module
        path.write_text(text, encoding="utf-8")
        self._changed += 1
        os.utime(path, (self._changed, self._changed))

    def failed(self, words: list[str], seconds: float = SECONDS) -> str | None:
        """Run tests in a fork, and name the one that failed or took longer than that; None if all pass.

        "" is a run that ended before any test.
        """
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        self._running.touch()
        child = os.fork()
        if child == 0:
            self._test(words)
        try:
            while time.time() < self._running.stat().st_mtime + seconds:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    is_passed = os.waitstatus_to_exitcode(status) in _PASSED
                    return None if is_passed else _read(self._failing)
                time.sleep(0.02)
            return _read(self._running)
        finally:
            with suppress(ProcessLookupError):  # what it started and left
                os.killpg(child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(child, 0)

    @property
    def _failing(self) -> Path:
        return self._scratch / "failing"

    @property
    def _running(self) -> Path:
        return self._scratch / "running"

    def _test(self, words: list[str]) -> None:
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            os.chdir(self._tree)
            os.environ |= {"PYTHONPATH": str(self._tree), "HOME": str(self._scratch)}
            sys.path[:] = [str(self._tree), *(place for place in sys.path if place not in {"", str(ROOT)})]
            for name in [name for name in sys.modules if name.split(".")[0] in {"etl", "tests"}]:
                del sys.modules[name]
            with Path(os.environ.get("MUTANTS_LOG", os.devnull)).open("wb") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            options = ["-q", "-x", "-p", "no:cacheprovider", f"--basetemp={self._scratch}/pytest"]
            code = int(pytest.main([*options, *words], plugins=[_Noted(self._failing, self._running)]))
        except BaseException:  # noqa: BLE001 -- the fork goes no further
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


class _Noted:
    """Notes the test that runs, and the one that failed, or the file that could not be loaded."""

    def __init__(self, path: Path, running: Path) -> None:
        self._path = path
        self._running = running

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running.write_text(nodeid, encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._path.write_text(report.nodeid, encoding="utf-8")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._path.write_text(report.nodeid, encoding="utf-8")


def score(bench: Bench, module: str, words: list[str], found: list[Change]) -> tuple[int, int]:
    """Try changes of a module; give how many were noticed, and how many tried."""
    source = bench.read(module)
    noticed = tried = 0
    passing: dict[str, bool] = {}
    for change in found:
        bench.write(module, change.text)
        failing = bench.failed(words)
        bench.write(module, source)
        if failing is None:
            print(f"survived: etl/{module}:{change.line}: {change.change[:150]}", flush=True)
        elif failing not in passing:
            passing[failing] = bench.failed([failing or words[0]], 0.5 * SECONDS) is None
        if failing is not None and not passing[failing]:
            print(f"failed without a change: {failing or words[0]} (etl/{module})", flush=True)
            continue
        tried += 1
        noticed += failing is not None
    return noticed, tried


def main() -> None:
    """Try a sample of the changes of each module and print what survived, and the score."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE")
    parser.add_argument("--sample", type=int, default=6, help="changes of each module")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.nice(5)
    for name in _LIBRARIES:
        import_module(name)
    os.environ["NUMBA_CACHE_DIR"] = str(writable_folder())  # the home folder of a run is an empty one
    scores = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        bench = Bench(Path(name))
        concern = {module: tests_of(module) for module in options.modules}  # before anybody adds to them
        for module, words in concern.items():
            chance = random.Random(f"{options.seed} {module}")
            found = changes(bench.read(module), options.sample, chance)
            scores[module] = score(bench, module, words, found)
            show({module: "{} of {}".format(*scores[module])})
    noticed, tried = (sum(numbers) for numbers in zip(*scores.values(), strict=True))
    show({"all": f"{noticed} of {tried}, {noticed / max(1, tried):.0%}"})


if __name__ == "__main__":
    main()
