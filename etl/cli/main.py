"""The `etl` command: its groups, and how it ends."""

from __future__ import annotations

import atexit
import errno
import io
import os
import signal
import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, Never

import typer
from typer.main import get_group

import etl
from etl.cli.groups import Group
from etl.cli.parameters import convert_without_pydantic
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.garbage import collect_rarely
from etl.runtime.work.signals import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

PANELS: Final[Mapping[str, Mapping[str, str]]] = {
    "First steps": {
        "demo": "Build the bundled Billboard sample and show what comes out.",
    },
    "Chords": {
        "build": "Build data sets from raw input.",
        "enrich": "Add names and more from web services.",
        "export": "Write what the store holds as files for other programs.",
        "evaluate": "Measure the analysis on annotated data.",
        "validate": "Check a file against a schema.",
    },
    "Audio": {
        "library": "Scan, describe and export a library of audio files.",
    },
    "MIDI": {
        "midi": "Import, analyze, split, find, rename and export MIDI files.",
    },
    "Genres and playlists": {
        "genres": "Fetch, show and export genres of songs and tracks.",
        "playlist": "Make and show playlists of tracks or of chord songs.",
    },
    "Batch jobs": {
        "batch": "Describe many samples, songs or rows with a language model.",
    },
    "Store": {
        "query": "Query the store: a shipped query by name, or SQL.",
        "report": "Report the quality of a build, or write a page of charts.",
        "status": "Show the running and the latest runs on the store.",
        "db": "Inspect and maintain the store.",
        "cache": "Inspect and clear cached answers and audio descriptions.",
        "warm-up": "Compile ahead of time what the first runs would compile.",
        "config": "Show or create the configuration file.",
        "doctor": "Check what this installation has and what is missing.",
    },
}
"""Commands by what a person wants, each with the first sentence of its help: none is imported for it."""

RESUMED: Final = frozenset(
    {
        "batch evaluate", "batch process", "batch resume", "db migrate",
        "enrich listenbrainz", "enrich musicbrainz", "enrich spotify", "genres fetch",
        "library run", "library scan", "library sonic", "library undo-tags", "library write-tags",
        "midi analyze", "midi export", "midi import", "midi rename", "midi run", "midi sanitize",
        "midi split", "midi undo", "warm-up",
        "--analyze-seconds", "--cluster", "--enrich", "--output-dir",
    }
)  # fmt: skip
"""Commands, and options of others, that keep what is finished and go on from there when they run again."""

convert_without_pydantic()

_NAMES: Final = tuple(name for panel in PANELS.values() for name in panel)


@cache
def _commands(name: str) -> Mapping[str, Any]:
    """Make a command or a group, and what is in it, once in a process that runs many."""
    module = import_module(f"etl.cli.{name.replace('-', '_')}")
    parent = typer.Typer(rich_markup_mode=None, cls=Group)
    # A module of a single command has no callback that would make its commands a group.
    is_single = [each.name for each in module.app.registered_commands] == [name]
    parent.add_typer(module.app, name=None if is_single else name, cls=Group)
    return get_group(parent).commands


class _Root(Group):
    """Makes a command when it is asked for: making them all takes as long as a short command."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - that of a TyperGroup
        return [*_NAMES, *(name for name in self.commands if name not in _NAMES)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _NAMES and cmd_name not in self.commands:
            self.commands.update(_commands(cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - that of a TyperGroup
        longest = max(map(len, _NAMES))
        for panel, lines in PANELS.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(longest), line) for name, line in lines.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None:
            for name in _NAMES:  # for the suggestion
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="etl",
    cls=_Root,
    help="Columnar ETL for music data: chords, audio and MIDI in, DuckDB and data sets for models out.",
    epilog="Start with: etl demo",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"music-etl {etl.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep the command a group whatever the number of its commands."""


def _explain_loop(error: Exception) -> None:
    """Say in a line that a link leads to itself, for which pathlib has no error of its own before 3.13."""
    _, loop, path = str(error).partition("Symlink loop from ")
    if loop:
        _fail(f"{path} is a link that leads to itself.", ExitCode.USAGE)


def _explain_usage(error: Any) -> None:
    """Say what is wrong with a command as click words it, and end, if that is the error."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        if hasattr(error, "message"):
            error.message = error.message.removeprefix("Value error, ")  # pydantic's word, whom typer asks
        error.show()
        sys.exit(error.exit_code)


def run() -> None:
    """Run the command line; the exit code says how it went."""
    _heed_interrupts()
    _escape_what_consoles_lack()
    try:
        code = app(standalone_mode=False)
    except EtlError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except SystemExit as ending:
        if not isinstance(ending.__context__, BrokenPipeError):
            raise
        code = ExitCode.OK  # the reader of the output has seen enough; typer calls that a failure
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _fail(f"cannot write the output: {error.strerror}.", ExitCode.CANNOT_WRITE)
    except Exception as error:
        _explain_loop(error)
        _explain_usage(error)
        raise
    if code == ExitCode.INTERRUPTED:
        _fail(_interrupted(sys.argv[1:]), ExitCode.INTERRUPTED)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def main() -> Never:
    """Run the command line as a process, and end at once.

    Standard output is complete, or it is said that it is not. To take modules and memory apart takes a
    seventh of the time of `etl query`, and up to half a second after a large build.
    """
    collect_rarely()
    code: Any = ExitCode.OK
    try:
        run()
    except SystemExit as ending:
        code = ending.code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        if code == ExitCode.OK:  # else it is said already
            code = ExitCode.CANNOT_WRITE
            sys.stderr.write(f"etl: cannot write the output: {error.strerror}.\n")
    sys.stderr.flush()
    atexit._run_exitfuncs()  # noqa: SLF001 -- multiprocessing deletes its temporary folder there
    os._exit(code)


def _interrupted(words: Sequence[str]) -> str:
    """Say what is left of a command that was interrupted."""
    options = {word.partition("=")[0] for word in words}
    if RESUMED & {" ".join(words[:2]), *words[:1], *options}:
        return "interrupted; finished work is kept. Run the same command to continue."
    return "interrupted; no file is left half written. Run the same command again."


def _escape_what_consoles_lack() -> None:
    """Have characters that the encoding of a console lacks written as escapes; Windows gets UTF-8."""
    encoding = "utf-8" if sys.platform == "win32" else None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper) and encoding:
        sys.stdin.reconfigure(encoding=encoding)


def _fail(message: str, code: int) -> Never:
    sys.stderr.write(f"etl: {message}\n")
    sys.exit(code)


def _heed_interrupts() -> None:
    INTERRUPTED.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored, as by nohup
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_signal: int, frame: FrameType | None) -> Any:
    """Interrupt at once, but within an import when it is done: native modules die of it with a traceback."""
    INTERRUPTED.set()
    if hasattr(signal, "setitimer") and _is_importing(frame):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None
