"""How scripts that measure take their sizes and print their figures, so that one table can hold them all.

A script prints a figure a line, ``what: figure``, or Markdown tables whose first column says what.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def sizes(*defaults: int) -> list[int]:
    """Read the whole numbers on the command line; those not given are the defaults."""
    given = [int(argument) for argument in sys.argv[1:]]
    if len(given) > len(defaults):
        raise SystemExit(f"At most {len(defaults)} numbers are taken, not {len(given)}.")
    return given + list(defaults[len(given) :])


def show(figures: Mapping[str, object], of: str = "") -> None:
    """Print figures, those of groups with the group's name before them.

    Examples
    --------
    >>> show({"files": 3, "keys": {"exact": 0.9}})
    files: 3
    keys, exact: 0.9
    """
    for name, figure in figures.items():
        what = f"{of}, {name}" if of else name
        if isinstance(figure, dict):
            show(figure, what)
        else:
            print(f"{what}: {figure}", flush=True)


def read_figures(printed: str) -> Iterator[tuple[str, str]]:
    r"""Read what a script printed back to pairs of what and figure.

    Examples
    --------
    >>> list(read_figures("copy: 2 s"))
    [('copy', '2 s')]
    >>> list(read_figures("| corpus | songs | exact |\n|---|---|---|\n| RS200 | 196 | 88.0 |"))
    [('RS200', 'songs 196, exact 88.0')]
    """
    header: list[str] = []
    for line in printed.splitlines():
        if not line.startswith("|"):
            header = []
            what, colon, figure = line.partition(": ")
            if colon:
                yield what.strip(), figure.strip()
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not header:
            header = cells
        elif set(cells[0]) != {"-"}:
            pairs = zip(header[1:], cells[1:], strict=True)
            yield cells[0], ", ".join(f"{name} {cell}" for name, cell in pairs)
