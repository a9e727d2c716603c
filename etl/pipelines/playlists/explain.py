"""Why a near candidate is not in a list, and which options changed nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.pipelines.playlists.request import Basis, Missed, Quality
from etl.playlists.choose import PLACE_WEIGHT
from etl.playlists.order_kernel import path_cost, times_near, times_over
from etl.playlists.rules import Curve
from etl.playlists.transitions import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from etl.pipelines.playlists.avoid import Avoided
    from etl.pipelines.playlists.pool import Pool
    from etl.pipelines.playlists.request import Playlist, PlaylistRequest
    from etl.playlists.choose import Choice

_TOLD: Final = 10
_NO_GENRE: Final = {"genre": UNKNOWN}


def missed_candidates(
    pool: Pool, request: PlaylistRequest, choice: Choice, gap: int, places: NDArray[np.float32]
) -> list[Missed]:
    """Give the candidates nearest to what was asked for that are not in the list, and why.

    Parameters
    ----------
    pool, request, choice
        What was chosen from, what was asked for, and what was chosen.
    gap
        Tracks of others between two of one artist that were kept.
    places
        Shape (m, n): what each candidate costs at each place.
    """
    chosen = set(choice.order.tolist())
    missed = [_missed(row, "version") for row, kept in pool.versions if kept in chosen][:_TOLD]
    if not request.named:
        return missed
    near = np.argsort(places.min(axis=0), kind="stable")[: len(chosen)].tolist()
    places = np.float32(PLACE_WEIGHT) * places
    cost = choice.mean + choice.dearest + PLACE_WEIGHT * choice.place
    caps = np.array([request.per_artist or len(chosen), request.per_album or len(chosen), 1], np.int64)
    for track in near:
        if track in chosen or len(missed) == 2 * _TOLD:
            continue
        best, reasons = np.inf, set()
        for at in range(request.first is not None, len(chosen) - (request.last is not None)):
            artist = pool.labels[0, track]
            if artist >= 0 and artist == pool.labels[0, choice.order[at]]:
                continue  # in place of another of its artist it breaks nothing
            order = choice.order.copy()
            order[at] = track
            if times_near(order, pool.labels, gap) > choice.near:
                reasons.add("gap")
            elif times_over(order, pool.labels, caps) > choice.over:
                reasons.add("cap")
            else:
                best = min(best, sum(path_cost(order, pool.costs, places)))
        if best < np.inf:
            missed.append(_missed(pool.rows[track], "dearer", max(best - cost, 0.0)))
        else:
            missed.append(_missed(pool.rows[track], min(reasons, default="gap")))
    return missed


def _missed(row: dict[str, Any], reason: str, by: float | None = None) -> Missed:
    return Missed(row["track_id"], row["artist"], row["title"], reason, None if by is None else round(by, 4))


def unused_options(pool: Pool, request: PlaylistRequest, made: Playlist, avoided: Avoided) -> list[str]:
    """Name the options that could not change anything, and why."""
    said = [
        *_about_filters(request, made, avoided),
        *_about_rules(pool, request),
        *_about_paths(request, made),
    ]
    if request.basis is Basis.SOUND and all(
        (track.terms or _NO_GENRE)["genre"] == UNKNOWN for track in made.tracks
    ):
        said.append("genres in transitions: none is known of these tracks; `etl genres fetch` finds them")
    return said


def _about_filters(request: PlaylistRequest, made: Playlist, avoided: Avoided) -> Iterator[str]:
    if request.quality.seconds != Quality.seconds and "--duration" not in made.left_out:
        yield "--duration: it left out no track"
    if request.quality.is_day_given and "season" not in made.left_out:
        yield "--day: no track was left out for its season"
    for option, count in made.left_out.items():
        if option == "--avoid" and avoided.empty:
            yield f"--avoid: nothing is in {', '.join(avoided.empty)}"
        elif not count:
            yield f"{option}: it left out no track"


def _about_rules(pool: Pool, request: PlaylistRequest) -> Iterator[str]:
    if request.curve is not Curve.FLAT and all(row["loudness_lufs"] is None for row in pool.rows):
        yield "--curve: nothing has a loudness; of tracks `etl library sonic` measures it"
    for kind, (option, most) in enumerate(
        {"--per-artist": request.per_artist, "--per-album": request.per_album}.items()
    ):
        labels = pool.labels[kind]
        counts = np.unique(labels[labels >= 0], return_counts=True)[1]
        if most is not None and counts.max(initial=0) <= most:
            yield f"{option}: no more candidates are of one"
    if len(set(request.seeds)) < len(request.seeds):
        yield "--seed: a track is named twice"


def _about_paths(request: PlaylistRequest, made: Playlist) -> Iterator[str]:
    if request.output is None or request.output.suffix.lower() in {".json", ".csv"}:
        if request.absolute:
            yield "--absolute: only M3U8 and JSPF have such paths"
        if request.maps and not request.avoid:
            yield "--map: only M3U8 and JSPF have such paths"
        return
    for ours, _ in request.maps:
        if not any((track.path or "").startswith(ours.rstrip("/") + "/") for track in made.tracks):
            yield f"--map: no track of the list lies in {ours}"
