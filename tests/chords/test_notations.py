"""Notations: what their symbols stand for, the way back, what is no token, and which of them a text is in."""

from __future__ import annotations

import csv
from itertools import product

import polars as pl
import pytest

from etl.chords.analysis import analyze
from etl.chords.glossary import Glossary
from etl.chords.harte import parse_harte
from etl.chords.keys import KeyMethod
from etl.chords.notations import PARSERS, SPELLERS, Foreign, Notation, detect, foreign_spelling, plain_text
from etl.chords.symbols import ChordSymbol
from etl.music.qualities import QUALITIES, QUALITY_BY_SUFFIX
from tests.support.chord_songs import DATA, NOTES

with (DATA / "notations" / "conformance.csv").open(encoding="utf-8") as _file:
    CONFORMANCE = [tuple(row.values()) for row in csv.DictReader(_file)]

OTHERS = (Notation.LEADSHEET, Notation.HARTE)


def test_symbols_stand_for_what_the_table_says() -> None:
    """Root, bass and pitch classes of over 400 spellings; what must stay unknown does."""
    assert len(CONFORMANCE) >= 400
    wrong = []
    for notation, symbol, *expected in CONFORMANCE:
        chord = PARSERS[Notation(notation)](symbol)
        found = ["", "", ""]
        if chord is not None:
            pitch_classes = " ".join(map(str, sorted(chord.pitch_classes)))
            found = [str(chord.root_pc), str(chord.bass_pc), pitch_classes]
        if found != expected:
            wrong.append((notation, symbol, expected, found))
    assert wrong == []


@pytest.mark.parametrize("notation", OTHERS)
def test_every_chord_is_read_back_in_every_notation(notation: Notation) -> None:
    """All qualities on 21 roots, with and without a bass: the same root, bass and pitch classes."""
    for root, quality, bass in product(NOTES, QUALITIES, ("", "E", "Gs", "Bb")):
        chord = ChordSymbol(root, quality, bass)
        read = PARSERS[notation](SPELLERS[notation](chord))
        assert read is not None, SPELLERS[notation](chord)
        assert (read.root, read.bass_pc) == (root, chord.bass_pc)
        assert read.pitch_classes == chord.pitch_classes


def test_chordonomicon_spells_what_it_has_a_suffix_for() -> None:
    """Its own 157 qualities come back; of others root, bass and third, and no foreign note but a fifth."""
    parse, spell = PARSERS[Notation.CHORDONOMICON], SPELLERS[Notation.CHORDONOMICON]
    for root, quality in product(("C", "Fs", "Bb"), QUALITIES):
        chord = ChordSymbol(root, quality, "E")
        read = parse(spell(chord))
        assert read is not None
        if quality.suffix.startswith("b"):  # ``Cb7b9`` reads as C flat
            continue
        assert (read.root, read.bass) == (root, "E")
        if quality.suffix in QUALITY_BY_SUFFIX:
            assert read.pitch_classes == chord.pitch_classes
        else:
            assert read.quality.semitones.get("3") == quality.semitones.get("3")
            assert read.pitch_classes - chord.pitch_classes <= {(chord.root_pc + 7) % 12}


def test_dim7_is_by_notation() -> None:
    """Half-diminished in Chordonomicon, fully diminished everywhere else."""
    written = {Notation.CHORDONOMICON: "Cdim7", Notation.LEADSHEET: "Cdim7", Notation.HARTE: "C:dim7"}
    found = {notation: PARSERS[notation](symbol) for notation, symbol in written.items()}
    assert {n: chord and sorted(chord.pitch_classes) for n, chord in found.items()} == {
        Notation.CHORDONOMICON: [0, 3, 6, 10],
        Notation.LEADSHEET: [0, 3, 6, 9],
        Notation.HARTE: [0, 3, 6, 9],
    }


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("|: C^7 | A-7 D-7 :|| x2 [Intro] Am,F, C ,G", "C^7 A-7 D-7 <intro_1> Am F C G"),
        ("[Verse 2] Am - F \N{EN DASH} C % | N.C. | NC G", "<verse_2> Am F C G"),
        ("{title: A song} {soc} [C] [Am7] {eoc} Chorus: F G", "<chorus_1> C Am7 <chorus_1> F G"),
        ("{start_of_verse: Verse 1}\nC / / / | F", "<verse_1> C F"),
        ("C7(b9,#11) G/B, C:(1,3,5),D:min", "C7(b9,#11) G/B C:(1,3,5) D:min"),
        ("<verse_1> C:maj N A:min7/b3 | X", "<verse_1> C:maj A:min7/b3 X"),
        ("( C G ) [Solo Guitar] C-7 Bb^7", "C G <solo_1> C-7 Bb^7"),
        ("2E-:7b9 4r =2 1A:h7", "2E-:7b9 1A:h7"),
        ("<intro_riff_2> Am <bridge-A_12> Dm", "<intro_riff_2> Am <bridge-A_12> Dm"),
        ("['C', 'Am7', 'N.C.', 'F#m7b5']", "C Am7 F#m7b5"),
        ('["C","G/B", "D:min"]', "C G/B D:min"),
        ("[ch]C[/ch]   [ch]Am7[/ch]\\n[tab][ch]F[/ch][/tab]", "C Am7 F"),
        ("C-G-Am-F", "C G Am F"),
        ("C -> G => Am→F7-Bb", "C G Am F7 Bb"),
        ("C-7-F7 A-D- Bb-", "C-7 F7 A D- Bb-"),
        ("{*AT44C^7 |A-7 |N1C6 |x }|N2F7 Z", "C^7 A-7 C6 F7"),
        ("[*BT34[Gh7XyQC7b9|F-6 n |p Q C7 <D.C. al Fine> U", "Gh7 C7b9 F-6 C7"),
        ("G7(Db7) C:7(b9) 2G:7(2D-:7) Am7(b5) (Dm7)", "G7 C:7(b9) 2G:7 Am7(b5) (Dm7)"),
        ("**jazz *M4/4 *>[A,A1,B] *>A *k[b-] *F: 1C:maj7 =2 4r 2F:7 ==:|! *-", "1C:maj7 2F:7"),
        ("!!!OTL: A Day\n1C:maj7\n!! a note\n2F:7", "1C:maj7 2F:7"),
        ("C ?? !! G", "C ?? !! G"),
        ('|: "G" "^slow" "D7" |1 "Em" :|2 "C/E" |]', "G D7 Em C/E"),
        (
            "Am (let ring) G (x4) | C7 (b5) | F (N.C.) C D.C. al Coda | To Coda | Dm Fim",
            "Am G C7 (b5) F C Dm",
        ),
        (
            "[Primeira Parte] C7M [Refrão] Dm [Estrofa 2] G [Final] C",
            "<primeira_parte_1> C7M <refrao_1> Dm <estrofa_2> G <final_1> C",
        ),
        ("(section (style swing)) CM7 | / | NC G7", "<section_1> CM7 G7"),
        ("[Sol] [Hm7] [Gmaj7] [Csus] [Amsuz]", "Sol Hm7 Gmaj7 Csus Amsuz"),
        ("|1 |4 |5 6m|", "1 4 5 6m"),
        (
            "INTRO\nEm7 G (2x)\nPre Chorus:\nC * ~\n[Guitar Solo]\nD\n1ª parte\nF\n[Chorus x2]\nG",
            "<intro_1> Em7 G <pre_chorus_1> C <guitar_solo_1> D <parte_1> F <chorus_1> G",
        ),
        (
            "A: Cmaj7 |1. F :||2. C | D.C. al 2nd ending 𝄋 ||B: Gm7 ao 𝄋 e 𝄌 C6",
            "<a_1> Cmaj7 F C <b_1> Gm7 C6",
        ),
        ("l F^7 sD-7 | [2ª Parte] C", "F^7 D-7 <parte_2> C"),
        ("", ""),
    ],
)
def test_what_stands_between_chords_is_no_token(text: str, plain: str) -> None:
    """Bar lines, commas, dashes, repeats, rests; headings become section tags."""
    assert plain_text(text) == plain
    assert plain_text(plain) == plain


