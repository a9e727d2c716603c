"""Files of one song: ChordPro and chord annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.chords.notations import Notation
from etl.sources.chords.files import open_source
from etl.sources.chords.song_files import Song, read_chordpro, read_lab

if TYPE_CHECKING:
    from pathlib import Path

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


def test_chords_of_a_grid_are_read_and_frets_of_a_tablature_are_not() -> None:
    """Between the bar lines of a grid, without what stands beside them."""
    grid = "{sog}\nIntro |: C . Dm7 / | G7 . :| D\n{eog}\n"
    tab = "{start_of_tab: Solo}\nE|--[2]--|\n{end_of_tab}\n"
    assert read_chordpro(f"[Am]a\n{grid}{tab}[F]b").chords == "Am C Dm7 G7 F"


def test_a_file_of_several_songs_gives_each(tmp_path: Path) -> None:
    """Each with its own title and capo, and a number in its id."""
    path = tmp_path / "book.cho"
    path.write_text("{new_song}\n{title: One}\n{capo: 2}\n[Am]a\n{ns}\n{title: Two}\n[G]a [D]b\n")
    table = open_source(path, ("id", "chords", "title")).table
    assert table is not None
    assert table.to_pylist() == [
        {"id": "book-1", "chords": "Bm", "title": "One"},
        {"id": "book-2", "chords": "G D", "title": "Two"},
    ]


def test_an_annotation_gives_its_chords() -> None:
    """Silence is left out and equal neighbours are one; a text that is none is told from one that is."""
    text = "0.000 2.612 N\n2.612\t11.459\tE\n11.459 12.9 E\n12.9 17.5 C#:min7/b3\n17.5 18 X\n"
    assert read_lab(text) == Song("E C#:min7/b3 X", Notation.HARTE)
    assert read_lab("A song\nwith lyrics\n") is None
    assert read_lab("") is None
