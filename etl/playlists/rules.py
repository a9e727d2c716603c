"""What lists keep to, said without loading what is compiled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GAP: Final = 8
"""Tracks of others between two of one artist."""


class Curve(StrEnum):
    """How loud a list is from its beginning to its end."""

    FLAT = "flat"
    RISE = "rise"
    FALL = "fall"
    WAVE = "wave"


@dataclass(frozen=True)
class Rules:
    """What must hold.

    Attributes
    ----------
    gap
        Tracks of others between two of one artist.
    per_artist, per_album
        Most tracks of one.
    window
        Least and most seconds of all tracks together.
    """

    gap: int = GAP
    per_artist: int = 1_000_000
    per_album: int = 1_000_000
    window: tuple[float, float] = (0.0, 1e12)
