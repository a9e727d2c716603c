"""A server on the loopback that behaves like ListenBrainz where it is asked about artists.

It answers with a list that leaves out what is not known, tells its limit with every answer, and refuses long
addresses. Errors are ``{"code", "error"}``.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.loopback import Arrival, AskedByIds, Reply

LONGEST_ADDRESS = 2048
"""Characters that every server on the way takes."""


def error(status: int, text: str, **headers: str) -> Reply:
    """Complain as the service does."""
    return Reply(status, json.dumps({"code": status, "error": text}).encode(), headers)


def too_many(seconds: int) -> Reply:
    """Refuse for so many seconds."""
    headers = {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(time.time()) + seconds),
        "X-RateLimit-Reset-In": str(seconds),
    }
    return error(429, "You have exceeded your rate limit.", **headers)


def tags_of(mbid: str) -> list[dict[str, Any]]:
    """Give the tags that the server knows for an artist, in no order: a genre and a word."""
    return [
        {"tag": "seen live", "count": 2, "artist_mbid": mbid},
        {"tag": f"röck {mbid[:4]}", "count": 9, "genre_mbid": mbid, "artist_mbid": mbid},
    ]


def entry(mbid: str, tags: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Describe an artist."""
    return {
        "artist_mbid": mbid,
        "name": f"Ärtist {mbid[:6]}",
        "rels": {},
        "type": "Group",
        "tag": {"artist": tags_of(mbid) if tags is None else tags},
    }


class ListenBrainzServer(AskedByIds):
    """The server; use it as a context manager. Its ids are MBIDs."""

    def answer(self, arrival: Arrival) -> Reply:
        """Answer a request."""
        parts = urlsplit(arrival.path)
        query = parse_qs(parts.query)
        if parts.path != "/1/metadata/artist/" or query.get("inc") != ["tag"]:
            return error(404, "Not found")
        if len(arrival.path) > LONGEST_ADDRESS:
            return Reply(414, b"<html>Request-URI Too Large</html>")
        ids = query["artist_mbids"][0].split(",")
        if scripted := self.scripted(ids):
            return scripted
        known = [entry(item) for item in sorted(ids) if item not in self.unknown]
        left = {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "29", "X-RateLimit-Reset-In": "10"}
        return Reply(body=json.dumps(known).encode(), headers=left)
