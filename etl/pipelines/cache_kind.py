"""Which cache a command is about; apart from the caches, so that it can be named without opening one."""

from __future__ import annotations

from enum import StrEnum


class CacheKind(StrEnum):
    """Answers of Spotify, sonic descriptions of recordings, or both."""

    ALL = "all"
    SPOTIFY = "spotify"
    AUDIO = "audio"
