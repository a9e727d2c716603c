"""Charts as SVG: text as text, colors by `currentColor` and two classes of the page, the same bytes always.

Conventions
-----------
A chart is 340 units wide, which is what a telephone shows one for one. Its marks have the class ``m``, its
lines ``l``, its minor text ``q``; everything else is ``currentColor``. Sizes are rounded to a tenth. Every
label is escaped here, so that callers hand over text as it is.

matplotlib is not used: to import it and draw fifteen charts takes 4 s of CPU time, and a page has 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.exports.page.text import escaped, shortened, width
from etl.music.keys import KEY_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 340
_ROW: Final = 19
_LABELS: Final = 128
_LABEL_COLUMNS: Final = 19
_NUMBERS: Final = 52
_CELL_COLUMNS: Final = 14
_TOLD_COLUMNS: Final = 80
_DOTS: Final = 200
_PLOT: Final = 150


@dataclass(frozen=True)
class Chart:
    """A chart without the frame that names it.

    Attributes
    ----------
    height
        In units; the width is always ``WIDTH``.
    marks
        What is in the SVG.
    """

    height: float
    marks: str

    def svg(self, name: str, title: str, description: str) -> str:
        """Give the whole SVG element; ``name`` begins its ids."""
        return (
            f'<svg role="img" viewBox="0 0 {WIDTH} {_size(self.height)}" width="{WIDTH}" '
            f'height="{_size(self.height)}" aria-labelledby="{name}-t {name}-d"><title id="{name}-t">'
            f'{escaped(title)}</title><desc id="{name}-d">{escaped(description)}</desc>{self.marks}</svg>'
        )


FIFTHS: Final = tuple(7 * step % 12 for step in range(12))
"""Pitch classes in the order of the circle of fifths, from C."""


def number(value: float) -> str:
    """Write a number for people: three digits that count, thousands apart.

    Examples
    --------
    >>> number(1234567), number(0.12345), number(0.5), number(12.0), number(-14.27)
    ('1,234,567', '0.123', '0.5', '12', '-14.3')
    """
    if value == int(value):
        return f"{int(value):,}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(places, 3)}f}"
    return text.rstrip("0").rstrip(".") if places else text


def bars(rows: Sequence[tuple[str, float]]) -> Chart:
    """Draw horizontal bars, a label left and the number right of each."""
    most = max((value for _, value in rows), default=0) or 1
    room = WIDTH - _LABELS - _NUMBERS
    parts = []
    for place, (label, value) in enumerate(rows):
        top = place * _ROW
        long = value / most * room
        parts.append(
            _text(_LABELS - 6, top + 13, shortened(label, _LABEL_COLUMNS), anchor="end", told=label)
            + f'<rect class="m" x="{_LABELS}" y="{top + 3}" width="{_size(long)}" height="{_ROW - 6}"/>'
            + _text(_LABELS + long + 4, top + 13, number(value), kind="q")
        )
    return _chart(len(rows) * _ROW, parts)


def columns(counts: Sequence[tuple[str, float]], *, every: int = 1) -> Chart:
    """Draw upright columns side by side, of which one in ``every`` has its label below."""
    most = max((value for _, value in counts), default=0) or 1
    step = (WIDTH - 8) / max(len(counts), 1)
    parts = [_text(4, 11, number(most), kind="q"), _line(4, 16, WIDTH - 4, 16, faint=True)]
    for place, (label, value) in enumerate(counts):
        high = value / most * (_PLOT - 16)
        left = 4 + place * step
        parts.append(
            f'<rect class="m" x="{_size(left)}" y="{_size(_PLOT - high)}" '
            f'width="{_size(max(step - 1.5, 1))}" '
            f'height="{_size(high)}">{_told(f"{label}: {number(value)}")}</rect>'
        )
        if place % every == 0:
            parts.append(_text(left + step / 2, _PLOT + 14, label, anchor="middle", kind="q"))
    parts.append(_line(4, _PLOT, WIDTH - 4, _PLOT))
    return _chart(_PLOT + 20, parts)


def heat(row_names: Sequence[str], column_names: Sequence[str], values: Sequence[Sequence[float]]) -> Chart:
    """Draw a field of cells, the stronger the greater; each row's greatest value is full.

    Column names stand upright above it where they are long.
    """
    longest = max((min(width(name), _CELL_COLUMNS) for name in row_names), default=0)
    left, head = 14 + 7 * longest, 46 if max(map(len, column_names), default=0) > 2 else 18
    step = (WIDTH - left - 2) / max(len(column_names), 1)
    parts = []
    for place, name in enumerate(column_names):
        middle = left + (place + 0.5) * step
        if head > 18:
            parts.append(
                f'<text class="q" transform="translate({_size(middle + 4)} {head - 5}) rotate(-90)">'
                f"{escaped(shortened(name, 6))}</text>"
            )
        else:
            parts.append(_text(middle, head - 5, name, anchor="middle", kind="q"))
    for place, (name, row) in enumerate(zip(row_names, values, strict=True)):
        top = head + place * 17
        parts.append(_text(left - 6, top + 12, shortened(name, _CELL_COLUMNS), anchor="end", told=name))
        most = max(row, default=0) or 1
        parts += [
            f'<rect class="m" x="{_size(left + at * step)}" y="{top}" width="{_size(step - 1)}" height="16" '
            f'fill-opacity="{value / most:.2f}">'
            f"{_told(f'{name}, {column_names[at]}: {number(value)}')}</rect>"
            for at, value in enumerate(row)
            if value / most >= 0.005
        ]
    return _chart(head + len(row_names) * 17 + 2, parts)


def circle_of_fifths(counts: Sequence[float]) -> Chart:
    """Draw how many are in each of the 24 keys: majors outside, their relative minors inside."""
    most = max(counts, default=0) or 1
    middle, parts = WIDTH / 2, []
    for place, pitch_class in enumerate(FIFTHS):
        for key, inner, outer, label in (
            (pitch_class, 104, 142, 154),
            (12 + (pitch_class + 9) % 12, 74, 102, 58),
        ):
            start, end = (math.radians(30 * (place - 0.5 + edge)) for edge in (0.015, 0.985))
            corners = [
                (middle + radius * math.sin(angle), middle - radius * math.cos(angle))
                for radius, angle in ((inner, start), (outer, start), (outer, end), (inner, end))
            ]
            (a, b, c, d) = (f"{_size(x)} {_size(y)}" for x, y in corners)
            name, turn = KEY_NAMES[key], math.radians(30 * place)
            parts.append(
                f'<path class="m" d="M{a}L{b}A{outer} {outer} 0 0 1 {c}L{d}A{inner} {inner} 0 0 0 {a}Z" '
                f'fill-opacity="{max(counts[key] / most, 0.03):.2f}">'
                f"{_told(f'{name}: {number(counts[key])}')}</path>"
                + _text(
                    middle + label * math.sin(turn),
                    middle - label * math.cos(turn) + 4,
                    name.split()[0] + ("" if key < 12 else "m"),
                    anchor="middle",
                    kind="" if key < 12 else "q",
                )
            )
    return _chart(WIDTH, parts)


def graph(names: Sequence[str], weights: Sequence[Sequence[float]]) -> Chart:
    """Draw what follows what: names on a circle, an arrow for each step, the thicker the commoner.

    Parameters
    ----------
    names
        N of them.
    weights
        (N, N): the share of each step in those from the same name, 0-1; 0 for those not to be drawn.
    """
    middle, radius, parts = WIDTH / 2, 128, []
    turns = [2 * math.pi * place / len(names) for place in range(len(names))]
    spots = [(middle + radius * math.sin(turn), middle - radius * math.cos(turn)) for turn in turns]
    for source, row in enumerate(weights):
        for target, weight in enumerate(row):
            if weight <= 0 or source == target:
                continue
            (x1, y1), (x2, y2) = spots[source], spots[target]
            far = math.hypot(x2 - x1, y2 - y1)
            dx, dy = (x2 - x1) / far, (y2 - y1) / far
            x1, y1, x2, y2 = x1 + 17 * dx, y1 + 17 * dy, x2 - 19 * dx, y2 - 19 * dy
            bend = 14
            cx, cy = (x1 + x2) / 2 - bend * dy, (y1 + y2) / 2 + bend * dx
            told = f"{names[source]} to {names[target]}: {weight:.0%}"
            parts.append(
                f'<path class="l" d="M{_size(x1)} {_size(y1)}Q{_size(cx)} {_size(cy)} '
                f'{_size(x2)} {_size(y2)}" '
                f'stroke-width="{_size(0.8 + 7 * weight)}" marker-end="url(#tip)">{_told(told)}</path>'
            )
    for name, (x, y) in zip(names, spots, strict=True):
        parts.append(_text(x, y + 4, shortened(name, 7), anchor="middle", told=name, kind="b"))
    tip = (
        '<defs><marker id="tip" viewBox="0 0 6 6" refX="4" refY="3" markerWidth="9" markerHeight="9" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="m" d="M0 0L6 3L0 6Z"/></marker></defs>'
    )
    return _chart(WIDTH, [tip, *parts])


def scatter(points: Sequence[tuple[float, float, str]], named: Sequence[int]) -> Chart:
    """Draw points, each with its name when pointed at; those in ``named`` with it beside them.

    Names that would lie on others are left out.
    """
    parts: list[str] = []
    (left, right), (low, high) = (_range([point[axis] for point in points]) for axis in (0, 1))  # type: ignore[misc]
    spots = [
        (14 + (x - left) / (right - left) * (WIDTH - 28), 14 + (high - y) / (high - low) * (WIDTH - 28))
        for x, y, _ in points
    ]
    for (x, y), (*_, name) in zip(spots, points, strict=True):
        parts.append(f'<circle class="m" cx="{_size(x)}" cy="{_size(y)}" r="3">{_told(name)}</circle>')
    taken: list[tuple[float, float, float]] = []
    for place in named:
        x, y = spots[place]
        label = shortened(points[place][2], 24)
        wide = 6.2 * len(label)
        start = x - wide - 6 if x + wide + 6 > WIDTH else x + 6
        if start < 0 or any(
            abs(y - other) < 12 and start < end and begin < start + wide for begin, end, other in taken
        ):
            continue
        taken.append((start, start + wide, y))
        parts.append(_text(start, y + 4, label))
    return _chart(WIDTH, parts)


def steps(values: Sequence[float | None], labels: Sequence[str]) -> Chart:
    """Draw a line through values in their order; where there is none it has a gap."""
    known = [value for value in values if value is not None]
    low, high = _range(known)
    across = (WIDTH - 16) / max(len(values) - 1, 1)
    line, dots, pen = "", [], "M"
    for place, (value, label) in enumerate(zip(values, labels, strict=True)):
        if value is None:
            pen = "M"
            continue
        x, y = 8 + place * across, 22 + (high - value) / (high - low) * 80
        line += f"{pen}{_size(x)} {_size(y)}"
        pen = "L"
        if len(values) > _DOTS:  # they would be one on another
            continue
        told = _told(f"{place + 1}. {label}: {number(value)}")
        dots.append(f'<circle class="m" cx="{_size(x)}" cy="{_size(y)}" r="2.5">{told}</circle>')
    return _chart(
        124,
        [
            _text(4, 11, f"{number(round(high, 1))} at most", kind="q"),
            _text(4, 120, f"{number(round(low, 1))} at least", kind="q"),
            f'<path class="l" d="{line}" stroke-width="1.5"/>',
            *dots,
        ],
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 1, high + 1)


def _chart(height: float, parts: Sequence[str]) -> Chart:
    return Chart(height, "".join(parts))


def _text(x: float, y: float, text: str, *, anchor: str = "", kind: str = "", told: str | None = None) -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    named = f' class="{kind}"' if kind else ""
    more = _told(told) if told is not None and told != text else ""
    return f'<text{named} x="{_size(x)}" y="{_size(y)}"{where}>{escaped(text)}{more}</text>'


def _told(text: str) -> str:
    """Say what a mark is when it is pointed at."""
    return f"<title>{escaped(shortened(text, _TOLD_COLUMNS))}</title>"


def _line(x1: float, y1: float, x2: float, y2: float, *, faint: bool = False) -> str:
    opacity = ' stroke-opacity=".25"' if faint else ""
    return f'<path d="M{_size(x1)} {_size(y1)}L{_size(x2)} {_size(y2)}" stroke="currentColor"{opacity}/>'


def _size(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"
