"""Where a command shows its run: on the screen that it has, and beside the store."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from etl.runtime.watch.lines import JsonLines, PlainLines
from etl.runtime.watch.status_file import StatusFile
from etl.runtime.watch.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from etl.runtime.watch.progress import Renderer


def renderers(database: Path | None = None, *, log_json: bool = False) -> list[Renderer]:
    """Choose how a command shows its run.

    Parameters
    ----------
    database
        Store that the run is about, for `etl status`.
    log_json
        JSON lines on standard output in place of anything for people.
    """
    screen: Renderer
    if log_json:
        screen = JsonLines()
    elif sys.stderr.isatty() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}:
        screen = Terminal()
    else:
        screen = PlainLines()
    return [screen] if database is None else [screen, StatusFile(database)]
