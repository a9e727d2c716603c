"""Last.fm: what listeners tag artists with, by MBID, or by name where no two artists share it.

References
----------
.. [1] Last.fm API, "artist.getTopTags": ``/2.0/?method=artist.gettoptags&mbid=MBID&api_key=KEY&format=json``
   gives ``{"toptags": {"tag": [{"name": ..., "count": 100}]}}``, counts being relative to the commonest; a
   single tag may stand without its list.
.. [2] Last.fm API, "Error codes": ``{"error": 6, "message": ...}``, with a status of 200 or another; in XML
   whatever was asked for, where a server in between fails.
.. [3] Last.fm API, "Terms of Service", 4.4: at most five requests a second, over five minutes.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import config_path, setting
from etl.services.contract import Answer, Kind, found, gone
from etl.services.errors import (
    BadCredentialsError,
    GarbledError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    ServerError,
)
from etl.services.musicbrainz_genres import NAME
from etl.services.open_service import MBID, OpenService
from etl.services.statuses import json_object, raise_for_status, retry_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests

    from etl.services.settings import ServiceSettings

ARTIST: Final = Kind("artist", "artist_mbid", MBID, songs="library_questions", gives="tags")
NAMED_ARTIST: Final = Kind("named_artist", "lone_name", NAME, songs="library_questions", gives="tags")
KINDS: Final = (ARTIST, NAMED_ARTIST)

_NOT_KNOWN: Final = 6
_TOO_MANY: Final = 29
_NOT_NOW: Final = (8, 11, 16)  # operation failed, service offline, temporarily unavailable
_NOT_WITH_THIS_KEY: Final = (4, 10, 13, 14, 26)  # authentication, invalid key, signature, token, suspended
_WORST_NUMBER: Final = 999


def configured(settings: ServiceSettings) -> LastFm:
    """Make the service with the user's key: ``LASTFM_API_KEY``, or ``api_key`` under ``[lastfm]``.

    Raises
    ------
    EtlError
        When there is none, or it holds what no key can.
    """
    key = (setting("LASTFM_API_KEY", "lastfm", "api_key") or "").strip()
    if not key:
        raise EtlError(
            "no key is set for Last.fm.",
            f"Set LASTFM_API_KEY, or api_key under [lastfm] in {config_path()}. A key is made at "
            "https://www.last.fm/api/account/create.",
            exit_code=ExitCode.USAGE,
        )
    if not (key.isascii() and key.isprintable()):
        raise EtlError(
            "the key for Last.fm contains characters that are not valid in one.",
            "Copy it again from https://www.last.fm/api/accounts.",
            exit_code=ExitCode.USAGE,
        )
    return LastFm(settings, key)


def unidentified(settings: ServiceSettings) -> LastFm:
    """Make the service for estimates."""
    return LastFm(settings, "")


class LastFm(OpenService):
    """Last.fm for one key; its limits are those of the key.

    Parameters
    ----------
    settings
        Where and how often.
    key
        The API key; it is part of every address, and of nothing else.
    """

    name: ClassVar[str] = "lastfm"
    title = "Last.fm"
    kinds = KINDS
    server = "https://ws.audioscrobbler.com"
    root = "/2.0"
    requests_per_second = 4.0

    def __init__(self, settings: ServiceSettings, key: str) -> None:
        account = hashlib.sha256(key.encode()).hexdigest()[:12]
        super().__init__(settings, account=account, secrets=(key,))
        self._key = key

    def judge(self, response: requests.Response) -> dict[str, list[Any]] | None:
        """Say what an answer means: tags with their counts, None for an artist that Last.fm does not know.

        Many artists are not known by their MBID, which says nothing against the service.
        """
        try:
            _raise_for_error(response)
        except NotFoundError:
            return None
        raise_for_status(response, is_own=False)
        tagged = json_object(response).get("toptags")
        if not isinstance(tagged, dict):
            raise GarbledError("the answer holds no tags")
        listed = tagged.get("tag") or []
        if not isinstance(listed, dict | list):
            raise GarbledError("the tags are no list")
        return tags_of([listed] if isinstance(listed, dict) else listed)

    def ask(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Ask about one artist."""
        (item,) = ids
        who = {"mbid": item} if kind == ARTIST else {"artist": item, "autocorrect": "0"}
        query = urlencode({"method": "artist.gettoptags", **who, "api_key": self._key, "format": "json"})
        value = self.session.request("GET", f"{self.base}/?{query}").json()
        return [gone(kind, item, "the artist is not known") if value is None else found(kind, item, value)]


def tags_of(listed: Sequence[Any]) -> dict[str, list[Any]]:
    """Read tags, each once, the commonest first; counts may be text."""
    counts: dict[str, int] = {}
    for each in listed:
        if isinstance(each, dict) and isinstance(tag := each.get("name"), str) and tag.strip():
            count = str(each.get("count"))
            if count.isascii() and count.isdigit() and int(count[:9]) > 0:
                counts.setdefault(tag, int(count[:9]))
    tags = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return {"tags": tags, "votes": [counts[tag] for tag in tags]}


def _raise_for_error(response: requests.Response) -> None:
    """Raise what Last.fm complains about: an ``error`` with a number, whatever the status."""
    try:
        body = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return
    if not isinstance(body, dict) or "error" not in body:
        return
    number = str(body["error"])
    code = int(number) if number.isascii() and number.isdigit() and len(number) <= 3 else _WORST_NUMBER
    message = body.get("message")
    text = f"{code} {' '.join(message.split())[:120] if isinstance(message, str) else ''}".strip()
    if code == _NOT_KNOWN:
        raise NotFoundError(text)
    if code == _TOO_MANY:
        raise RateLimitedError(text, retry_after(response))
    if code in _NOT_NOW:
        raise ServerError(text)
    if code in _NOT_WITH_THIS_KEY:
        raise BadCredentialsError(
            f"Last.fm does not accept the key ({text}).",
            "Check LASTFM_API_KEY, or api_key under [lastfm], at https://www.last.fm/api/accounts.",
        )
    if code == _WORST_NUMBER:
        raise_for_status(response, is_own=False)  # what stands in between may complain in JSON, too
        raise GarbledError("an error without a number")
    raise RejectedError(text)
