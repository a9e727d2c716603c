"""Servers on the loopback that behave like MusicBrainz and Last.fm where they are asked for genres."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid5

from tests.support.loopback import Arrival, Loopback, Reply
from tests.support.musicbrainz_server import error

if TYPE_CHECKING:
    from collections.abc import Callable

BODIES = {
    "html": Reply(200, b"<!DOCTYPE html><html>maintenance</html>", {"Content-Type": "text/html"}),
    "xml": Reply(200, b'<?xml version="1.0"?><lfm status="failed"><error code="8">Oops</error></lfm>'),
    "empty": Reply(200, b""),
    "null": Reply(200, b"null"),
    "list": Reply(200, b"[]"),
    "half": Reply(200, b'{"toptags": {"tag": [{"na'),
    "latin-1": Reply(200, '{"name": "Björk"}'.encode("latin-1")),
    "long": Reply(200, b" " * (50 << 20)),
    "nginx": Reply(404, b"<html>404 nginx</html>", {"Content-Type": "text/html"}),
    "other": Reply(404, b'{"error": "Not Found"}'),
    "tags": Reply(200, json.dumps({"id": str(NAMESPACE_URL), "tags": 7, "toptags": {"tag": 7}}).encode()),
    "busy": Reply(503, b"<html>busy</html>", {"Content-Type": "text/html"}),
    "gateway": Reply(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
}
"""What else comes in place of an answer."""


def mbid_of(text: str) -> str:
    """Give a made-up MBID."""
    return str(uuid5(NAMESPACE_URL, text))


class _Scripted(Loopback):
    """A server whose answers a test can replace.

    Attributes
    ----------
    script
        Called with the number of a request, from 1, and what it is about; a reply is served in place of the
        answer.
    asked
        How often each thing was answered well.
    arrivals
        When requests came, in seconds since the epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script: Callable[[int, str], Reply | None] = lambda _number, _item: None
        self.asked: Counter[str] = Counter()
        self.arrivals: list[float] = []
        self.reply = self._reply
        self._lock = threading.Lock()

    def _reply(self, arrival: Arrival) -> Reply:
        self.arrivals.append(time.time())
        parts = urlsplit(arrival.path)
        item, answer = self._answer(parts.path, {key: each[0] for key, each in parse_qs(parts.query).items()})
        if scripted := self.script(len(self.requests), item):
            return scripted
        with self._lock:
            self.asked[item] += 1
        return answer

    def _answer(self, path: str, query: dict[str, str]) -> tuple[str, Reply]:
        raise NotImplementedError


