"""What is said of playlists: of one that was made, of those that are kept, of one with its curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from etl.cli.tables import table, unlisted_lines
from etl.runtime.wording import number_of, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.pipelines.playlists.draw import PlaylistPicture
    from etl.pipelines.playlists.kept import KeptPlaylist, ShownPlaylist
    from etl.pipelines.playlists.request import Missed, Playlist
    from etl.playlists.listed import PlaylistEntry

_BARS: Final = "▁▂▃▄▅▆▇█"


def made_lines(made: Playlist, *, gap: int, explain: bool, analyzed: int | None, full: bool) -> str:
    """Word a list that was made."""
    lines = [_tracks(made.tracks, explain=explain, full=full), ""]
    if explain and made.missed:
        lines += ["close, but not chosen:", *map(_missed, made.missed), ""]
    if analyzed is not None:
        lines.append(f"described first: {number_of(analyzed, 'track')}")
    lines.append(f"{_total(made.tracks)}; transitions {_two(made.mean, made.dearest)}")
    lines += [
        f"{option} left out {number_of(count, 'track')}" for option, count in made.left_out.items() if count
    ]
    if made.versions:
        lines.append(f"other versions of candidates: {made.versions:,}")
    lines += _relaxed(made, gap)
    lines += [f"had no effect: {option}" for option in made.unused]
    if made.output is not None:
        lines += [f"written: {made.output}", *unlisted_lines(made.unlisted)]
    lines.append(_kept(made))
    return "\n".join(lines)


def _relaxed(made: Playlist, gap: int) -> list[str]:
    lines = []
    artists = len({track.artist for track in made.tracks})
    if made.gap < gap and artists > 1:
        lines.append(
            f"{number_of(made.gap, 'track')} of others between two of one artist, not {gap}: "
            "artists are too few"
        )
    if made.broken:
        lines.append(f"tracks by one artist are closer than asked {number_of(made.broken, 'time')}")
    if made.minutes_off:
        lines.append(f"{made.minutes_off:.1f} minutes from the time asked for; no choice was found nearer")
    if made.outside:
        lines.append(f"{number_of(made.outside, 'track')} outside the curve")
    return [f"relaxed: {line}" for line in lines]


def _kept(made: Playlist) -> str:
    if made.not_kept is not None:
        return f"not stored: {made.not_kept}"
    if made.number is None:
        return "will be stored as soon as the run that is writing to the store allows it"
    return f"stored as list {made.number}"


def kept_lines(kept: Sequence[KeptPlaylist], *, full: bool) -> str:
    """Word the lists that are kept."""
    if not kept:
        return "no playlist is stored yet; `etl playlist make` makes one"
    rows = [
        (
            each.number,
            f"{each.made_at:%Y-%m-%d %H:%M}",
            each.basis,
            each.count,
            None if each.seconds is None else f"{each.seconds / 60:.0f}",
            each.mean,
            each.dearest,
            _asked(each),
            each.output,
        )
        for each in kept
    ]
    columns = ("list", "made (UTC)", "by", "tracks", "minutes", "mean", "worst", "asked for", "file")
    return table(columns, rows, right=[True, False, False, True, True, True, True, False, False], full=full)


def shown_lines(shown: ShownPlaylist, *, full: bool) -> str:
    """Word a kept list, with a line of bars for each of its curves."""
    curves: dict[str, Sequence[float | None]] = {
        "energy": shown.energy,
        "key": shown.key,
        "bpm": shown.bpm,
        "edge": shown.edge,
    }
    drawn = [f"{name:<6}  {sparkline(values)}  {_range(values)}".rstrip() for name, values in curves.items()]
    kept = shown.playlist
    return "\n".join(
        [
            f"list {kept.number}, made {kept.made_at:%Y-%m-%d %H:%M} UTC by {kept.basis}, {kept.preset}",
            *([asked] if (asked := _asked(kept)) else []),
            "",
            _tracks(shown.tracks, explain=False, full=full),
            "",
            *drawn,
            "",
            f"{_total(shown.tracks)}; transitions {_two(kept.mean, kept.dearest)}",
        ]
    )


def drawn_line(picture: PlaylistPicture) -> str:
    """Word a picture."""
    return f"list {picture.number} in {picture.output}"


def sparkline(values: Sequence[float | None]) -> str:
    """Draw values as bars from the least to the greatest; a dot where nothing is known.

    Examples
    --------
    >>> sparkline([1, 2, None, 8])
    '▁▂·█'
    """
    known = [value for value in values if value is not None]
    least, most = min(known, default=0), max(known, default=0)
    steps = (len(_BARS) - 1) / ((most - least) or 1)
    return "".join("·" if value is None else _BARS[round((value - least) * steps)] for value in values)


def _range(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{min(known):.4g} to {max(known):.4g}" if known else ""


def _two(mean: float, dearest: float) -> str:
    return f"{mean:.2f} on average, {dearest:.2f} at most"


def _total(tracks: Sequence[PlaylistEntry]) -> str:
    seconds = sum(track.duration_s or 0 for track in tracks)
    minutes = f", {number_of(round(seconds / 60), 'minute')}" if seconds else ""
    return f"{number_of(len(tracks), 'track')}{minutes}"


def _asked(kept: KeptPlaylist) -> str:
    told = {"seeds": "like", "first": "from", "last": "to"}
    words = []
    for name, value in kept.request.items():
        if name in {"seeds", "artist", "first", "last", "where", "minutes"}:
            text = ", ".join(value) if isinstance(value, list) else str(value)
            words.append(f"{told.get(name, name)} {text}")
    return "; ".join(words)


def _name(artist: str | None, title: str | None, other: str) -> str:
    return one_line(" - ".join(text for text in (artist, title) if text) or other)


def _missed(missed: Missed) -> str:
    reasons = {
        "version": "another version of a track in the list",
        "gap": "its artist is too close at every place",
        "cap": "the list has enough tracks of its artist or album",
        "dearer": f"the list would cost {missed.by or 0:.3f} more with it at its best place",
    }
    return f"  {_name(missed.artist, missed.title, missed.track_id)}: {reasons[missed.reason]}"


def _tracks(tracks: Sequence[PlaylistEntry], *, explain: bool, full: bool) -> str:
    terms = list(next((track.terms for track in tracks if track.terms), {})) if explain else []
    rows = [
        (
            number,
            _name(track.artist, track.title, track.path or track.track_id),
            track.bpm,
            track.camelot or track.key_name,
            track.loudness_lufs,
            track.transition,
            *(None if track.terms is None else track.terms[term] for term in terms),
        )
        for number, track in enumerate(tracks, 1)
    ]
    columns = ("", "track", "bpm", "key", "LUFS", "transition", *terms)
    right = [True, False, True, False, True, *[True] * (1 + len(terms))]
    return table(columns, rows, right=right, full=full)