@pytest.mark.parametrize(
    ("text", "notation", "read"),
    [
        ("C F G7 Bb <verse_1> C", Notation.CHORDONOMICON, 4),
        ("C Amin Fs7 Cdim7", Notation.CHORDONOMICON, 4),
        ("C Am F G", Notation.LEADSHEET, 4),
        ("C | F | G7", Notation.LEADSHEET, 3),
        ("C^7 A-7 D-7 G7 Bh7 Co7", Notation.LEADSHEET, 6),
        ("C:maj A:min F:maj7/3 G:7 N C", Notation.HARTE, 5),
        ("Hm E7 A D", Notation.CHORDONOMICON, 3),
        ("Cs7 Fsmin Cm N.C. <verse> C", Notation.CHORDONOMICON, 3),
        ("C G7 Cdim7 Z s", Notation.CHORDONOMICON, 3),
        ("{*AC^7 |A-7 |N1D-7 |G7 }", Notation.LEADSHEET, 4),
        ("", Notation.CHORDONOMICON, 0),
    ],
)
def test_a_text_is_in_the_notation_that_reads_most(text: str, notation: Notation, read: int) -> None:
    """Of two that read the same the first, so that what Chordonomicon can read is read as such."""
    found = detect([text, None])
    assert (found.notation, found.read) == (notation, read)


def test_german_and_solfege_names_are_told() -> None:
    """They stay unknown, and are counted by what they look like."""
    found = detect(["Am Hm7 Fis E7 Solm La7 Rém bVII lyrics"])
    assert found.foreign == {Foreign.GERMAN: 2, Foreign.SOLFEGE: 3, Foreign.DEGREES: 1}
    assert foreign_spelling("Hello") is None


def test_a_notation_gives_the_same_harmony_as_its_translation() -> None:
    """The same song in three notations: the same key, numerals and fingerprints."""
    song = "<verse_1> Dmin Gmin7 A7b9 Dmin/F Edim7 Csdimb7 Dmin <chorus_1> Bb Fmaj7 C7sus4 F Dno3d"
    glossary = Glossary()
    rows = []
    for notation in Notation:
        chords = [glossary.chord(token) for token in song.split()]
        texts = [SPELLERS[notation](c) if c else t for c, t in zip(chords, song.split(), strict=True)]
        batch = pl.DataFrame({"chords": [" ".join(texts)]})
        done = analyze(batch, method=KeyMethod.TRAINED, glossary=Glossary(notation))
        names = [done.numerals.texts[i] for i in done.songs["numerals"][0]]
        rows.append((names, done.songs["key_posterior"].to_list(), done.songs["fingerprint_mean"].to_list()))
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("E:maj/3", "E/Gs"), ("D:7/3", "D7/Fs"), ("F#:min/5", "Fsmin/Cs"), ("Gb:maj/3", "Gb/Bb"),
        ("Ab:min/b3", "Abmin/Cb"), ("C:maj/2", "C/D"), ("B:maj/7", "B/As"), ("A:min7/b7", "Amin7/G"),
        ("C:maj/#4", "C/Fs"),
    ],
)  # fmt: skip
def test_a_bass_in_harte_is_spelled_by_its_degree_over_the_root(text: str, symbol: str) -> None:
    """Its letter counts from the root's; where that needs two accidentals the common name is taken."""
    assert str(parse_harte(text)) == symbol
