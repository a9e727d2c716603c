"""The piano roll of a MIDI file as an SVG: bars across, pitches up, a color for each part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from etl.exports.page.text import escaped, shortened
from etl.music.pitch_classes import SHARP_NAMES
from etl.runtime.disk.files import atomic_file
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LEFT: Final = 44
_TOP: Final = 30
_ROW: Final = 7
_SECOND: Final = 40.0
_LEAST: Final = 320
_MOST: Final = 6000
"""Width of the roll: so much for a second, but not less and not more."""

_LEGEND_ROWS: Final = 16

_COLORS: Final = (
    ("#2f54c9", "#8fabff"), ("#a3410d", "#f2a074"), ("#1b6e3c", "#6fcf97"), ("#8a1c7c", "#e48bd8"),
    ("#7a5c00", "#e3c04f"), ("#0b6a78", "#67c8d8"), ("#b3173a", "#ff8fa3"), ("#50545e", "#a9afbc"),
)  # fmt: skip
"""Of the parts in turn, on white and on black; each has a contrast of 4.5 and more."""


def _palette(tone: int) -> str:
    """Give the colors of the parts, of one of the two tones, as rules."""
    return "".join(
        f".p{place}{{stroke:{tones[tone]}}}.f{place}{{fill:{tones[tone]}}}"
        for place, tones in enumerate(_COLORS)
    )


_STYLE: Final = (
    "svg{color:#17181c;background:#fff;font:12px system-ui,sans-serif}text{fill:currentColor}"
    ".g{stroke:currentColor;stroke-opacity:.15;fill:none}.k{fill:currentColor;fill-opacity:.06}"
    f"{_palette(0)}@media (prefers-color-scheme:dark){{svg{{color:#eceef2;background:#111318}}{_palette(1)}}}"
)
_BLACK: Final = frozenset({1, 3, 6, 8, 10})


def write_roll(
    target: Path,
    title: str,
    notes: pl.DataFrame,
    parts: Sequence[tuple[int, int, str]],
    bars_s: Sequence[float],
) -> int:
    """Write the roll; equal notes give equal bytes.

    Parameters
    ----------
    target
        The SVG.
    title
        What the file is called.
    notes
        ``start_s``, ``end_s``, ``track``, ``channel``, ``pitch``.
    parts
        Track, channel and name of each part, in the order of their colors.
    bars_s
        Seconds at which bars begin.

    Returns
    -------
    int
        Bytes of the file.
    """
    page = _roll(title, notes, parts, bars_s).encode()
    with atomic_file(target) as file:
        file.write(page)
    return len(page)


def _roll(
    title: str, notes: pl.DataFrame, parts: Sequence[tuple[int, int, str]], bars_s: Sequence[float]
) -> str:
    if notes.is_empty():
        low, high, seconds = 60, 71, 1.0
    else:
        low, high = int(notes["pitch"].min()), int(notes["pitch"].max())  # type: ignore[arg-type]
        seconds = max(float(notes["end_s"].max()), 0.1)  # type: ignore[arg-type]
    low, high = max(0, low - 2), min(127, high + 2)
    across = min(max(_SECOND * seconds, _LEAST), _MOST) / seconds
    wide, bottom = across * seconds, _TOP + (high - low + 1) * _ROW
    marks = [_keys(low, high, wide), _bars(bars_s, across, wide, bottom)]
    marks += [
        f'<path class="p{place % len(_COLORS)}" stroke-width="{_ROW - 1}" '
        f'd="{_strokes(of_part, across, high)}"><title>{escaped(name)}</title></path>'
        for place, (track, channel, name) in enumerate(parts)
        if (of_part := notes.filter(track=track, channel=channel)).height
    ]
    legend, deep = _legend(parts, bottom + 34)
    whole = f"{_LEFT + wide + 8:.0f}"
    held = f"{number_of(notes.height, 'note')} in {number_of(len(parts), 'part')}"
    told = f"Piano roll of {title}: {held}, {seconds:.1f} seconds."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" width="{whole}" '
        f'height="{deep}" viewBox="0 0 {whole} {deep}">\n<title id="t">{escaped(title)}</title>\n'
        f'<desc id="d">{escaped(told)}</desc>\n<style>{_STYLE}</style>\n'
        f'<text x="{_LEFT}" y="18">{escaped(shortened(title, 60))}</text>\n'
        + "\n".join([*marks, legend])
        + "\n</svg>\n"
    )


def _keys(low: int, high: int, wide: float) -> str:
    """Draw the rows of the black keys, and the name of each C."""
    rows = []
    for pitch in range(low, high + 1):
        top = _TOP + (high - pitch) * _ROW
        if pitch % 12 in _BLACK:
            rows.append(f'<rect class="k" x="{_LEFT}" y="{top}" width="{wide:.1f}" height="{_ROW}"/>')
        if pitch % 12 == 0:
            name = f"{SHARP_NAMES[0]}{pitch // 12 - 1}"
            rows.append(f'<text x="{_LEFT - 6}" y="{top + _ROW}" text-anchor="end">{name}</text>')
    return "".join(rows)


def _bars(bars_s: Sequence[float], across: float, wide: float, bottom: int) -> str:
    """Draw bar lines, and the number of as many of them as have room."""
    step = wide / max(len(bars_s), 1)
    every = next(each for each in (1, 2, 4, 8, 16, 32, 64, 128, 1 << 30) if each * step >= 32)
    lines = "".join(f"M{_LEFT + second * across:.1f} {_TOP}V{bottom}" for second in bars_s)
    numbers = "".join(
        f'<text x="{_LEFT + second * across + 2:.1f}" y="{bottom + 14}">{place + 1}</text>'
        for place, second in enumerate(bars_s)
        if place % every == 0
    )
    return f'<path class="g" d="{lines}"/>{numbers}'


def _strokes(notes: pl.DataFrame, across: float, high: int) -> str:
    """Draw notes as horizontal strokes, at least one unit long."""
    placed = notes.select(
        x=_LEFT + pl.col("start_s") * across,
        y=_TOP + (high - pl.col("pitch").cast(pl.Int32)) * _ROW + _ROW / 2,
        w=((pl.col("end_s") - pl.col("start_s")) * across).clip(lower_bound=1),
    )
    return "".join(f"M{x:.1f} {y:.1f}h{w:.1f}" for x, y, w in placed.iter_rows())


def _legend(parts: Sequence[tuple[int, int, str]], top: int) -> tuple[str, int]:
    """Name the parts by their colors; also give where that ends."""
    shown = parts[:_LEGEND_ROWS]
    rows = [
        f'<rect class="f{place % len(_COLORS)}" x="{_LEFT}" y="{top + 18 * place - 10}" width="12" '
        'height="12"/>'
        f'<text x="{_LEFT + 18}" y="{top + 18 * place}">{escaped(shortened(name, 40))}</text>'
        for place, (*_, name) in enumerate(shown)
    ]
    if len(parts) > len(shown):
        more = len(parts) - len(shown)
        rows.append(f'<text x="{_LEFT}" y="{top + 18 * len(shown)}">and {more:,} more</text>')
    return "".join(rows), top + 18 * len(rows)
