"""One vocabulary for MIDI and samples: no word stands for two things within a list."""

from __future__ import annotations

from collections import Counter

import pytest

from etl.midi.tag_words import WORDS
from etl.music.sound_words import ABBREVIATIONS, INSTRUMENTS, MORE_SOUNDS, ROLES


@pytest.mark.parametrize("vocabulary", [INSTRUMENTS, ROLES, MORE_SOUNDS, ABBREVIATIONS])
def test_a_word_means_one_thing(vocabulary):
    """Which of two it would mean would depend on their order."""
    words = Counter(word for listed in vocabulary.values() for word in set(listed.split()))
    assert not [word for word, number in words.items() if number > 1]


def test_midi_has_these_words():
    """Tags of MIDI files come from the same lists."""
    known = set(WORDS["word"])
    assert {word for listed in INSTRUMENTS.values() for word in listed.split()} <= known
