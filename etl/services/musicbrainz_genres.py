"""MusicBrainz on genres: artists, release groups and releases by MBID, artists and albums by exact name.

References
----------
.. [1] MusicBrainz API, "Lookups": ``/ws/2/artist/MBID?inc=genres+tags&fmt=json`` gives
   ``{"id": ..., "name": ..., "genres": [{"id", "name", "count"}], "tags": [{"name", "count"}]}``; genres are
   those tags that MusicBrainz has in its list. An MBID that was merged is answered by the entity it became. A
   release with ``inc=release-groups`` holds its ``release-group``, which has the tags that people give.
.. [2] MusicBrainz API, "Search": ``/ws/2/artist?query=artist:"NAME"&fmt=json`` gives ``{"artists": [{"id",
   "name", "score", "aliases": [{"name"}], "tags": [{"name", "count"}]}]}``, also those that are only similar.
   ``/ws/2/release-group?query=releasegroup:"TITLE" AND arid:MBID`` (or ``artist:"NAME"``, which is the credit
   with all its artists) gives ``{"release-groups": [{"id", "title", "artist-credit": [{"name", "joinphrase",
   "artist": {"id", "name", "aliases"}}], "tags"}]}``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote, urlsplit

from etl.services.contract import Answer, Kind, found, gone
from etl.services.errors import ForeignError, GarbledError, NotFoundError
from etl.services.musicbrainz import MusicBrainz, check_contact, raise_for_musicbrainz
from etl.services.open_service import MBID
from etl.services.statuses import json_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests

    from etl.services.settings import ServiceSettings

_VIEW: Final = "library_questions"
NAME: Final = "[^\\x00-\\x1f]{1,200}"
"""What can be a name to ask about."""

NAMED_ARTIST: Final = Kind("named_artist", "artist_name", NAME, songs=_VIEW, gives="tags")
ARTIST: Final = Kind("tagged_artist", "tagged_artist_mbid", MBID, songs=_VIEW, gives="tags")
RELEASE_GROUP: Final = Kind("release_group", "release_group_mbid", MBID, songs=_VIEW, gives="tags")
RELEASE: Final = Kind("release", "release_mbid", MBID, songs=_VIEW, gives="tags")
NAMED_RELEASE_GROUP: Final = Kind(
    "named_release_group", "album_name", f"{NAME}\\t{NAME}", songs=_VIEW, gives="tags"
)
KINDS: Final = (ARTIST, NAMED_ARTIST, RELEASE_GROUP, RELEASE, NAMED_RELEASE_GROUP)

_HELP: Final = b'"help"'  # where to read on, in every complaint of MusicBrainz

_PATHS: Final = {
    ARTIST: "artist/{id}?inc=genres+tags",
    RELEASE_GROUP: "release-group/{id}?inc=genres+tags",
    RELEASE: "release/{id}?inc=release-groups+genres+tags",
    NAMED_ARTIST: "artist?query={query}&limit=25",
    NAMED_RELEASE_GROUP: "release-group?query={query}&limit=25",
}


def configured(settings: ServiceSettings) -> MusicBrainzGenres:
    """Make the service; see :func:`etl.services.musicbrainz.configured`."""
    check_contact(settings)
    return MusicBrainzGenres(settings)


def unidentified(settings: ServiceSettings) -> MusicBrainzGenres:
    """Make the service for estimates."""
    return MusicBrainzGenres(settings)


class MusicBrainzGenres(MusicBrainz):
    """MusicBrainz, asked one thing at a time within the limits that it has for all that it is asked."""

    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    batch_size = 1

    def judge(self, response: requests.Response) -> Any:
        """Say what an answer means: an entity, None for one that is not known, or what a search has found."""
        try:
            raise_for_musicbrainz(response)
        except NotFoundError as error:
            if _HELP in response.content:  # so MusicBrainz itself has said so
                return None
            raise ForeignError(f"{error}, not in the form of MusicBrainz") from None
        body = json_object(response)
        asked = urlsplit(str(response.request.url))
        if "query=" in asked.query:
            hits = body.get("release-groups" if asked.path.endswith("/release-group") else "artists")
            if not isinstance(hits, list):
                raise GarbledError("the answer holds no list of what was found")
            return hits
        if not re.fullmatch(MBID, str(body.get("id"))):
            raise GarbledError("the answer names no entity")
        if not all(isinstance(body.get(key) or [], list) for key in ("genres", "tags")):
            raise GarbledError("the tags are no list")
        return body

    def ask(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Ask about one thing."""
        (item,) = ids
        path = _PATHS[kind].format(id=item, query=quote(_query(kind, item), safe=""))
        value = self.session.request("GET", f"{self.base}/{path}&fmt=json").json()
        if value is None:
            return [gone(kind, item, "the MBID is not known")]
        if kind == NAMED_ARTIST:
            return [judge_named(item, value)]
        if kind == NAMED_RELEASE_GROUP:
            return [judge_album(item, value)]
        return [judge_entity(kind, item, value)]


