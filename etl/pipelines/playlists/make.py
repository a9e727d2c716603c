"""Make a playlist: candidates near the seeds, rules, choice and order together, a file, a place in the store.

Tracks are candidates when they are described, every filter lets them through and no list to avoid has them;
the best of them by likeness to the seeds (forty times as many as are wanted) go into the search.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.exports.playlist import check_format, check_new, write_playlist
from etl.pipelines.playlists.avoid import Avoided, avoided_tracks
from etl.pipelines.playlists.harmony import harmony_pool
from etl.pipelines.playlists.request import COUNT, Basis, Playlist, PlaylistRequest
from etl.pipelines.playlists.sound import near_tracks, sound_pool
from etl.playlists.listed import PlaylistEntry
from etl.playlists.rules import Rules
from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.playlists import TRACK_SCHEMA, keep_playlist

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.pipelines.playlists.pool import Pool
    from etl.playlists.choose import Choice

    Floats = NDArray[np.float32]

_USUAL_S: Final = 210.0
"""Length of a track, for a first guess of how many a time takes."""

_TIME_OFF_S: Final = 60.0
"""How far the time of a list may be from what was asked for."""

_OTHER_COUNTS: Final = (0, -1, 1, -2, 2, -3, 3)
"""Tracks more or less that are tried until a list takes the time that it should."""


def make_playlist(
    database: Path, request: PlaylistRequest, *, before_search: Callable[[], None] | None = None
) -> Playlist:
    """Choose and order tracks, write them, and keep the list.

    Parameters
    ----------
    database
        The store.
    request
        What is asked for.
    before_search
        Called when the library has been read, and nothing compiled is loaded yet.

    Raises
    ------
    EtlError
        If a name means no track, or too few tracks are left; the message says which filter left how many.
        If the file is there already, or cannot be written.
    """
    check_outputs([request.output], database=database)
    check_new(request.output, force=request.force)
    check_format(request.output, has_paths=request.basis is Basis.SOUND)
    pool, avoided = _candidates(database, request)
    if request.artist is not None:  # all tracks of one artist cannot lie apart
        request = replace(request, gap=0)
    if before_search is not None:
        before_search()
    choice, gap, places = _search(pool, request)
    made = _as_playlist(pool, request, choice, gap, places=places, avoided=avoided)
    if request.output is not None:
        unlisted = write_playlist(
            made.tracks,
            request.output,
            absolute=request.absolute,
            maps=request.maps,
            title=", ".join(request.named) or request.artist or "etl playlist",
            summary={
                "mean": round(made.mean, 4),
                "dearest": round(made.dearest, 4),
                "preset": request.preset,
            },
        )
        made = replace(made, unlisted=unlisted)
    try:
        return replace(made, number=_keep(database, request, made))
    except EtlError as error:  # a store that can only be read gives lists, too
        return replace(made, not_kept=str(error).splitlines()[0])


def _candidates(database: Path, request: PlaylistRequest) -> tuple[Pool, Avoided]:
    """Read what is to be chosen from."""
    wanted = _first_guess(request)
    with read_store(database) as connection:
        check_known(connection, [request.output])
        avoided = avoided_tracks(connection, request.avoid, request.maps)
        if request.basis is Basis.HARMONY:
            return harmony_pool(connection, request, avoided, wanted), avoided
        near = near_tracks(connection, request, avoided, wanted)
    # Opened again: the database would keep in memory what it read of the whole library.
    with read_store(database) as connection:
        return sound_pool(connection, request, near), avoided


def _first_guess(request: PlaylistRequest) -> int:
    if request.count is not None:
        return request.count
    return COUNT if request.minutes is None else max(1, round(request.minutes * 60 / _USUAL_S))


def _check_time(pool: Pool, request: PlaylistRequest) -> None:
    """Refuse a list that takes longer than all there is.

    Raises
    ------
    EtlError
        If it would; it says which filter left out how many.
    """
    together = sum(row["duration_s"] or 0.0 for row in pool.rows)
    if request.minutes is not None and together < 60 * request.minutes - _TIME_OFF_S:
        filters = "".join(f"; {option} left out {count:,}" for option, count in pool.left_out.items())
        raise EtlError(
            f"all {len(pool.rows):,} tracks that qualify last {together / 60:,.0f} minutes together, but "
            f"{request.minutes:,.0f} are wanted{filters}.",
            "Ask for fewer with --minutes, or loosen the filters.",
            exit_code=ExitCode.FAILURE,
        )


def _search(pool: Pool, request: PlaylistRequest) -> tuple[Choice, int, Floats]:
    """Choose tracks; where only a time is asked for, as many as take it."""
    _check_time(pool, request)
    if request.minutes is None or request.count is not None:
        return _choose(pool, request, _first_guess(request))
    lengths = np.array([row["duration_s"] or np.nan for row in pool.rows])
    usual = float(np.nanmedian(lengths)) if not np.isnan(lengths).all() else _USUAL_S
    guess = round(request.minutes * 60 / usual)
    ends = len({name for name in (request.first, request.last) if name is not None})
    counts = [guess + more for more in _OTHER_COUNTS if max(ends, 1) <= guess + more <= len(pool.rows)]
    if not counts:
        counts = [min(max(guess, ends, 1), len(pool.rows))]
    best: tuple[Choice, int, Floats] | None = None
    least = np.inf
    for count in counts:
        found = _choose(pool, request, count)
        off = _seconds_off(pool, request, found[0])
        if off < least:
            best, least = found, off
        if least <= _TIME_OFF_S:
            break
    if best is None:  # no length is known
        return _choose(pool, request, counts[0])
    return best


def _seconds_off(pool: Pool, request: PlaylistRequest, choice: Choice) -> float:
    total: float = sum(pool.rows[track]["duration_s"] or 0.0 for track in choice.order.tolist())
    return abs(total - 60 * (request.minutes or 0))


def _minutes_off(pool: Pool, request: PlaylistRequest, choice: Choice) -> float:
    off = 0.0 if request.minutes is None else _seconds_off(pool, request, choice)
    return off / 60 if off > _TIME_OFF_S else 0.0


def _choose(pool: Pool, request: PlaylistRequest, count: int) -> tuple[Choice, int, Floats]:
    """Choose so many tracks, with the widest gap between tracks of an artist that can be kept."""
    from etl.playlists.choose import (  # noqa: PLC0415 - what is compiled takes memory beside the library
        choose,
        curve_places,
        widest_gap,
    )

    _check_caps(pool, request, count)
    first, last = (None if name is None else pool.named[name] for name in (request.first, request.last))
    if first is not None and first == last:
        raise EtlError(
            "the first and the last track are versions of one recording.",
            "Give --from and --to different ones.",
            exit_code=ExitCode.USAGE,
        )
    places = pool.unlike(count) + curve_places(levels(pool), count, request.curve)
    window = (0.0, 1e12)
    if request.minutes is not None:
        window = (60 * request.minutes - _TIME_OFF_S, 60 * request.minutes + _TIME_OFF_S)
    gap = widest_gap(pool.labels[0], count, request.gap)
    while True:
        rules = Rules(gap, request.per_artist or count, request.per_album or count, window)
        choice = choose(
            pool.costs,
            places,
            pool.labels,
            rules,
            first=first,
            last=last,
            seconds=np.array([row["duration_s"] or 0.0 for row in pool.rows]),
        )
        if not choice.near or not gap:
            break
        gap -= 1
    if choice.over:
        raise _too_few(pool, request, count, f"{count - choice.over:,}")
    return choice, gap, places


def _check_caps(pool: Pool, request: PlaylistRequest, count: int) -> None:
    """Refuse more tracks than artists and albums may have."""
    for kind, most in enumerate((request.per_artist, request.per_album)):
        labels = pool.labels[kind]
        if most is not None:
            known = np.unique(labels[labels >= 0], return_counts=True)[1]
            possible = int(np.minimum(known, most).sum() + (labels < 0).sum())
            if possible < count:
                raise _too_few(pool, request, count, f"{possible:,}")


def _too_few(pool: Pool, request: PlaylistRequest, count: int, possible: str) -> EtlError:
    caps = {"--per-artist": request.per_artist, "--per-album": request.per_album}
    given = " and ".join(f"{option} {most}" for option, most in caps.items() if most is not None)
    filters = "".join(f"; {option} left out {number:,}" for option, number in pool.left_out.items())
    return EtlError(
        f"only {possible} of {len(pool.rows):,} candidates fit into one list with {given or 'these rules'}, "
        f"but {count:,} are wanted{filters}.",
        "Ask for fewer with --count, or for more of an artist.",
        exit_code=ExitCode.FAILURE,
    )


def levels(pool: Pool) -> Floats:
    """Give the loudness of the candidates, NaN where it is not known."""
    values = [row["loudness_lufs"] for row in pool.rows]
    return np.array([np.nan if value is None else value for value in values], np.float32)


def _as_playlist(
    pool: Pool, request: PlaylistRequest, choice: Choice, gap: int, *, places: Floats, avoided: Avoided
) -> Playlist:
    from etl.pipelines.playlists.explain import (  # noqa: PLC0415 - as above
        missed_candidates,
        unused_options,
    )

    order = choice.order.tolist()
    size = len(order)
    unlike = pool.unlike(size)[np.arange(size), order]
    made = Playlist(
        tracks=_entries(pool, order),
        mean=choice.mean,
        dearest=choice.dearest,
        unlike=float(unlike.mean()),
        left_out=pool.left_out,
        versions=len(pool.versions),
        gap=gap,
        broken=choice.near,
        minutes_off=_minutes_off(pool, request, choice),
        outside=0 if np.isnan(levels(pool)).all() else int((places[np.arange(size), order] > 2).sum()),
        output=request.output,
    )
    return replace(
        made,
        missed=missed_candidates(pool, request, choice, gap, places),
        unused=unused_options(pool, request, made, avoided),
    )


_COLUMNS: Final = (
    "track_id", "path", "artist", "title", "album", "duration_s", "bpm", "key_name", "camelot",
    "loudness_lufs", "isrc", "musicbrainz_recordingid",
)  # fmt: skip


def _entries(pool: Pool, order: Sequence[int]) -> list[PlaylistEntry]:
    entries = []
    for at, track in enumerate(order):
        known: dict[str, Any] = {name: pool.rows[track].get(name) for name in _COLUMNS}
        if at:
            before = order[at - 1]
            told = {term: round(float(costs[track]), 3) for term, costs in pool.terms(before).items()}
            known |= {"transition": round(float(pool.costs[before, track]), 3), "terms": told}
        entries.append(PlaylistEntry(**known))
    return entries


def _keep(database: Path, request: PlaylistRequest, made: Playlist) -> int | None:
    """Keep the list in the store."""
    terms = next((list(track.terms) for track in made.tracks if track.terms), [])
    rows: list[dict[str, Any]] = [
        {name: getattr(track, name) for name in TRACK_SCHEMA if name != "terms"}
        | {"terms": list((track.terms or {}).values())}
        for track in made.tracks
    ]
    asked = {
        name: getattr(request, name)
        for name in ("seeds", "artist", "first", "last", "count", "minutes", "where")
    }
    asked |= {"curve": request.curve.value, "avoid": request.avoid, "gap": request.gap}
    return keep_playlist(
        database,
        {
            "made_at": datetime.now(UTC).isoformat(),
            "basis": request.basis.value,
            "request": json.dumps({name: value for name, value in asked.items() if value not in (None, ())}),
            "preset": request.preset,
            "output": None if request.output is None else str(request.output.absolute()),
            "tracks": len(made.tracks),
            "seconds": made.seconds if all(track.duration_s for track in made.tracks) else None,
            "mean": made.mean,
            "dearest": made.dearest,
            "unlike": made.unlike,
            "terms": terms,
        },
        pl.DataFrame(rows, schema=TRACK_SCHEMA),
    )
