"""A server on the loopback that behaves like MusicBrainz where it is asked about addresses.

Several addresses are answered with a list that leaves out what is not known; a single one by itself, or with
404. Errors are ``{"error", "help"}`` with any status: 503 for too many requests, 403 without a User-Agent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid5

from tests.support.loopback import Arrival, AskedByIds, Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = "For usage, please see: https://musicbrainz.org/development/mmd"
ADDRESS = "https://open.spotify.com/artist/"


def error(status: int, text: str, **headers: str) -> Reply:
    """Complain as the service does."""
    return Reply(status, json.dumps({"error": text, "help": HELP}).encode(), headers)


TOO_MANY = error(
    503, "Your requests are exceeding the allowable rate limit. Please see https://musicbrainz.org/doc/limits"
)


def name_of(item_id: str) -> str:
    """Give the name that the server knows for the artist of an address."""
    return f"Ärtist {item_id[:6]}"


def entry(item_id: str, *names: str, ended: Sequence[str] = ()) -> dict[str, Any]:
    """Describe an address, with its artists of these names."""
    address = f"{ADDRESS}{item_id}"
    return {
        "id": str(uuid5(NAMESPACE_URL, address)),
        "resource": address,
        "relations": [
            {
                "type": "free streaming",
                "target-type": "artist",
                "direction": "backward",
                "ended": name in ended,
                "artist": {
                    "id": str(uuid5(NAMESPACE_URL, name)),
                    "name": name,
                    "sort-name": name.lower(),
                    "disambiguation": "",
                },
            }
            for name in names
        ],
    }


class MusicBrainzServer(AskedByIds):
    """The server; use it as a context manager. Its ids are those of addresses."""

    def answer(self, arrival: Arrival) -> Reply:
        """Answer a request."""
        parts = urlsplit(arrival.path)
        query = parse_qs(parts.query)
        resources = query.get("resource", [])
        if parts.path != "/ws/2/url" or query.get("fmt") != ["json"] or query.get("inc") != ["artist-rels"]:
            return error(404, "Not Found")
        if not arrival.headers.get("User-Agent", "").startswith("music-etl/"):
            return error(403, "Your client must send a User-Agent")
        if not 1 <= len(resources) <= 100:
            return error(400, "Invalid number of resources")
        ids = [each.removeprefix(ADDRESS) for each in resources]
        if scripted := self.scripted(ids):
            return scripted
        known = [entry(item, name_of(item)) for item in ids if item not in self.unknown]
        if len(ids) == 1:
            return Reply(body=json.dumps(known[0]).encode()) if known else error(404, "Not Found")
        return Reply(body=json.dumps({"url-count": len(known), "url-offset": 0, "urls": known}).encode())
