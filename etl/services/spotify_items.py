"""Spotify's artist and track objects, judged: found, gone, or error with a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from etl.music.spotify_ids import SPOTIFY_ID
from etl.services.contract import Answer, Kind, Status, failed, found, gone

if TYPE_CHECKING:
    from collections.abc import Sequence


ARTIST: Final = Kind("artist", "spotify_artist_id", SPOTIFY_ID)
TRACK: Final = Kind("track", "spotify_song_id", SPOTIFY_ID)
KINDS: Final = (ARTIST, TRACK)


def judge_item(kind: Kind, item_id: str, item: object) -> Answer:
    """Turn one object of an answer into an Answer.

    Parameters
    ----------
    kind, item_id
        What was asked for.
    item
        The parsed JSON, whatever it is; None in a batch stands for an unknown id.
    """
    if item is None:
        return gone(kind, item_id, "null item", is_certain=False)
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return failed(kind, item_id, "garbled", "the answer has no name")
    if (answered_kind := item.get("type", kind.name)) != kind.name:
        return failed(kind, item_id, "garbled", f"the answer is of type {str(answered_kind)[:20]!r}")
    name = item["name"]
    if not name:
        # What is left of items that were taken down.
        return gone(kind, item_id, "empty name")
    answered = item.get("id")
    details = _artist_details(item) if kind == ARTIST else _track_details(item)
    is_id = isinstance(answered, str) and re.fullmatch(kind.valid, answered)
    other = answered if is_id and answered != item_id else None
    return found(kind, item_id, {"name": name, "answered_id": other, **details})


def judge_batch(kind: Kind, ids: Sequence[str], items: object) -> list[Answer]:
    """Turn the list of a batch answer into Answers, in the order of ``ids``, for each id that it tells about.

    Items are told by their own id or the id they were linked from. In a list of the right length what is left
    is taken by position, for a merged item carries neither; not if most items are such, for then they are
    the answer to something else.
    """
    if not isinstance(items, list):
        return []
    by_id = {known: item for item in items if isinstance(item, dict) for known in _ids_of(item)}
    asked = set(ids)
    strangers = sum(isinstance(item, dict) and not asked.intersection(_ids_of(item)) for item in items)
    is_ours = len(items) == len(ids) and 2 * strangers <= sum(item is not None for item in items)
    answers = []
    for number, item_id in enumerate(ids):
        if item_id in by_id:
            answers.append(judge_item(kind, item_id, by_id[item_id]))
        elif is_ours and not (isinstance(items[number], dict) and asked.intersection(_ids_of(items[number]))):
            answers.append(judge_item(kind, item_id, items[number]))
    return [answer for answer in answers if answer.status is not Status.ERROR]


def _ids_of(item: dict[str, Any]) -> list[str]:
    linked = item.get("linked_from")
    candidates = (linked.get("id") if isinstance(linked, dict) else None, item.get("id"))
    return [candidate for candidate in candidates if isinstance(candidate, str)]


def _artist_details(item: dict[str, Any]) -> dict[str, Any]:
    followers = item.get("followers")
    return {
        "genres": _strings(item.get("genres")),
        "popularity": _count(item.get("popularity"), most=100),
        "followers": _count(followers.get("total")) if isinstance(followers, dict) else None,
    }


def _track_details(item: dict[str, Any]) -> dict[str, Any]:
    artists, album, codes = item.get("artists"), item.get("album"), item.get("external_ids")
    artists = [artist for artist in artists if isinstance(artist, dict)] if isinstance(artists, list) else []
    album = album if isinstance(album, dict) else {}
    explicit = item.get("explicit")
    return {
        "artist_ids": _strings([artist.get("id") for artist in artists]),
        "album_name": _text(album.get("name")),
        "release_date": _text(album.get("release_date")),
        "duration_ms": _count(item.get("duration_ms")),
        "explicit": explicit if isinstance(explicit, bool) else None,
        "popularity": _count(item.get("popularity"), most=100),
        "isrc": _text(codes.get("isrc")) if isinstance(codes, dict) else None,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _strings(value: object) -> list[str] | None:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else None


def _count(value: object, *, most: int = 2**31 - 1) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None
