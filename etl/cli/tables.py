"""Plain aligned tables for the terminal and for pipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_CELL = 60


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[bool] = ()) -> str:
    """Align rows under their column names.

    Parameters
    ----------
    columns
        Names.
    rows
        Values; None is shown empty, long text is cut with an ellipsis.
    right
        Which columns are flush right; none if empty.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in ([*columns], *cells)) for i in range(len(columns))]
    flush = right or [False] * len(columns)

    def line(row: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(row, widths, flush, strict=True)
        )
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(columns), rule, *(line(row) for row in cells)])


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).split("\n"))
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def one_line(text: str) -> str:
    r"""Write what would break or colour a line (line breaks, tabs, escapes) as escapes: ``\n``."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
