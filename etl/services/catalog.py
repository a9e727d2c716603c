"""The services that can be asked: about songs (`etl enrich`) by modules of their names, and about genres."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.services.contract import Kind, Service
    from etl.services.settings import ServiceSettings

SERVICES: Final[Mapping[str, str]] = {
    "spotify": "Fill in artist and song names from Spotify; nothing is requested twice.",
    "musicbrainz": "Fill in artist names that Spotify did not give; 100 per request, no quota.",
    "listenbrainz": "Fetch tags and genres of the artists that MusicBrainz found, 50 per request.",
}
"""What each is good for, as its command says it."""

GENRE_SOURCES: Final[Mapping[str, str]] = {
    "musicbrainz": "musicbrainz_genres",
    "listenbrainz": "listenbrainz",
    "lastfm": "lastfm",
}
"""Modules of the services that know genres of artists and albums, by the service's name, in the order in
which they are asked: MusicBrainz tells the others who an artist is."""

ASKED: Final = (*SERVICES, *(name for name in GENRE_SOURCES if name not in SERVICES))
"""All services whose answers are kept."""


class _Module(Protocol):
    KINDS: tuple[Kind, ...]

    def configured(self, settings: ServiceSettings) -> Service: ...

    def unidentified(self, settings: ServiceSettings) -> Service: ...


def configured(name: str, settings: ServiceSettings) -> Service:
    """Make a service with the user's credentials, to ask about songs.

    Raises
    ------
    EtlError
        When credentials are missing, or cannot be right.
    """
    return _module(name).configured(settings)


def genre_source(name: str, settings: ServiceSettings) -> Service:
    """Make a service with the user's credentials, to ask about genres.

    Raises
    ------
    EtlError
        When credentials are missing, or cannot be right.
    """
    return _module(GENRE_SOURCES[name]).configured(settings)


def unidentified_source(name: str, settings: ServiceSettings) -> Service:
    """Make a service without credentials, to estimate what asking about genres takes."""
    return _module(GENRE_SOURCES[name]).unidentified(settings)


def unidentified(name: str, settings: ServiceSettings) -> Service:
    """Make a service without credentials, for estimates."""
    return _module(name).unidentified(settings)


def kinds_of(name: str) -> tuple[Kind, ...]:
    """Say what a service can be asked about songs; needs no credentials."""
    return _module(name).KINDS


def kept_kinds(name: str) -> tuple[Kind, ...]:
    """Say what of a service's answers are kept: those on songs, and those on genres."""
    of_songs = [name] if name in SERVICES else []
    modules = dict.fromkeys([*of_songs, GENRE_SOURCES.get(name, name)])
    return tuple(kind for module in modules for kind in _module(module).KINDS)


def _module(name: str) -> _Module:
    return cast("_Module", import_module(f"etl.services.{name}"))
