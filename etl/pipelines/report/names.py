"""The sections of a report page, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PageSection(StrEnum):
    """A section of the page, in its order."""

    CHORDS = "chords"
    AUDIO = "audio"
    MIDI = "midi"
    GENRES = "genres"
    PLAYLISTS = "playlists"
    RUNS = "runs"


PAGE_SECTIONS: Final = tuple(PageSection)