def _query(kind: Kind, item: str) -> str:
    """Write the search for a name; nothing is searched by MBID."""
    if kind == NAMED_ARTIST:
        return f'artist:"{_escaped(item)}"'
    artist, _, title = item.partition("\t")
    by = f"arid:{artist}" if re.fullmatch(MBID, artist) else f'artist:"{_escaped(artist)}"'
    return f'releasegroup:"{_escaped(title)}" AND {by}'


def judge_entity(kind: Kind, item_id: str, entity: Mapping[str, Any]) -> Answer:
    """Turn what is known about an artist, a release group or a release into an Answer."""
    group = entity.get("release-group")
    group = group if isinstance(group, dict) else {}
    value: dict[str, Any] = tags_of(entity, group if kind == RELEASE else {})
    if kind == ARTIST:
        value["name"] = name if isinstance(name := entity.get("name"), str) else ""
    if kind == RELEASE and isinstance(mbid := group.get("id"), str):
        value["release_group"] = mbid
    return found(kind, item_id, value)


def judge_named(name: str, artists: Sequence[Any]) -> Answer:
    """Find the artists who bear a name: by name, else by alias. Tags come only with a single one."""
    known = [
        artist
        for artist in artists
        if isinstance(artist, dict)
        and isinstance(artist.get("name"), str)
        and re.fullmatch(MBID, str(artist.get("id")))
    ]
    wanted = folded(name)
    called = [artist for artist in known if folded(artist["name"]) == wanted]
    called = called or [artist for artist in known if wanted in map(folded, _aliases(artist))]
    if not called:
        return gone(NAMED_ARTIST, name, "no artist has this name")
    value: dict[str, Any] = {"name": called[0]["name"], "artists": len({artist["id"] for artist in called})}
    if value["artists"] == 1:
        value |= {"mbid": called[0]["id"], **tags_of(called[0])}
    return found(NAMED_ARTIST, name, value)


def judge_album(album: str, groups: Sequence[Any]) -> Answer:
    """Find the release groups with a title that are by an artist; tags come only with a single one.

    Parameters
    ----------
    album
        MBID or name of the artist, a tab, and the title.
    groups
        What the search has found.
    """
    artist, _, title = album.partition("\t")
    called = [
        group
        for group in groups
        if isinstance(group, dict)
        and isinstance(group.get("title"), str)
        and re.fullmatch(MBID, str(group.get("id")))
        and folded(group["title"]) == folded(title)
        and _is_by(artist, group)
    ]
    if not called:
        return gone(NAMED_RELEASE_GROUP, album, "no album of the artist has this title")
    number = len({group["id"] for group in called})
    value: dict[str, Any] = {"title": called[0]["title"], "release_groups": number}
    if number == 1:
        value |= {"release_group": called[0]["id"], **tags_of(called[0])}
    return found(NAMED_RELEASE_GROUP, album, value)


def _is_by(artist: str, group: Mapping[str, Any]) -> bool:
    """Whether a release group is by an artist: credited by MBID, or alone or as a whole by name or alias."""
    listed = group.get("artist-credit")
    credit = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict)]
    artists = [each["artist"] for each in credit if isinstance(each.get("artist"), dict)]
    if re.fullmatch(MBID, artist):
        return any(each.get("id") == artist for each in artists)
    names = ["".join(f"{each.get('name') or ''}{each.get('joinphrase') or ''}" for each in credit)]
    if len(artists) == 1:
        names += [str(artists[0].get("name") or ""), *_aliases(artists[0])]
    return folded(artist) in map(folded, names)


def tags_of(*entities: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Gather tags, each once with the votes it has most of; those with most votes first, none without."""
    votes: dict[str, tuple[int, bool]] = {}
    for entity in entities:
        for key in ("genres", "tags"):
            listed = entity.get(key)
            for each in listed if isinstance(listed, list) else []:
                if not (isinstance(each, dict) and isinstance(tag := each.get("name"), str) and tag):
                    continue
                count = each.get("count")
                if type(count) is int and 0 < count < 2**31:
                    before, is_genre = votes.get(tag, (0, False))
                    votes[tag] = (max(before, count), is_genre or key == "genres")
    tags = sorted(votes, key=lambda tag: (-votes[tag][0], tag))
    return {
        "tags": tags,
        "votes": [votes[tag][0] for tag in tags],
        "are_genres": [votes[tag][1] for tag in tags],
    }


def folded(name: str) -> str:
    """Fold a name to its letters and digits, by which spellings are compared.

    Examples
    --------
    >>> folded("Björk") == folded("BJORK"), folded("Salt-N-Pepa") == folded("Salt 'N' Pepa")
    (True, True)
    >>> folded("Simon & Garfunkel") == folded("Simon and Garfunkel"), folded("!!!")
    (True, '!!!')
    """
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    return "".join(filter(str.isalnum, plain)) or name.casefold().strip()


def _aliases(artist: Mapping[str, Any]) -> list[str]:
    listed = artist.get("aliases")
    return [
        each["name"]
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    ]


def _escaped(name: str) -> str:
    """Spell a name within the quotes of a search."""
    return re.sub(r'(["\\])', r"\\\1", name)
