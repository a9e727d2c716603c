"""ListenBrainz: tags of artists by the MBIDs that MusicBrainz gave, 50 to a request; data are CC0.

References
----------
.. [1] ListenBrainz API, ``GET /1/metadata/artist/?artist_mbids=MBID,MBID&inc=tag`` gives a list of
   ``{"artist_mbid": ..., "name": ..., "tag": {"artist": [{"tag": ..., "count": ..., "genre_mbid": ...}]}}``;
   artists that are not known are left out, and only genres of MusicBrainz have a ``genre_mbid``.
   There is no POST for artists, and long addresses are refused: 50 MBIDs are 1,850 characters.
.. [2] ListenBrainz API, "Rate limiting": ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset`` with every
   answer, 429 above the limit. Errors are ``{"code": 400, "error": "..."}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from etl.services.contract import Answer, Kind, Status, failed, found, gone
from etl.services.errors import AppError, GarbledError, IncompleteError
from etl.services.open_service import MBID, OpenService
from etl.services.statuses import complaint_of, json_value, raise_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests

    from etl.services.settings import ServiceSettings

KINDS: Final = (
    Kind(
        "artist",
        "artist_mbid",
        MBID,
        songs="songs_with_artist_mbid",
        gives="tags",
    ),
)
BATCH_SIZE: Final = 50


def configured(settings: ServiceSettings) -> ListenBrainz:
    """Make the service; see :func:`etl.services.catalog.configured`."""
    return ListenBrainz(settings)


unidentified = configured


class ListenBrainz(OpenService):
    """ListenBrainz as anyone may ask it, without a token; the limit is told with every answer."""

    name: ClassVar[str] = "listenbrainz"
    title = "ListenBrainz"
    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    server = "https://api.listenbrainz.org"
    root = "/1"
    batch_size = BATCH_SIZE

    def judge(self, response: requests.Response) -> list[Answer]:
        """Say what an answer means: an Answer for each MBID that was asked about."""
        _raise_for_status(response)
        entries = json_value(response)
        if not isinstance(entries, list):
            raise GarbledError("the answer holds no artists")
        by_id = {
            entry["artist_mbid"]: entry
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("artist_mbid"), str)
        }
        (asked,) = parse_qs(urlsplit(str(response.request.url)).query)["artist_mbids"]
        ids = asked.split(",")
        judged = [judge_entry(item, by_id[item]) for item in ids if item in by_id]
        answers = [answer for answer in judged if answer.status is not Status.ERROR]
        if len(answers) < len(entries):
            raise IncompleteError("the answer does not match the artists", answers)
        return answers + [
            gone(KINDS[0], item, "the artist is not known") for item in ids if item not in by_id
        ]

    def ask(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Ask for the tags of artists."""
        del kind
        answers: list[Answer] = self.session.request(
            "GET", f"{self.base}/metadata/artist/?artist_mbids={','.join(ids)}&inc=tag"
        ).json()
        return answers


def judge_entry(item_id: str, entry: Mapping[str, Any]) -> Answer:
    """Turn what is known about an artist into an Answer: tags once each, those with most votes first."""
    tagged = entry.get("tag") or {}
    listed = (tagged.get("artist") or []) if isinstance(tagged, dict) else None
    if not isinstance(listed, list):
        return failed(KINDS[0], item_id, "garbled", "the tags are no list")
    votes: dict[str, tuple[int, bool]] = {}
    for each in listed:
        if (
            isinstance(each, dict)
            and isinstance(tag := each.get("tag"), str)
            and type(count := each.get("count")) is int
            and 0 <= count < 2**31
        ):
            votes.setdefault(tag, (each["count"], isinstance(each.get("genre_mbid"), str)))
    tags = sorted(votes, key=lambda tag: (-votes[tag][0], tag))
    return found(
        KINDS[0],
        item_id,
        {
            "tags": tags,
            "votes": [votes[tag][0] for tag in tags],
            "are_genres": [votes[tag][1] for tag in tags],
        },
    )


def _raise_for_status(response: requests.Response) -> None:
    """Raise what ListenBrainz complains about: ``{"code": ..., "error": "..."}``."""
    complaint = complaint_of(response)
    if complaint is not None and response.status_code in {401, 403}:
        raise AppError(
            f"ListenBrainz refuses this program: {complaint.message}",
            "Set ETL_CONTACT to your e-mail address or a page of yours; if it is set, wait for a day.",
        )
    if complaint is not None and response.status_code == 200:
        raise GarbledError(f"an error inside a successful answer: {complaint.message}")
    message = complaint.message if complaint else ""
    raise_for_status(response, message, is_own=complaint is not None)
