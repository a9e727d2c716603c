"""Files of one song: ChordPro and chord annotations."""

from __future__ import annotations

from etl.chords.notations import Notation
from etl.sources.chords.song_files import Song, read_chordpro, read_lab

SONG = """{title: Greensleeves}
{subtitle: Traditional}
{key: Am}
# a comment [F#]
{start_of_verse: Verse 1}
A[Am]las, my [C]love, you [G]do me [Em7]wrong
{end_of_verse}
{soc}
[C]Greensleeves [*Coda] was [G/B]all my [G/B]joy [N.C.]
{eoc}
{chorus}
{sov}
[Am]And
{eov}
"""


def test_a_chordpro_file_gives_chords_sections_and_what_it_says_of_the_song() -> None:
    """Without lyrics, comments and annotations; equal neighbours are one chord, sections are numbered."""
    assert read_chordpro(SONG) == Song(
        "<verse_1> Am C G Em7 <chorus_1> C G/B N.C. <verse_2> Am",
        Notation.LEADSHEET,
        "Greensleeves",
        "Traditional",
        "Am",
    )


def test_a_capo_is_resolved() -> None:
    """Chords are those that sound, however the capo is said; what is no chord stays."""
    for capo in ("{capo: 3}", "{capo 3}", "{meta: capo 3}"):
        assert read_chordpro(f"{capo}\n[Am]a [G7/B]b [x]c [Ebmaj7]d").chords == "Cm A#7/D x Gbmaj7"


def test_an_annotation_gives_its_chords() -> None:
    """Silence is left out and equal neighbours are one; a text that is none is told from one that is."""
    text = "0.000 2.612 N\n2.612\t11.459\tE\n11.459 12.9 E\n12.9 17.5 C#:min7/b3\n17.5 18 X\n"
    assert read_lab(text) == Song("E C#:min7/b3 X", Notation.HARTE)
    assert read_lab("A song\nwith lyrics\n") is None
    assert read_lab("") is None
