"""Shows a long run: a live table on a terminal, lines elsewhere, JSON lines, and a file for `etl status`."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.live import Live

_SCREEN_INTERVAL: Final = 0.5
_LINE_INTERVAL: Final = 10.0
_JSON_INTERVAL: Final = 5.0
_STATUS_INTERVAL: Final = 1.0


class LiveView:
    """Shows the state of a run; use it as a context manager.

    Parameters
    ----------
    title
        What runs.
    status_file
        Rewritten every second while the run lasts, so that another process can see the state.
    log_json
        Write the state as JSON lines to standard output, and nothing else.
    """

    def __init__(self, title: str, *, status_file: Path, log_json: bool = False) -> None:
        self._title = title
        self._status_file = status_file
        self._log_json = log_json
        self._has_screen = sys.stderr.isatty() and not log_json
        self._live: Live | None = None
        self._due: dict[str, float] = {}
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
        self._status_file.unlink(missing_ok=True)

    def show(self, state: Mapping[str, Any], rows: Mapping[str, str]) -> None:
        """Show the state where and when that is due; a new stage is due at once.

        Parameters
        ----------
        state
            For machines; ``stage`` names the stage. It must hold no secrets.
        rows
            The same for people: labels and texts.
        """
        if state["stage"] != self._stage:
            self._stage = state["stage"]
            self._due = {"line": self._due.get("line", time.monotonic() + _LINE_INTERVAL)}
        if self._is_due("status", _STATUS_INTERVAL):
            self._write_status(state)
        if self._log_json:
            if self._is_due("json", _JSON_INTERVAL):
                sys.stdout.write(json.dumps({"time": _now(), **state}) + "\n")
                sys.stdout.flush()
        elif self._has_screen:
            if self._is_due("screen", _SCREEN_INTERVAL):
                self._draw(rows)
        elif self._is_due("line", _LINE_INTERVAL):
            sys.stderr.write("  ".join(f"{label}: {text}" for label, text in rows.items()) + "\n")
            sys.stderr.flush()

    def say(self, text: str) -> None:
        """Print a line that stays on the screen."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif not self._log_json:
            sys.stderr.write(text + "\n")

    def _draw(self, rows: Mapping[str, str]) -> None:
        # Imported here: a run that ends at once draws nothing.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        if self._live is None:
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        table = Table(title=self._title, show_header=False, title_justify="left")
        table.add_column(style="bold")
        table.add_column()
        for label, text in rows.items():
            table.add_row(label, text)
        self._live.update(table, refresh=True)

    def _is_due(self, what: str, interval: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + interval
        return True

    def _write_status(self, state: Mapping[str, Any]) -> None:
        entry = {"command": self._title, "pid": os.getpid(), "time": _now(), **state}
        temporary = self._status_file.with_name(f".{self._status_file.name}.{os.getpid()}.tmp")
        with suppress(OSError):  # a full disk must not end a run before its results are safe
            temporary.write_text(json.dumps(entry), encoding="utf-8")
            temporary.replace(self._status_file)


def status_path(database: Path) -> Path:
    """Where a run that holds the store leaves its state for other processes."""
    return database.with_name(f"{database.name}.status.json")


def read_status(path: Path) -> dict[str, Any] | None:
    """Read the state that a living run has left, None when there is no such run."""
    import psutil  # noqa: PLC0415 - a run itself does without

    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        started = psutil.Process(int(state["pid"])).create_time()
        written = datetime.fromisoformat(state["time"]).timestamp()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    # A killed process leaves its file; a later process may have its number. The time is in whole seconds.
    return state if started < written + 1 else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
