"""What drums are called, and from which score on a part counts as drums, without compiling anything."""

from __future__ import annotations

from typing import Final

TAG_SCORE: Final = 0.5
"""Score above which a part is tagged as drums."""
CATEGORY_SCORE: Final = 0.9
"""Score above which a part counts as drums for its category, and is left out of keys and chords."""

DRUM_CLASSES: Final = ("kick", "snare", "hat", "cymbal", "tom", "percussion")
KICK, SNARE, HAT, CYMBAL, TOM, PERCUSSION = range(6)
NO_DRUM: Final = 6
