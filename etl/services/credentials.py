"""Client id and secret of a Spotify app: from the environment or the configuration file only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import config_path, setting


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client id and its secret; neither shows in ``repr``."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)

    @property
    def app(self) -> str:
        """A name for the app that does not give its id away: 12 hexadecimal digits."""
        return hashlib.sha256(self.client_id.encode()).hexdigest()[:12]


def spotify_credentials() -> Credentials:
    """Find the credentials of the Spotify app.

    ``SPOTIPY_CLIENT_ID`` and ``SPOTIPY_CLIENT_SECRET`` win over ``client_id`` and ``client_secret`` under
    ``[spotify]`` in the configuration file.

    Raises
    ------
    EtlError
        When either is missing, or holds what no header can.
    """
    client_id = (setting("SPOTIPY_CLIENT_ID", "spotify", "client_id") or "").strip()
    secret = (setting("SPOTIPY_CLIENT_SECRET", "spotify", "client_secret") or "").strip()
    if not (client_id and secret):
        raise EtlError(
            f"no Spotify client {'secret' if client_id else 'id'} is set.",
            "Set SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET, or write client_id and client_secret under "
            f"[spotify] in {config_path()}. An app is made at https://developer.spotify.com/dashboard.",
            exit_code=ExitCode.USAGE,
        )
    if not (client_id + secret).isascii() or not (client_id + secret).isprintable():
        raise EtlError(
            "the Spotify client id or secret contains characters that are not valid in one.",
            "Copy both again from the app's page at https://developer.spotify.com/dashboard.",
            exit_code=ExitCode.USAGE,
        )
    return Credentials(client_id, secret)
