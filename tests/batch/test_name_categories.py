# ruff: noqa: RUF001 - words of many languages
"""What names of samples say, on names that strangers wrote."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from etl.batch.name_categories import name_category

NAMES = Path(__file__).parents[1] / "data" / "sample_names" / "names.csv"


def test_names_of_packs_are_named_and_right():
    """At least 85 % of the names of 42 packs say what they are, and at least 97 % of these rightly."""
    with NAMES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    said = [(name_category(row["name"], row["folder"]), row["category"].split("|")) for row in rows]
    named = [(found.category, truth) for found, truth in said if found is not None]
    assert len(named) >= 0.85 * len(rows)
    assert sum(category in truth for category, truth in named) >= 0.97 * len(named)


@pytest.mark.parametrize(
    ("name", "folder", "kind"),
    [
        ("BD01.wav", "", "kick"),
        ("bassdrum_acoustic01.ogg", "", "kick"),
        ("hh_open3.wav", "", "hat"),
        ("OH.wav", "", "hat"),
        ("12.HC.808.wav", "DM/TR-808", "percussion"),
        ("snaredrum.wav", "", "snare"),
        ("000_ab2closedhh.wav", "", "hat"),
        ("fanbass.wav", "", "bass"),
        ("Synth Riser 04.wav", "", "fx"),
        ("rave_hihat01 - 180 BPM.ogg", "beats", "hat"),
        ("01.wav", "Pack/Claps/Dry", "clap"),
        ("WS2_KIT_1_Electric_Piano_Chords_Fm_101BPM.wav", "", "chords"),
        ("guitar_rhythm_Ebmaj.wav", "", "guitar"),
        ("SP01.ogg", "Stereo Kit", "loop"),
        ("TPT_Berimbau Gunga_125bpm.wav", "", "percussion"),
        ("Duduk 3.wav", "", "woodwind"),
        ("50 DoncaLBongo.wav", "", "percussion"),
        ("808_RShot.wav", "", "snare"),
        ("58 SynthPerc.wav", "", "percussion"),
        ("DMX_Shaker1_MidTune.wav", "", "percussion"),
        ("OHat.wav", "", "hat"),
        ("Kik Prc.wav", "", "kick"),
        ("caisse_claire 3.wav", "", "snare"),
        ("Flu\u0302te.wav", "", "woodwind"),
        ("サブキック01.wav", "", "kick"),
        ("хай-хэт 2.wav", "", "hat"),
        ("人声 02.wav", "", "voice"),
        ("Ｓｎａｒｅ.wav", "", "snare"),
        ("Summer Nights 124 Am.wav", "", "melody"),
        ("TB Off 1.wav", "Trance/Bass/2", "bass"),
        ("TB 2.wav", "Trance", "percussion"),
        ("Smashed 1.wav", "Trance/Sequence/0", "arpeggio"),
        ("Who I Am.wav", "", None),
        ("Ohio.wav", "", None),
        ("01.wav", "", None),
    ],
)
def test_words_abbreviations_and_folders(name, folder, kind):
    """Words glued together, letters and digits, folders above; nothing is guessed."""
    found = name_category(name, folder)
    assert (found and found.kind) == kind


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_name_is_read(name, folder):
    """Whatever a file is called."""
    found = name_category(name, folder)
    assert found is None or found.category in {"drums", "melodic", "vocals", "fx"}
