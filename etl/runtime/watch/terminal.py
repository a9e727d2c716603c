"""A run on a terminal: a table that is redrawn in place, never wider than the window, and gone at the end."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from etl.runtime.watch.format import head, remarks, stage_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleDimensions, Group
    from rich.live import Live
    from rich.text import Text

    from etl.runtime.watch.snapshot import Snapshot

QUIET_SECONDS: Final = 2.0
"""A run that ends sooner shows nothing."""

_COLUMNS: Final = ("name", "bar", "share", "count", "unit", "rate", "eta", "waiting", "errors", "busy")
_FIRST_TO_GO: Final = ("busy", "bar", "waiting", "rate", "errors", "unit", "share", "eta")
_RIGHT: Final = frozenset({"share", "count", "rate"})
_STYLES: Final = {"name": "bold", "bar": "green", "errors": "red"}
_BAR_CELLS: Final = 20


class Terminal:
    """Draws a run on a terminal.

    Parameters
    ----------
    stream
        The terminal; standard error unless told otherwise.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._snapshot: Snapshot | None = None
        self._live: Live | None = None
        self._columns = 0
        self._drawn_cells: list[int] = []

    def show(self, snapshot: Snapshot) -> None:
        """Draw the run."""
        self._snapshot = snapshot
        if self._live is not None:
            self._live.refresh()
        elif snapshot.elapsed_s >= QUIET_SECONDS:
            self._live = self._started()
            self._live.refresh()

    def say(self, line: str) -> None:
        """Print a line above the table."""
        if self._live is None:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        else:
            from rich.text import Text  # noqa: PLC0415

            self._live.refresh()  # first, as the window may have another size by now
            self._live.console.print(Text(line), soft_wrap=True)

    def close(self, snapshot: Snapshot, /) -> None:
        """Wipe the table."""
        self._snapshot = snapshot
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _started(self) -> Live:
        # Imported here: a run that ends at once draws nothing.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        console = Console(file=self._stream, force_terminal=True, force_jupyter=False)
        # What others write to standard error goes above the table; standard output is theirs alone.
        live = Live(
            console=console,
            get_renderable=lambda: self._drawn(console),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
        )
        live.start()
        return live

    def _drawn(self, console: Console) -> Group:
        from rich.console import Group  # noqa: PLC0415

        console.size = _window(self._stream)
        columns, rows = console.size
        if columns < self._columns:
            _wipe_wrapped(console, self._drawn_cells, columns)
        lines: list[Text] = []
        if self._snapshot is not None:
            # The last column stays free: some terminals wrap as soon as it is written to.
            lines = _lines(self._snapshot, columns - 1, is_ascii=console.options.ascii_only)[: rows - 1]
        self._columns, self._drawn_cells = columns, [line.cell_len for line in lines]
        return Group(*lines)


def _window(stream: TextIO) -> ConsoleDimensions:
    """Size of the terminal, asked of itself: COLUMNS may be stale, and standard input another one."""
    from rich.console import ConsoleDimensions  # noqa: PLC0415

    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, lines = 0, 0
    return ConsoleDimensions(columns or 80, lines or 24)


def _wipe_wrapped(console: Console, cells: Sequence[int], columns: int) -> None:
    """Wipe the rows that lines drawn on a wider window take up beyond one each, now that they are wrapped."""
    from rich.control import Control  # noqa: PLC0415
    from rich.segment import ControlType  # noqa: PLC0415

    rows = sum(max(0, (width - 1) // columns) for width in cells)
    if rows:
        wipe = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
        console.control(Control(*wipe * rows))


def _lines(snapshot: Snapshot, width: int, *, is_ascii: bool) -> list[Text]:
    """Lay the run out in lines of at most ``width`` cells; columns that find no room are left out."""
    from rich.text import Text  # noqa: PLC0415

    lines = [Text(head(snapshot), "bold"), *_table(snapshot, width, is_ascii=is_ascii)]
    lines += [Text(remark) for remark in remarks(snapshot)]
    for line in lines:
        if is_ascii:
            line.plain = line.plain.encode("ascii", "backslashreplace").decode()
        line.rstrip()
        line.truncate(width, overflow="crop" if is_ascii else "ellipsis")
    return lines


def _table(snapshot: Snapshot, width: int, *, is_ascii: bool) -> list[Text]:
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = [{**stage_cells(stage), "bar": _bar(stage.share, is_ascii=is_ascii)} for stage in snapshot.stages]
    widths = {column: max((cell_len(row[column]) for row in rows), default=0) for column in _COLUMNS}
    shown = [column for column in _COLUMNS if widths[column]]
    for column in _FIRST_TO_GO:
        if sum(widths[name] + 2 for name in shown) - 2 > width and column in shown:
            shown.remove(column)
    lines = []
    for row in rows:
        line = Text()
        for column in shown:
            text = row[column]
            padding = " " * (widths[column] - cell_len(text))
            line.append("" if column == shown[0] else " " if column == "unit" else "  ")
            line.append(padding + text if column in _RIGHT else text + padding, _STYLES.get(column))
        lines.append(line)
    return lines


def _bar(share: float | None, *, is_ascii: bool) -> str:
    if share is None:
        return ""
    full, empty = ("=", "-") if is_ascii else ("█", "░")
    cells = int(_BAR_CELLS * share)
    return full * cells + empty * (_BAR_CELLS - cells)
