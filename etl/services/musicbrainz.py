"""MusicBrainz: names of artists by their Spotify address, 100 to a request, without a quota; data are CC0.

References
----------
.. [1] MusicBrainz API, "url": ``/ws/2/url?resource=...&resource=...&inc=artist-rels&fmt=json`` gives
   ``{"url-count": 1, "urls": [{"resource": ..., "relations": [{"artist": {"id": ..., "name": ...}}]}]}``;
   addresses that are not known are left out. A single one is answered by itself, or with a 404.
.. [2] MusicBrainz API, "Rate Limiting": one request a second, a User-Agent with a contact; 503 where others
   answer 429.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from etl.music.spotify_ids import SPOTIFY_ID
from etl.runtime.errors import EtlError, ExitCode
from etl.services.contract import Answer, Kind, Status, failed, found, gone
from etl.services.errors import (
    AppError,
    GarbledError,
    IncompleteError,
    NotFoundError,
    RateLimitedError,
)
from etl.services.open_service import OpenService
from etl.services.statuses import complaint_of, json_object, raise_for_status, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests

    from etl.services.settings import ServiceSettings

KINDS: Final = (Kind("artist", "spotify_artist_id", SPOTIFY_ID, answered_by="spotify"),)
BATCH_SIZE: Final = 100

_ADDRESS: Final = "https://open.spotify.com/artist/"


def configured(settings: ServiceSettings) -> MusicBrainz:
    """Make the service; see :func:`etl.services.catalog.configured`.

    Raises
    ------
    EtlError
        Without a contact: MusicBrainz blocks those whom it cannot write to.
    """
    check_contact(settings)
    return MusicBrainz(settings)


def check_contact(settings: ServiceSettings) -> None:
    """Refuse to ask MusicBrainz itself without saying whom it can write to."""
    if settings.url is None and settings.contact is None:
        raise EtlError(
            "MusicBrainz requires a contact address.",
            "Set ETL_CONTACT, or contact under [services] in the configuration file, to your e-mail address "
            "or a page of yours; it becomes part of the User-Agent.",
            exit_code=ExitCode.USAGE,
        )


def unidentified(settings: ServiceSettings) -> MusicBrainz:
    """Make the service for estimates."""
    return MusicBrainz(settings)


class MusicBrainz(OpenService):
    """MusicBrainz, which knows no accounts: its limits are for whoever asks."""

    name: ClassVar[str] = "musicbrainz"
    title = "MusicBrainz"
    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    server = "https://musicbrainz.org"
    root = "/ws/2"
    batch_size = BATCH_SIZE

    def judge(self, response: requests.Response) -> list[Answer]:
        """Say what an answer means: an Answer for each address that was asked about."""
        raise_for_musicbrainz(response)
        body = json_object(response)
        entries = body.get("urls", [body] if "resource" in body else None)
        if not isinstance(entries, list):
            raise GarbledError("the answer holds no addresses")
        by_id = {
            item_id: entry
            for entry in entries
            if isinstance(entry, dict) and (item_id := _id_in(entry.get("resource")))
        }
        ids = [_id_in(each) or "" for each in parse_qs(urlsplit(str(response.request.url)).query)["resource"]]
        judged = [judge_entry(item_id, by_id[item_id]) for item_id in ids if item_id in by_id]
        answers = [answer for answer in judged if answer.status is not Status.ERROR]
        number = body.get("url-count", len(entries))
        if len(answers) < len(entries) or number != len(entries):
            raise IncompleteError("the answer does not match the addresses", answers)
        return answers + [
            gone(KINDS[0], item_id, "the address is not known") for item_id in ids if item_id not in by_id
        ]

    def ask(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Ask for the artists of addresses."""
        resources = "&".join(f"resource={_ADDRESS}{item}" for item in ids)
        try:
            response = self.session.request("GET", f"{self.base}/url?{resources}&inc=artist-rels&fmt=json")
        except NotFoundError as error:
            return [gone(kind, item, str(error), is_certain=False) for item in ids]
        answers: list[Answer] = response.json()
        return answers


def judge_entry(item_id: str, entry: Mapping[str, Any]) -> Answer:
    """Turn what is known about an address into an Answer.

    Of several artists with the same address the first counts whose link has not ended, by MBID.
    """
    relations = entry.get("relations") or []
    if not isinstance(relations, list) or not all(map(_is_relation, relations)):
        return failed(KINDS[0], item_id, "garbled", "the links of the address are none")
    artists = [
        (relation.get("ended") is True, artist)
        for relation in relations
        if (artist := relation.get("artist")) and artist["name"]
    ]
    if not artists:
        return gone(KINDS[0], item_id, "no artist has the address")
    _, artist = min(artists, key=lambda each: (each[0], each[1]["id"]))
    return found(
        KINDS[0],
        item_id,
        {
            "name": artist["name"],
            "mbid": artist["id"],
            **{
                column: text
                for column, key in (("sort_name", "sort-name"), ("disambiguation", "disambiguation"))
                if isinstance(text := artist.get(key), str) and text
            },
            "artists": len({each["id"] for _, each in artists}),
        },
    )


def _is_relation(relation: object) -> bool:
    if not isinstance(relation, dict):
        return False
    artist = relation.get("artist")  # what links to something else has none
    return artist is None or (
        isinstance(artist, dict) and isinstance(artist.get("id"), str) and isinstance(artist.get("name"), str)
    )


def _id_in(address: object) -> str | None:
    match = re.fullmatch(rf"https?://open\.spotify\.com/artist/({SPOTIFY_ID})/?", str(address))
    return match[1] if match else None


def raise_for_musicbrainz(response: requests.Response) -> None:
    """Raise what MusicBrainz complains about: ``{"error": "...", "help": "..."}`` with any status."""
    complaint = complaint_of(response)
    if complaint is None:
        raise_for_status(response, is_own=False)
        return
    status, message = response.status_code, complaint.message
    if status in {429, 503} or "rate limit" in message:
        raise RateLimitedError(f"{status} {message}", retry_after(response))
    if status in {401, 403}:
        raise AppError(
            f"MusicBrainz refuses this program: {message}",
            "Set ETL_CONTACT to your e-mail address or a page of yours; if it is set, wait for a day.",
        )
    if status == 200:
        raise GarbledError(f"an error inside a successful answer: {message}")
    raise_for_status(response, message)
