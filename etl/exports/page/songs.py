"""The figures of chord songs, with their words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.exports.page.charts import FIFTHS, bars, columns, graph, heat
from etl.exports.page.common import percent, share
from etl.exports.page.document import Figure, Table
from etl.music.keys import KEY_NAMES, MAJOR_TONICS, MINOR_TONICS
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_NODES: Final = 10
_CATEGORIES: Final = 14
_LEAST_STEP: Final = 0.08
"""Rarer steps would hide the others."""

_BARS: Final = 12


@dataclass(frozen=True)
class SongTotals:
    """Counts over songs.

    Attributes
    ----------
    songs, keyed, doubtful
        Songs, those with a key, and those of them whose key is doubtful.
    chords, unknown
        Chord tokens, and those that are no chord symbol.
    with_decade, with_genre
        Songs of which these are known.
    """

    songs: int
    keyed: int
    doubtful: int
    chords: int
    unknown: int
    with_decade: int
    with_genre: int


def decade_figure(counts: Sequence[tuple[int, int, int]]) -> Figure:
    """Show keys by decade: (decade, key, songs)."""
    decades = sorted({decade for decade, _, _ in counts})
    found = {(decade, key): songs for decade, key, songs in counts}
    keys = [*FIFTHS, *(12 + (tonic + 9) % 12 for tonic in FIFTHS)]
    names = [MAJOR_TONICS[key] if key < 12 else f"{MINOR_TONICS[key - 12]}m" for key in keys]
    values = [[found.get((decade, key), 0) for key in keys] for decade in decades]
    rows = []
    for decade, row in zip(decades, values, strict=True):
        total, best = sum(row), max(range(24), key=row.__getitem__)
        rows.append(
            (
                f"{decade}s",
                total,
                KEY_NAMES[keys[best]],
                percent(row[best], total),
                percent(sum(row[12:]), total),
            )
        )
    return Figure(
        "keys-by-decade",
        "Keys by decade",
        "Each row is a decade, each column a key in the order of fifths, minor keys to the right; the "
        "strongest cell of "
        "a row is its commonest key.",
        Table(("decade", "songs", "commonest key", "in %", "minor in %"), rows),
        heat([f"{decade}s" for decade in decades], names, values),
    )


def progression_figure(rows: Sequence[tuple[str | None, int, str, int, float]], sample: str) -> Figure:
    """Show the commonest progressions, rows of query ``progressions``."""
    return Figure(
        "progressions",
        "Commonest progressions",
        f"Four chords in a row, as Roman numerals in the key of the song. {sample}",
        Table(
            ("progression", "times", "share in %"), [(text, count, pct) for _, _, text, count, pct in rows]
        ),
        bars([(text, count) for _, _, text, count, _ in rows[:_BARS]]),
    )


def transition_figure(rows: Sequence[tuple[str | None, int, str, int, float]], sample: str) -> Figure:
    """Show what follows what, from rows of query ``progressions`` with two chords."""
    steps = {tuple(text.split(" ")): count for _, _, text, count, _ in rows if text.count(" ") == 1}
    leaving: dict[str, int] = {}
    for (source, _), count in steps.items():
        leaving[source] = leaving.get(source, 0) + count
    names = sorted(leaving, key=lambda name: (-leaving[name], name))[:_NODES]
    weights = [[steps.get((source, target), 0) / leaving[source] for target in names] for source in names]
    drawn = [[weight if weight >= _LEAST_STEP else 0 for weight in row] for row in weights]
    listed = sorted(
        ((source, target, count) for (source, target), count in steps.items()),
        key=lambda step: (-step[2], step),
    )
    return Figure(
        "transitions",
        "What follows what",
        f"The commonest chords, and the steps between them that at least {_LEAST_STEP:.0%} of their "
        "steps are; the "
        f"thicker the arrow, the commoner. {sample}",
        Table(
            ("from", "to", "times", "of its steps in %"),
            [
                (source, target, count, percent(count, leaving[source]))
                for source, target, count in listed[:100]
            ],
        ),
        graph(names, drawn),
    )


def category_figure(counts: Sequence[tuple[str, str, int]], sample: str) -> Figure:
    """Show which chords genres use: (genre, category, chords)."""
    found = {(genre, category): chords for genre, category, chords in counts}
    by_genre: dict[str, int] = {}
    by_category: dict[str, int] = {}
    for genre, category, chords in counts:
        by_genre[genre] = by_genre.get(genre, 0) + chords
        by_category[category] = by_category.get(category, 0) + chords
    genres = sorted(by_genre, key=lambda name: (-by_genre[name], name))
    categories = sorted(by_category, key=lambda name: (-by_category[name], name))[:_CATEGORIES]
    values = [[found.get((genre, category), 0) for category in categories] for genre in genres]
    rows = [
        (genre, category, chords, percent(chords, by_genre[genre]))
        for genre in genres
        for category, chords in zip(categories, values[genres.index(genre)], strict=True)
    ]
    return Figure(
        "categories",
        "Chords by genre",
        "How often each genre uses each kind of chord; the strongest cell of a row is its commonest. "
        f"{sample}",
        Table(("genre", "category", "chords", "in %"), rows),
        heat(genres, categories, values),
    )


def confidence_figure(counts: Sequence[tuple[int, int, float]]) -> Figure:
    """Show how sure the keys are: (tenth, songs, mean confidence)."""
    of_tenth = {tenth: (songs, mean) for tenth, songs, mean in counts}
    total = sum(songs for songs, _ in of_tenth.values())
    right = sum(songs * mean for songs, mean in of_tenth.values())
    labels = [str(10 * tenth) for tenth in range(10)]
    return Figure(
        "confidence",
        "How sure the keys are",
        f"Songs by the confidence of their key, in percent. Confidence is the probability of being right, so "
        f"{share(right, total)} of these keys should be; `etl evaluate keys` compares that with keys "
        "that you know.",
        Table(
            ("confidence from %", "songs", "expected right"),
            [(10 * tenth, songs, round(songs * mean)) for tenth, (songs, mean) in sorted(of_tenth.items())],
        ),
        columns([(label, of_tenth.get(tenth, (0, 0))[0]) for tenth, label in enumerate(labels)]),
    )


def unknown_figure(rows: Sequence[tuple[str, int, int, float, str]], sample: str) -> Figure:
    """Show the tokens that are no chord, rows of query ``unknown-symbols``."""
    return Figure(
        "unknown",
        "Unknown spellings",
        f"What stands where a chord should, and could not be read. {sample}",
        Table(("token", "times", "songs", "of all in %", "in song"), rows),
        bars([(row[0], row[1]) for row in rows[:_BARS]]),
    )


def quality_figure(totals: SongTotals) -> Figure:
    """Show what share of the songs could be read."""
    counts = (
        ("songs with a key", totals.keyed, totals.songs),
        ("keys that are doubtful", totals.doubtful, totals.keyed),
        ("chords that are unknown", totals.unknown, totals.chords),
        ("songs with a decade", totals.with_decade, totals.songs),
        ("songs with a genre", totals.with_genre, totals.songs),
    )
    return Figure(
        "quality",
        "Quality",
        "What is known of the songs, and what is in doubt; `etl report quality` has examples.",
        Table(
            ("", "in %", "count", "of"),
            [(name, percent(part, whole), part, whole) for name, part, whole in counts],
        ),
    )


def summary(totals: SongTotals) -> str:
    """Say what the section is about."""
    return (
        f"{number_of(totals.songs, 'song')} with {number_of(totals.chords, 'chord')}; "
        f"{share(totals.keyed, totals.songs)} have a key, "
        f"{share(totals.unknown, totals.chords)} of the chords could not be read."
    )
