"""Fields of tags, by the names that formats and programs give them.

References
----------
.. [1] MusicBrainz Picard, "Appendix B: Tag Mapping"; hydrogenaudio, "Tag Mapping"; RFC 7845 (R128).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEXTS: Final = (
    "title",
    "artist",
    "album",
    "albumartist",
    "genre",
    "composer",
    "label",
    "comment",
    "isrc",
    "musicbrainz_recordingid",
    "musicbrainz_albumid",
    "musicbrainz_artistid",
    "key",
)
"""Fields that are text."""

NUMBERS: Final = (
    "track",
    "track_total",
    "disc",
    "disc_total",
    "year",
    "originaldate",
    "bpm",
    "compilation",
    "replaygain_track_gain",
    "replaygain_album_gain",
    "r128_track_gain",
    "r128_album_gain",
)
"""Fields that are numbers, dates or yes and no, as the text that they are in a file."""

MULTIPLE: Final = frozenset(
    (
        "artist",
        "albumartist",
        "genre",
        "composer",
        "label",
        "isrc",
        "musicbrainz_recordingid",
        "musicbrainz_albumid",
        "musicbrainz_artistid",
        "musicbrainz_releasegroupid",
    )
)
"""Fields that may have several values."""

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("title", "wm/title", "inam", "tit2"),
    "artist": ("artist", "author", "artists", "tpe1"),
    "album": ("album", "wm/albumtitle", "talb"),
    "albumartist": (
        "albumartist", "album artist", "album_artist", "wm/albumartist", "ensemble", "tpe2",
    ),
    "genre": ("genre", "wm/genre", "tcon"),
    "composer": ("composer", "wm/composer", "tcom"),
    "label": ("label", "publisher", "organization", "record label", "wm/publisher", "tpub"),
    "comment": ("comment", "description"),
    "isrc": ("isrc", "wm/isrc", "tsrc"),
    "musicbrainz_recordingid": (
        "musicbrainz_recordingid", "musicbrainz_trackid", "musicbrainz track id", "musicbrainz/track id",
    ),
    "musicbrainz_albumid": ("musicbrainz_albumid", "musicbrainz album id", "musicbrainz/album id"),
    "musicbrainz_artistid": ("musicbrainz_artistid", "musicbrainz artist id", "musicbrainz/artist id"),
    "musicbrainz_releasegroupid": (
        "musicbrainz_releasegroupid", "musicbrainz release group id", "musicbrainz/release group id",
    ),
    "key": ("key", "initial_key", "initialkey", "initial key", "wm/initialkey", "tkey"),
    "track": ("track", "tracknumber", "_track", "wm/tracknumber", "trck"),
    "track_total": ("track_total", "tracktotal", "totaltracks", "total tracks"),
    "disc": ("disc", "discnumber", "_disc", "wm/partofset", "tpos"),
    "disc_total": ("disc_total", "disctotal", "totaldiscs", "total discs"),
    "year": ("year", "date", "_year", "wm/year", "tdrc", "tyer", "date_released"),
    "originaldate": (
        "originaldate", "original_date", "tdor", "originalyear", "tory", "wm/originalreleaseyear",
    ),
    "bpm": ("bpm", "tempo", "tmpo", "wm/beatsperminute", "tbpm"),
    "compilation": ("compilation", "cpil", "tcmp", "itunescompilation", "wm/iscompilation"),
    "replaygain_track_gain": ("replaygain_track_gain",),
    "replaygain_album_gain": ("replaygain_album_gain",),
    "r128_track_gain": ("r128_track_gain",),
    "r128_album_gain": ("r128_album_gain",),
}  # fmt: skip

FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: field for field, names in _NAMES.items() for name in names}
)
"""Field by the name that a reader gives it, in lower case."""

_MUSICBRAINZ: Final = "http://musicbrainz.org"


def _each(values: Iterable[str]) -> Iterable[str]:
    """Take apart texts that hold several values, as tinytag gives those of a field of the user's own."""
    for value in values:
        if "\0" in value:
            yield from (part.removeprefix("\ufeff") for part in value.split("\0"))
        else:
            yield value


def by_field(named: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Gather values by field, in order, each once; names that are not known are passed over.

    Of names for the same field, those that come first in the order of the tag come first.
    """
    found: dict[str, list[str]] = {}
    for name, values in named:
        field = FIELDS.get(name.lower())
        if field is not None:
            known = found.setdefault(field, [])
            known += [value for value in _each(values) if value and value not in known]
        elif name == "ufid":  # the recording of MusicBrainz, as Picard files it in ID3
            for value in values:
                owner, _, number = value.partition("\0")
                if owner == _MUSICBRAINZ:
                    found.setdefault("musicbrainz_recordingid", []).insert(0, number)
    return found
