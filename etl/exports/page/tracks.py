"""The figures of recordings, MIDI files, genres, playlists and runs, with their words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from etl.exports.page.charts import bars, columns, heat, scatter, steps
from etl.exports.page.common import bars_figure, percent
from etl.exports.page.document import Figure, Table
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED: Final = 14
_GENRES: Final = 12


def loudness_figure(counts: Sequence[tuple[int, int]]) -> Figure:
    """Show how loud tracks are: (whole LUFS, tracks)."""
    of_lufs = dict(counts)
    span = range(min(of_lufs), max(of_lufs) + 1)
    return Figure(
        "loudness",
        "Loudness of tracks",
        "Integrated loudness in whole LUFS; -14 is what streaming services play at.",
        Table(("LUFS", "tracks"), [(lufs, of_lufs.get(lufs, 0)) for lufs in span]),
        columns([(str(lufs), of_lufs.get(lufs, 0)) for lufs in span], every=max(1, len(span) // 8)),
    )


def map_figure(
    names: Sequence[str], positions: Sequence[tuple[float, float]], shares: tuple[float, float]
) -> Figure:
    """Show which recordings sound alike.

    Parameters
    ----------
    names
        N of them.
    positions
        N of them: places on the first two principal components of what likeness goes by.
    shares
        How much of all differences each of these shows, 0-1.
    """
    points = [(x, y, name) for (x, y), name in zip(positions, names, strict=True)]
    return Figure(
        "likeness",
        "Map of likeness",
        f"What sounds alike lies together: {number_of(len(names), 'recording')} on the two directions in "
        "which they differ most, "
        f"which show {shares[0]:.0%} and {shares[1]:.0%} of all differences. Point at one for its name.",
        Table(
            ("recording", "across", "up"),
            [(name, round(x, 2), round(y, 2)) for x, y, name in sorted(points, key=lambda point: point[2])],
        ),
        scatter(points, spread(positions, _NAMED)),
    )


def spread(positions: Sequence[tuple[float, float]], most: int) -> list[int]:
    """Choose points far from the middle and from one another, the farthest first.

    Examples
    --------
    >>> spread([(0, 0), (1, 0), (9, 0), (-8, 0)], 3)
    [2, 3, 0]
    """
    middle = tuple(math.fsum(axis) / len(positions) for axis in zip(*positions, strict=True))
    far = [math.dist(each, middle) for each in positions]
    chosen: list[int] = []
    while len(chosen) < min(most, len(positions)) and max(far) > 0:
        place = far.index(max(far))
        chosen.append(place)
        far = [min(old, math.dist(each, positions[place])) for old, each in zip(far, positions, strict=True)]
    return chosen


def genre_figure(
    pairs: Sequence[tuple[str, str, float]], common: Sequence[tuple[str, int, int]], sample: str
) -> Figure:
    """Show which genres are near: pairs with their weight, and the commonest (genre, tracks, songs)."""
    weights = {(a, b): weight for one, other, weight in pairs for a, b in ((one, other), (other, one))}
    names = [name for name, _, _ in common][:_GENRES]
    values = [[weights.get((a, b), 0) for b in names] for a in names]
    rows = []
    for name, tracks, songs in common:
        near = sorted(
            ((weight, b) for (a, b), weight in weights.items() if a == name), key=lambda x: (-x[0], x[1])
        )
        rows.append((name, tracks, songs, ", ".join(f"{b} {weight:.2f}" for weight, b in near[:4])))
    return Figure(
        "genres-near",
        "Near genres",
        "The commonest genres; the stronger a cell, the nearer the two are. The table has the nearest "
        f"of each. {sample}",
        Table(("genre", "tracks", "songs", "nearest"), rows),
        heat(names, names, values),
    )


def playlist_figures(
    number: int,
    request: str,
    tracks: Sequence[tuple[object, ...]],
    names: Sequence[str],
    sounds: Sequence[tuple[str, str]],
) -> list[Figure]:
    """Show loudness and key along a playlist.

    Parameters
    ----------
    number, request
        Of the playlist.
    tracks
        Artist, title, path, bpm, key, Camelot, LUFS and transition of each.
    names
        What each is called.
    sounds
        Relative path and name of those that are recordings.
    """
    lufs = [None if row[6] is None else float(str(row[6])) for row in tracks]
    wheel = [None if row[5] is None else float(str(row[5])[:-1]) for row in tracks]
    rows = [
        (place, name, row[3], row[4], row[5], row[6], row[7])
        for place, (name, row) in enumerate(zip(names, tracks, strict=True), 1)
    ]
    heads = ("", "track", "bpm", "key", "Camelot", "LUFS", "transition")
    return [
        Figure(
            f"playlist-{number}-energy",
            f"Playlist {number}: loudness",
            f"LUFS of each track in order. Asked for: {request}",
            Table(heads, rows),
            steps(lufs, names),
            sounds,
        ),
        Figure(
            f"playlist-{number}-key",
            f"Playlist {number}: keys",
            "Place on the Camelot wheel of each track in order: one step is a fifth, 12 is beside 1.",
            Table(("", "track", "Camelot"), [(row[0], row[1], row[4]) for row in rows]),
            steps(wheel, names),
        ),
    ]


def problem_figure(counts: Sequence[tuple[str, int]], tracks: int) -> Figure:
    """Show what is wrong with recordings: (what, tracks)."""
    rows = [(name, count, percent(count, tracks)) for name, count in counts]
    return Figure(
        "integrity",
        "Integrity",
        "What `etl library check --integrity` and `etl library duplicates` name one by one.",
        Table(("tracks that are", "count", "in %"), rows),
    )


def copies_figure(rows: Sequence[tuple[str, int, str]]) -> Figure:
    """List recordings that are there more than once."""
    return Figure(
        "copies",
        "Duplicates",
        "Recordings whose sound exists more than once, byte for byte.",
        Table(("recording", "copies", "one of them"), rows),
    )


def track_figure(rows: Sequence[tuple[object, ...]], tracks: int) -> Figure:
    """List tracks."""
    listed = (
        "All tracks" if len(rows) == tracks else f"The first {len(rows):,} of {number_of(tracks, 'track')}"
    )
    return Figure(
        "tracks",
        "Tracks",
        f"{listed}, by artist and title.",
        Table(("artist", "title", "genre", "minutes", "bpm", "key", "Camelot", "LUFS"), rows),
    )


def summary(tracks: int, problems: Sequence[tuple[str, int]]) -> str:
    """Say what the section is about."""
    told = ", ".join(f"{count:,} {name}" for name, count in problems)
    return number_of(tracks, "track") + (f": {told}." if told else ", all described, none damaged.")


def category_figure(rows: Sequence[tuple[str, int]]) -> Figure:
    """Show MIDI files by category."""
    return bars_figure(
        "midi-categories",
        "Categories of MIDI files",
        "What each file is for, as on a drive for a sampler.",
        ("category", "files"),
        rows,
    )


def pack_figure(rows: Sequence[tuple[str, int, int]]) -> Figure:
    """Show where MIDI files are from: (pack, files, copies)."""
    return Figure(
        "packs",
        "Packs",
        "The archive or folder that each file is in first.",
        Table(("pack", "files", "copies elsewhere"), rows),
        bars([(name or "/", files) for name, files, _ in rows[:12]]),
    )


def midi_summary(files: int, notes: int, seconds: int) -> str:
    """Say what the section is about."""
    with_notes = f"{number_of(files, 'different MIDI file')} with {number_of(notes, 'note')}"
    return f"{with_notes}, {seconds / 3600:,.1f} hours of music."


def genre_summary(pairs: int) -> str:
    """Say what the section is about."""
    return f"{number_of(pairs, 'pair')} of near genres, by what has both; `etl genres show` says why."


def playlist_summary() -> str:
    """Say what the section is about."""
    return (
        "The lists that were made last. They play where the page lies as it was written, by the same files."
    )


def run_figure(rows: Sequence[tuple[object, ...]]) -> Figure:
    """List the last runs."""
    return Figure(
        "last-runs",
        "Runs",
        "What was done last, newest first; times are UTC.",
        Table(("run", "command", "ended", "started", "seconds", "in", "out", "rejected"), rows),
    )


def reject_figure(rows: Sequence[tuple[object, ...]]) -> Figure:
    """Count what was refused."""
    return Figure(
        "rejects",
        "Rejects",
        "What was refused, by stage and reason.",
        Table(("stage", "category", "count", "such as", "from"), rows),
    )


def run_summary(runs: int) -> str:
    """Say what the section is about."""
    return f"The last {number_of(runs, 'run')} over this store, and what was refused."
