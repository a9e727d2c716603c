"""The document: sections of figures, each a chart with its table, in one file that asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from etl.exports.page.charts import number
from etl.exports.page.text import escaped, shortened
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.exports.page.charts import Chart

MOST_BYTES: Final = 1_000_000
"""Of a page, whatever is in the store."""

_ROWS: Final = (500, 150, 40, 10)
"""Rows of a table, the first that makes the page small enough."""

_CELL: Final = 60


@dataclass(frozen=True)
class Table:
    """Rows under names.

    Attributes
    ----------
    columns
        Names; of numbers they are flush right.
    rows
        Values; None is empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Figure:
    """A chart and its table.

    Attributes
    ----------
    name
        Of one word, unlike all others of the page.
    title, description
        What it shows; the description is for those who do not see it as well.
    table
        The numbers.
    chart
        The chart, or None for a table alone.
    sounds
        Paths of recordings, relative to the page, with what they are called.
    """

    name: str
    title: str
    description: str
    table: Table
    chart: Chart | None = None
    sounds: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    name, title
        For programs and for people.
    summary
        A sentence with what it is about.
    figures
        At least one.
    """

    name: str
    title: str
    summary: str
    figures: Sequence[Figure] = field(default_factory=list)


def document(title: str, sections: Sequence[Section]) -> bytes:
    """Write the page as HTML, of at most ``MOST_BYTES``; equal sections give equal bytes."""
    page = b""
    for rows in _ROWS:
        page = _document(title, sections, rows)
        if len(page) <= MOST_BYTES:
            break
    return page


def _document(title: str, sections: Sequence[Section], most_rows: int) -> bytes:
    style, script = (
        resource(f"exports/page/{name}").read_text(encoding="utf-8").strip()
        for name in ("page.css", "page.js")
    )
    has_sounds = any(figure.sounds for section in sections for figure in section.figures)
    sounds = "; media-src file: 'self'" if has_sounds else ""
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        f"form-action 'none'{sounds}"
    )
    links = "".join(f'<a href="#{each.name}">{escaped(each.title)}</a>' for each in sections)
    body = "".join(_section(each, most_rows) for each in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escaped(title)}</h1>\n<nav>{links}</nav>\n</header>\n<main>\n{body}</main>\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    ).encode()


def _words(text: str) -> str:
    """Write a sentence, commands in it as such."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escaped(text))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _section(section: Section, most_rows: int) -> str:
    figures = "".join(_figure(figure, most_rows) for figure in section.figures)
    return (
        f'<section id="{section.name}">\n<h2>{escaped(section.title)}</h2>\n'
        f"<p>{_words(section.summary)}</p>\n"
        f'<div class="grid">\n{figures}</div>\n</section>\n'
    )


def _figure(figure: Figure, most_rows: int) -> str:
    chart = "" if figure.chart is None else figure.chart.svg(figure.name, figure.title, figure.description)
    table = _table(figure.table, most_rows, figure.title)
    listed = min(len(figure.table.rows), most_rows)
    shown = "" if listed == len(figure.table.rows) else f" of {len(figure.table.rows):,}"
    noun = "row" if listed == 1 and not shown else "rows"
    closed = figure.chart is not None or listed > 12
    folded = f"<details><summary>{listed:,}{shown} {noun}</summary>{table}</details>" if closed else table
    wide = ' class="wide"' if figure.chart is None and len(figure.table.columns) > 3 else ""
    return (
        f'<figure id="{figure.name}"{wide}>\n<figcaption><h3>{escaped(figure.title)}</h3>'
        f"<p>{_words(figure.description)}</p></figcaption>\n{chart}{_sounds(figure.sounds[:most_rows])}{folded}\n</figure>\n"
    )


def _sounds(sounds: Sequence[tuple[str, str]]) -> str:
    if not sounds:
        return ""
    items = "".join(
        f"<li><span>{escaped(name)}</span>"
        f'<audio controls preload="none" src="{escaped(path)}" aria-label="{escaped(name)}"></audio></li>'
        for path, name in ((path, shortened(name, _CELL)) for path, name in sounds)
    )
    return f"<details><summary>Listen</summary><ol>{items}</ol></details>"


def _table(table: Table, most_rows: int, title: str) -> str:
    rows = table.rows[:most_rows]
    right = [any(isinstance(row[place], int | float) for row in rows) for place in range(len(table.columns))]
    head = "".join(
        f'<th scope="col"{_kind(flush)}>{escaped(name)}</th>'
        for name, flush in zip(table.columns, right, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{_kind(flush)}>{_cell(value)}</td>" for value, flush in zip(row, right, strict=True))
        for row in rows
    )
    return (
        f'<div class="t" tabindex="0" role="region" aria-label="{escaped(title)}, table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _kind(flush: bool) -> str:
    return ' class="n"' if flush else ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return escaped(shortened(str(value), _CELL))
