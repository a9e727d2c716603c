"""Figures that songs, tracks and MIDI files have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.exports.page.charts import bars, circle_of_fifths, columns
from etl.exports.page.document import Figure, Table
from etl.music.keys import CAMELOT, KEY_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def share(part: float, whole: float) -> str:
    """Write a share in percent."""
    return f"{percent(part, whole) or 0:.1f} %"


def percent(part: float, whole: float) -> float | None:
    """Give a share in percent, to a tenth; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def key_figure(name: str, noun: str, counts: Iterable[tuple[int, int]]) -> Figure:
    """Show how many are in each key (0-23)."""
    of_key = [0] * 24
    for key, count in counts:
        of_key[key] = count
    total = sum(of_key)
    order = sorted(range(24), key=lambda key: (-of_key[key], key))
    best = KEY_NAMES[order[0]]
    minor = share(sum(of_key[12:]), total)
    rows = [(KEY_NAMES[key], CAMELOT[key], of_key[key], percent(of_key[key], total)) for key in order]
    return Figure(
        name,
        f"Keys of {noun}",
        "On the circle of fifths, major keys outside and their relative minor keys inside; the stronger "
        "the color, the more. "
        f"Most are in {best}; {minor} are in minor.",
        Table(("key", "Camelot", noun, "in %"), rows),
        circle_of_fifths(of_key),
    )


def tempo_figure(name: str, noun: str, counts: Sequence[tuple[int, int]]) -> Figure:
    """Show how many have each tempo, in steps of ten."""
    of_tempo = dict(counts)
    steps = range(40, 220, 10)
    top = max(of_tempo, key=lambda tempo: (of_tempo[tempo], -tempo))
    return Figure(
        name,
        f"Tempo of {noun}",
        f"Beats a minute, in steps of ten. Most have {top} to {top + 9}.",
        Table(("from bpm", noun), [(tempo, of_tempo.get(tempo, 0)) for tempo in steps]),
        columns([(str(tempo), of_tempo.get(tempo, 0)) for tempo in steps], every=4),
    )


def bars_figure(
    name: str,
    title: str,
    description: str,
    heads: tuple[str, str],
    rows: Sequence[tuple[str, int]],
) -> Figure:
    """Show counts by name, most first."""
    return Figure(name, title, description, Table(heads, rows), bars(rows))
