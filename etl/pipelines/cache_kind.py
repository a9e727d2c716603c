"""Which cache a command is about; apart from the caches, so that it can be named without opening one."""

from __future__ import annotations

from enum import StrEnum


class CacheKind(StrEnum):
    """Answers of a service, sonic descriptions of recordings, or all of them."""

    ALL = "all"
    SPOTIFY = "spotify"
    MUSICBRAINZ = "musicbrainz"
    LISTENBRAINZ = "listenbrainz"
    LASTFM = "lastfm"
    AUDIO = "audio"
