"""The services that `etl enrich` can ask, by name; each is the module of that name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.services.contract import Kind, Service
    from etl.services.settings import ServiceSettings

SERVICES: Final[Mapping[str, str]] = {
    "spotify": "Fill artist and song names from Spotify; what is fetched once is never asked again.",
    "musicbrainz": "Fill artist names that Spotify has not given, 100 to a request and without a quota.",
    "listenbrainz": "Fetch the tags and genres of the artists that MusicBrainz has found, 50 to a request.",
}
"""What each is good for, as its command says it."""


class _Module(Protocol):
    KINDS: tuple[Kind, ...]

    def configured(self, settings: ServiceSettings) -> Service: ...

    def unidentified(self, settings: ServiceSettings) -> Service: ...


def configured(name: str, settings: ServiceSettings) -> Service:
    """Make a service with the user's credentials.

    Raises
    ------
    EtlError
        When credentials are missing, or cannot be right.
    """
    return _module(name).configured(settings)


def unidentified(name: str, settings: ServiceSettings) -> Service:
    """Make a service without credentials, for estimates."""
    return _module(name).unidentified(settings)


def kinds_of(name: str) -> tuple[Kind, ...]:
    """Say what a service can be asked about; needs no credentials."""
    return _module(name).KINDS


def _module(name: str) -> _Module:
    return cast("_Module", import_module(f"etl.services.{name}"))
