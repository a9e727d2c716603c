"""A run on a terminal: processes under a pseudo-terminal, whose screen is read back."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The clock jumps over the first two seconds, so that the table is there at once.
RUN = r"""
import sys, time
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.watch.renderers import renderers

print("before", file=sys.stderr)
ahead = 0.0
stages = [Stage("find", "files"), Stage("import", "files"), Stage("evil [b]\x1b", "files")]
watch = Watch("etl midi run", stages, renderers(), clock=lambda: time.perf_counter() + ahead)
ahead = {ahead}
with watch:
    watch.total("import", 20_000)
    watch.note("[red]2 failed[/red] (" + "crashed, " * 40 + "\nand\x1b[2J more)")
    watch.waiting_for("compiling 12 of 57 functions " + "and so on " * 20)
    {body}
print("after", file=sys.stderr)
"""

COUNT = """
    for turn in range(8):
        watch.advance("find", done=500)
        watch.advance("import", done=400, errors=1, waiting=300, seconds=3)
        time.sleep(0.25)
"""
UNTIL_A_LINE_COMES = """
    watch.advance("import", done=100)
    sys.stdin.readline()
"""


class Session:
    """A process, and the screen that it writes to."""

    def __init__(self, code: str, columns: int, environment: dict[str, str]) -> None:
        self.master, terminal = pty.openpty()
        _resize(self.master, columns)
        self.screen = Screen(columns)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "300", **environment},
        )
        os.close(terminal)

    def resize(self, columns: int) -> None:
        """Give the window another width, as a user does between two moments of drawing."""
        self.process.send_signal(signal.SIGSTOP)
        self.read(0.2)
        self.screen.resize(columns)
        _resize(self.master, columns)
        self.process.send_signal(signal.SIGCONT)

    def read(self, seconds: float) -> bool:
        """Show what the process writes; False when it has ended."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    written = os.read(self.master, 65536)
                except OSError:  # what Linux says when the other end is closed
                    return False
                self.screen.feed(written.decode())
        return True

    def read_until(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Show what the process writes until the screen is as wished."""
        deadline = time.monotonic() + 30
        while not condition(self.screen.text()):
            assert time.monotonic() < deadline, self.screen.text()
            self.read(0.05)
        return self.screen.text()

    def end(self) -> tuple[list[str], bytes]:
        """Let the process come to its end; give the screen and its standard output."""
        output = self.process.communicate(b"\n", timeout=30)[0]
        while self.read(0.2):
            pass
        return self.screen.text(), output


def _resize(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def _code(body: str, ahead: float = 2.5) -> str:
    return RUN.replace("{body}", body.strip()).replace("{ahead}", str(ahead))


@contextmanager
def _session(body: str, columns: int, *, ahead: float = 2.5, **environment: str) -> Iterator[Session]:
    session = Session(_code(body, ahead), columns, environment)
    try:
        yield session
    finally:
        session.process.kill()
        session.process.communicate()
        os.close(session.master)


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_table_fits_the_window_and_is_wiped(columns):
    """No line wraps, however long a note is; nothing is left but what stands before and after."""
    with _session(UNTIL_A_LINE_COMES, columns) as session:
        rows = session.read_until(lambda rows: any(row.startswith("Waiting") for row in rows))
        assert len(rows) == 7
        assert rows[0] == "before"
        assert rows[1].startswith("etl midi run  ")
        assert all(len(row) < columns for row in rows)
        assert not any(wrapped for _, wrapped in session.screen.rows)
        assert session.screen.cursor_is_hidden
        rows, output = session.end()
    assert rows == ["before", "after"]
    assert output == b""
    assert session.screen.widest < columns
    assert not session.screen.unknown
    assert not session.screen.cursor_is_hidden


def test_narrow_windows_keep_what_matters_most():
    """Name, count, share and time left; wide ones have it all."""
    body = COUNT.replace("in range(8)", "in range(400)")
    everything = ("/20,000 files", "%", "/s", "ETA", "waiting", "errors", "busy")
    with _session(body, 40) as narrow, _session(body, 160) as wide:
        rows = narrow.read_until(lambda rows: all(word in "\n".join(rows) for word in ("ETA", "Waiting")))
        (stage,) = [row for row in rows if row.startswith("import")]
        assert "/20,000  ETA" in stage
        wide.read_until(lambda rows: any(all(word in row for word in everything) for row in rows))


def test_markup_and_control_characters_are_shown_as_they_are():
    """File names are not trusted."""
    with _session(UNTIL_A_LINE_COMES, 500) as session:
        rows = session.read_until(lambda rows: any(row.startswith("Waiting") for row in rows))
        text = "\n".join(rows)
        assert r"evil [b]\x1b" in text
        assert "[red]2 failed[/red] (crashed" in text
        assert r"\nand\x1b[2J more)" in text


@pytest.mark.parametrize("widths", [(80, 40), (100, 30, 90, 20), (40, 120)])
def test_another_window_size_leaves_no_stale_rows(widths):
    """The terminal wraps what is there; the next drawing wipes all of it."""
    with _session(UNTIL_A_LINE_COMES, widths[0]) as session:
        session.read_until(lambda rows: any(row.startswith("Waiting") for row in rows))
        for columns in widths[1:]:
            session.resize(columns)
            rows = session.read_until(
                lambda rows: len(rows) == 7 and not any(wrapped for _, wrapped in session.screen.rows)
            )
            assert rows[0] == "before"
            assert sum(row.startswith("etl midi run") for row in rows) == 1
            assert all(len(row) < columns for row in rows)
        assert session.end()[0] == ["before", "after"]


def test_lines_that_stay_stand_above_the_table():
    """Those of the run, and what anything else writes to standard error; standard output is its own."""
    body = """
    time.sleep(0.6)
    watch.say("kept [bold] " + "x" * 100, "and this")
    print("a warning", file=sys.stderr)
    print("data")
    sys.stdin.readline()
    """
    with _session(body, 60) as session:
        rows = session.read_until(lambda rows: "a warning" in rows and rows[-1].startswith("Waiting"))
        kept = "kept [bold] " + "x" * 100
        assert rows[:5] == ["before", kept[:60], kept[60:], "and this", "a warning"]
        assert len(rows) == 11
        rows, output = session.end()
    assert rows == ["before", kept[:60], kept[60:], "and this", "a warning", "after"]
    assert output == b"data\n"


def test_the_clock_goes_on_while_the_run_is_busy():
    """Nothing is counted, and yet the age of the run grows."""
    with _session(UNTIL_A_LINE_COMES, 80) as session:
        session.read_until(lambda rows: any("etl midi run  3 s" in row for row in rows))
        session.read_until(lambda rows: any("etl midi run  5 s" in row for row in rows))


def test_a_quick_run_leaves_no_trace():
    """Nothing is drawn in the first two seconds; a line that stays is printed at once."""
    with _session('watch.say("this"); time.sleep(0.5)', 80, ahead=0) as session:
        assert session.end()[0] == ["before", "this", "after"]
        assert session.screen.widest == len("before")


def test_ctrl_c_gives_the_terminal_back():
    """The table is wiped and the cursor is seen."""
    with _session(UNTIL_A_LINE_COMES, 80) as session:
        session.read_until(lambda rows: any(row.startswith("Waiting") for row in rows))
        session.process.send_signal(signal.SIGINT)
        rows, _ = session.end()
        assert rows[0] == "before"
        assert rows[-1] == "KeyboardInterrupt"
        assert not any("Waiting" in row for row in rows)
        assert not session.screen.cursor_is_hidden


def test_a_terminal_that_goes_away_ends_nothing():
    """The window is closed; the run comes to its end."""
    body = """
    time.sleep(0.6)
    print("closed", flush=True)
    sys.stdin.readline()
    time.sleep(0.8)
    watch.say("unheard")
    """
    code = _code(body).replace('print("after", file=sys.stderr)', 'print("done", flush=True)')
    session = Session(code, 80, {})
    assert session.process.stdout is not None
    assert session.process.stdout.readline() == b"closed\n"
    os.close(session.master)
    output, _ = session.process.communicate(b"\n", timeout=30)
    assert output == b"done\n"


@pytest.mark.parametrize("terminal", ["dumb", "unknown", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal):
    """A line, and no control sequences."""
    with _session(UNTIL_A_LINE_COMES, 80, TERM=terminal) as session:
        session.read_until(lambda rows: any(row.startswith("etl midi run") for row in rows))
        rows, _ = session.end()
    assert rows[-1] == "after"
    assert not session.screen.unknown


def test_a_terminal_without_unicode_is_drawn_in_ascii():
    """Bars, ellipses and names are."""
    with _session(COUNT, 60, PYTHONIOENCODING="latin-1", PYTHONUTF8="0") as session:
        rows = session.read_until(lambda rows: any(row.startswith("Waiting") for row in rows))
        assert all(row.isascii() and len(row) < 60 for row in rows)
