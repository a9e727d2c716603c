"""Plain aligned tables that fit the terminal: numbers flush right, in three or four digits."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from dataclasses import dataclass
from decimal import Decimal
from numbers import Number
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

Full: TypeAlias = Annotated[
    bool, typer.Option("--full", help="Show whole values and all columns, and round nothing.")
]

_GAP: Final = "  "
_LEAST: Final = 8
"""Cells that a column of text keeps, or its name if that is wider."""

_PIPED: Final = 60
"""Cells of a value where no terminal sets a limit."""

_NAMED: Final = 5
"""Names of columns without room that are told."""

_PLACES: Final = frozenset({"path", "file", "source", "kept"})
"""Columns of paths: the end of one says more than its beginning."""


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[bool] = (),
    full: bool | None = None,
) -> str:
    """Align rows under their column names.

    Where a table does not fit the terminal, long names stand in several lines and text is cut with an
    ellipsis; then columns at the right are left out, and named below. A single row is written as a line per
    column instead.

    Parameters
    ----------
    columns
        Names.
    rows
        Values; None is shown empty. Fractions get three or four digits, the same number in a whole column.
    right
        Which columns are flush right; if empty, those of numbers.
    full
        Cut, round and leave out nothing; None for a command that has no option for it.
    """
    values = [[row[at] for row in rows] for at in range(len(columns))]
    flush = list(right) or list(map(_is_numeric, values))
    drawn = [
        _Column(name, _texts(column, full=full), is_right)
        for name, column, is_right in zip(columns, values, flush, strict=True)
    ]
    width = None if full else _width()
    if width is None:
        return _drawn(drawn, [None if full else _PIPED] * len(drawn))
    room = _room(drawn, width)
    if len(room) < len(drawn) and len(rows) == 1:
        return _record(drawn, width)
    lines = [_drawn(drawn, room)]
    if left_out := columns[len(room) :]:
        way = "a wider terminal" if full is None else "--full"
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        lines.append(f"(left out, {way} shows them: {', '.join(left_out[:_NAMED])}{more})")
    return "\n".join(lines)


def frame_table(frame: pl.DataFrame, *, full: bool | None = None) -> str:
    """Align the rows of a frame; lists are written with commas."""
    rows = [
        [", ".join(map(str, value)) if isinstance(value, list) else value for value in row]
        for row in frame.iter_rows()
    ]
    right = [dtype.is_numeric() for dtype in frame.dtypes]
    return table(frame.columns, rows, right=right, full=full)


def unlisted_lines(paths: Sequence[str]) -> list[str]:
    """Say which files a playlist cannot name; nothing where there are none."""
    if not paths:
        return []
    more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
    what = f"{number_of(len(paths), 'track')} with a line break in the name, which a playlist cannot hold"
    return [f"left out of the file: {what}: {', '.join(map(repr, paths[:3]))}{more}"]


def _width() -> int | None:
    """Give the columns of the terminal; None where output goes elsewhere and COLUMNS does not say."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return None


@dataclass
class _Column:
    """A column in text.

    Attributes
    ----------
    name
        Of the column.
    texts
        Its values.
    is_right
        Whether they are flush right; such values are numbers, which are never cut.
    """

    name: str
    texts: list[str]
    is_right: bool

    @property
    def widest(self) -> int:
        """Cells of its longest value."""
        return max(map(_cells, self.texts), default=0)

    @property
    def least(self) -> int:
        """Cells that it needs."""
        name = max(map(_cells, self.heading(0)))
        return max(name, self.widest if self.is_right else min(self.widest, _LEAST))

    def heading(self, room: int) -> list[str]:
        """Write the name, in as many lines as the room asks for."""
        if _cells(self.name) <= room:
            return [self.name]
        lines: list[str] = []
        for word in re.findall(r"[^_ ]*[_ ]?", self.name)[:-1] or [""]:
            if lines and _cells(lines[-1] + word) <= room:
                lines[-1] += word
            else:
                lines.append(word)
        return [line.rstrip() for line in lines]

    def cut(self, text: str, room: int | None) -> str:
        """Cut a value to fit: at its end, or a path at its beginning."""
        if room is None or _cells(text) <= room:
            return text
        is_path = self.name in _PLACES
        text = text[-4 * room :] if is_path else text[: 4 * room]  # marks that take no cell aside, ample
        while _cells(text) >= room:
            text = text[1:] if is_path else text[:-1]
        return f"…{text}" if is_path else f"{text}…"


def _room(columns: Sequence[_Column], width: int) -> list[int]:
    """Give the cells of each column that has room, from the left."""
    room = [column.least for column in columns]
    while len(room) > 1 and sum(room) + len(_GAP) * (len(room) - 1) > width:
        room.pop()
    spare = width - sum(room) - len(_GAP) * (len(room) - 1)
    values = [column.widest for column in columns]
    names = [max(column.widest, _cells(column.name)) for column in columns]
    for wanted in (values, names):
        while spare > 0 and (short := [at for at in range(len(room)) if room[at] < wanted[at]]):
            room[min(short, key=room.__getitem__)] += 1
            spare -= 1
    return room


def _drawn(columns: Sequence[_Column], room: Sequence[int | None]) -> str:
    headings = [
        column.heading(10**6 if most is None else most) for column, most in zip(columns, room, strict=False)
    ]
    height = max(map(len, headings))
    drawn = []
    for column, most, heading in zip(columns, room, headings, strict=False):
        cut = [*[""] * (height - len(heading)), *heading, *(column.cut(text, most) for text in column.texts)]
        cells = max(map(_cells, cut))
        cut.insert(height, "-" * cells)
        drawn.append([_padded(text, cells, is_right=column.is_right) for text in cut])
    return "\n".join(_GAP.join(line).rstrip() for line in zip(*drawn, strict=True))


def _record(columns: Sequence[_Column], width: int) -> str:
    names = max(_cells(column.name) for column in columns)
    room = max(_LEAST, width - names - len(_GAP))
    return "\n".join(
        f"{_padded(column.name, names, is_right=False)}{_GAP}{column.cut(column.texts[0], room)}".rstrip()
        for column in columns
    )


def _is_numeric(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, Number) and not isinstance(value, bool) for value in known)


def _texts(values: Sequence[Any], *, full: bool | None) -> list[str]:
    """Write the values of a column, fractions all with the same number of decimals."""
    fractions = [float(value) for value in values if _is_fraction(value)]
    decimals = None if full or not fractions else _decimals(fractions)
    return [_text(value, decimals) for value in values]


def _text(value: Any, decimals: int | None) -> str:
    if value is None:
        return ""
    if decimals is not None and _is_fraction(value):
        return f"{round(float(value), decimals) + 0.0:.{decimals}f}"  # 0.0 has -0.0 written without a sign
    return one_line(str(value))


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float | Decimal) and math.isfinite(value)


def _decimals(fractions: Sequence[float]) -> int:
    """Give the decimals that leave three or four digits of the greatest, and no more than are needed."""
    greatest = max(map(abs, fractions))
    if greatest == 0:
        return 0
    exponent = math.floor(math.log10(greatest))
    most = max(0, (3 if greatest >= 1 else 2) - exponent)
    return next((few for few in range(most) if all(round(value, few) == value for value in fractions)), most)


def _cells(text: str) -> int:
    from rich.cells import cell_len  # a letter of Japanese takes two cells

    return len(text) if text.isascii() else cell_len(text)


def _padded(text: str, cells: int, *, is_right: bool) -> str:
    space = " " * (cells - _cells(text))
    return f"{space}{text}" if is_right else f"{text}{space}"
