"""What an id of Spotify looks like."""

from __future__ import annotations

from typing import Final

SPOTIFY_ID: Final = "[0-9A-Za-z]{22}"
"""Regular expression that a whole id matches: 22 digits of base 62."""