class MusicBrainzGenreServer(_Scripted):
    """MusicBrainz; artists are asked by MBID or name, albums by MBID or by artist and title.

    Attributes
    ----------
    genres, tags
        Of entities, by MBID, with votes; others are not known.
    artists
        MBIDs by exact name; a search also finds artists that are only similar.
    groups
        Release groups by release.
    albums
        Titles and artists (MBID and credited name) by release group; a search finds those that have its words
        in a row, like the service.
    """

    def __init__(self) -> None:
        super().__init__()
        self.genres: dict[str, dict[str, int]] = {}
        self.tags: dict[str, dict[str, int]] = {}
        self.artists: dict[str, list[str]] = {}
        self.groups: dict[str, str] = {}
        self.albums: dict[str, tuple[str, list[tuple[str, str]]]] = {}

    def _answer(self, path: str, query: dict[str, str]) -> tuple[str, Reply]:
        if query.get("fmt") != "json":
            return path, error(400, "Only JSON here")
        if text := query.get("query"):
            return self._search(path, text)
        _, _, _, entity, mbid = path.split("/")
        if query.get("inc") not in {"genres tags", "release-groups genres tags"}:
            return mbid, error(400, "not a valid inc parameter")
        if mbid not in self.genres:
            return mbid, error(404, "Not Found")
        body: dict[str, Any] = {"id": mbid, "name": "Someone", **self._entity(mbid)}
        if entity == "release" and mbid in self.groups:
            body["release-group"] = {"id": self.groups[mbid], **self._entity(self.groups[mbid])}
        return mbid, Reply(body=json.dumps(body, ensure_ascii=False).encode())

    def _search(self, path: str, text: str) -> tuple[str, Reply]:
        terms = _terms(text)
        if terms is None:
            return text, error(400, "Cannot parse the query")
        if path == "/ws/2/release-group":
            by = terms.get("arid") or terms["artist"]
            return f"{by}\t{terms['releasegroup']}", _found("release-groups", self._albums(terms))
        return terms["artist"], _found("artists", self._artists(terms["artist"]))

    def _artists(self, name: str) -> list[dict[str, Any]]:
        return [
            {"id": mbid, "name": known.title(), "score": 100, "tags": _listed(self._all(mbid))}
            for known, mbids in self.artists.items()
            if name in known
            for mbid in mbids
        ]

    def _albums(self, terms: dict[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "id": mbid,
                "title": title,
                "score": 100,
                "primary-type": "Album",
                "artist-credit": [
                    {
                        "name": name,
                        "joinphrase": " & " if place < len(artists) else "",
                        "artist": {"id": artist, "name": name, "sort-name": name},
                    }
                    for place, (artist, name) in enumerate(artists, 1)
                ],
                "tags": _listed(self._all(mbid)),
            }
            for mbid, (title, artists) in self.albums.items()
            if _has(title, terms["releasegroup"])
            and terms.get("arid", artists[0][0]) in {artist for artist, _ in artists}
            and _has(" & ".join(name for _, name in artists), terms.get("artist", ""))
        ]

    def _entity(self, mbid: str) -> dict[str, Any]:
        return {"genres": _listed(self.genres.get(mbid, {})), "tags": _listed(self._all(mbid))}

    def _all(self, mbid: str) -> dict[str, int]:
        return {**self.tags.get(mbid, {}), **self.genres.get(mbid, {})}


class LastFmServer(_Scripted):
    """Last.fm; errors come with a status of 200.

    Attributes
    ----------
    tags
        By MBID or name, with counts; others are not known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, dict[str, int]] = {}

    def _answer(self, path: str, query: dict[str, str]) -> tuple[str, Reply]:
        item = query.get("mbid") or query.get("artist", "")
        if path != "/2.0/" or query.get("method") != "artist.gettoptags" or query.get("format") != "json":
            return item, lastfm_error(3, "Invalid Method")
        if query.get("api_key") != "k" * 32:
            return item, lastfm_error(10, "Invalid API key")
        if item not in self.tags:
            return item, lastfm_error(6, "The artist you supplied could not be found")
        tags = [{"name": tag, "count": count, "url": "x"} for tag, count in self.tags[item].items()]
        # A single tag comes without its list.
        body = {"toptags": {"tag": tags if len(tags) != 1 else tags[0], "@attr": {"artist": "Someone"}}}
        return item, Reply(body=json.dumps(body).encode())


def lastfm_error(number: int, message: str) -> Reply:
    """Complain as Last.fm does."""
    return Reply(200, json.dumps({"error": number, "message": message, "links": []}).encode())


def _terms(query: str) -> dict[str, str] | None:
    """Read a Lucene query of phrases and MBIDs that must all be there; None for what is none."""
    term = r'(\w+):(?:"((?:[^"\\]|\\.)*)"|([0-9a-f-]{36}))'
    if not re.fullmatch(rf"{term}(?: AND {term})*", query):
        return None
    return {name: re.sub(r"\\(.)", r"\1", phrase) or mbid for name, phrase, mbid in re.findall(term, query)}


def _has(text: str, phrase: str) -> bool:
    words, wanted = (re.findall(r"\w+", each.lower()) for each in (text, phrase))
    return any(words[start : start + len(wanted)] == wanted for start in range(len(words) + 1))


def _found(key: str, hits: list[dict[str, Any]]) -> Reply:
    body = {"created": "2026-01-01T00:00:00.000Z", "count": len(hits), "offset": 0, key: hits[:25]}
    return Reply(body=json.dumps(body, ensure_ascii=False).encode())


def _listed(votes: dict[str, int]) -> list[dict[str, Any]]:
    return [{"name": tag, "count": count} for tag, count in votes.items()]
