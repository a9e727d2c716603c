"""Roman numerals: what is written, that it reads back, and that it is the grammar of docs/numerals.md."""

from __future__ import annotations

import csv
import re
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings

from etl.chords.numerals import APPLIED_TARGETS, numeral, parse_numeral
from etl.chords.symbols import ChordSymbol, parse_chord, parse_section
from etl.music.keys import KEY_INDEX
from etl.music.qualities import QUALITIES, QUALITY_BY_SUFFIX
from tests.support.chord_songs import DATA, NOTES, analyzed, sample_harmony, songs
from tests.support.places import ROOT
from tests.support.reference import needs_reference, reference

with (DATA / "numerals" / "qualities.csv").open(encoding="utf-8") as _file:
    GOLDEN = [
        (row["suffix"], {int(pc) for pc in row["pitch_classes"].split()}, row["numeral"])
        for row in csv.DictReader(_file)
    ]


def write(symbol: str, key: str) -> str:
    """Write the numeral of a symbol in a key."""
    chord = parse_chord(symbol)
    assert chord is not None
    return numeral(chord, KEY_INDEX[key])


@pytest.mark.parametrize(("suffix", "pitch_classes", "text"), GOLDEN, ids=[text for _, _, text in GOLDEN])
def test_each_quality_is_written_as_listed(suffix: str, pitch_classes: set[int], text: str) -> None:
    """On C in C major, and the text alone gives the pitch classes back."""
    assert numeral(ChordSymbol("C", QUALITY_BY_SUFFIX[suffix]), 0) == text
    assert parse_numeral(text).pitch_classes == pitch_classes


def test_all_qualities_are_listed() -> None:
    """No suffix without a golden numeral."""
    assert {suffix for suffix, _, _ in GOLDEN} == set(QUALITY_BY_SUFFIX)


@pytest.mark.parametrize("key", range(24))
def test_every_symbol_reads_back_in_every_key(key: int) -> None:
    """Root, bass and pitch classes over the tonic: all qualities, 157 of them on 21 roots and 13 basses."""
    tonic = key % 12
    basses = ("", "C", "Cs", "D", "Eb", "E", "F", "Fs", "G", "Ab", "A", "Bb", "B")
    read = cache(parse_numeral)
    for root, quality in product(NOTES, QUALITIES):
        if root != "C" and quality.suffix not in QUALITY_BY_SUFFIX:
            continue
        for bass in basses if root in {"C", "Fs", "Eb"} else ("", "G"):
            chord = ChordSymbol(root, quality, bass)
            found = read(numeral(chord, key))
            assert found.root == (chord.root_pc - tonic) % 12
            assert found.bass == (chord.bass_pc - tonic) % 12
            assert found.pitch_classes == {(pc - tonic) % 12 for pc in chord.pitch_classes}


def test_applied_dominants_read_back() -> None:
    """For each target in major and minor, with all dominant qualities."""
    for key in range(24):
        minor, tonic = divmod(key, 12)
        for target, quality in product(APPLIED_TARGETS[minor], ("", "7", "9", "13", "7b9")):
            moved = ChordSymbol("C", QUALITY_BY_SUFFIX[quality]).transposed(tonic + target + 7)
            found = parse_numeral(numeral(moved, key, applied=True))
            assert found.root == found.bass == (target + 7) % 12
            assert found.pitch_classes == {(pc - tonic) % 12 for pc in moved.pitch_classes}
        for target, quality in product(APPLIED_TARGETS[minor], ("dim", "dimb7", "dim7")):
            moved = ChordSymbol("C", QUALITY_BY_SUFFIX[quality]).transposed(tonic + target + 11)
            found = parse_numeral(numeral(moved, key, applied=True))
            assert found.root == found.bass == (target + 11) % 12
            assert found.pitch_classes == {(pc - tonic) % 12 for pc in moved.pitch_classes}


@pytest.mark.parametrize(
    ("symbol", "key", "text"),
    [
        ("C", "C Major", "I"),
        ("Dmin", "C Major", "ii"),
        ("Bdim", "C Major", "vii°"),
        ("Bdim7", "C Major", "viiø7"),
        ("Bdimb7", "C Major", "vii°7"),
        ("Cmaj7", "C Major", "I△7"),
        ("Cmin", "C Minor", "i"),
        ("Eb", "C Minor", "bIII"),
        ("Ab", "C Minor", "bVI"),
        ("A", "C Minor", "VI"),
        ("Bbmin", "C Minor", "bvii"),
        ("B", "C Minor", "VII"),
        ("Db", "C Major", "bII"),
        ("Cs", "C Major", "bII"),
        ("Csdimb7", "C Major", "bii°7"),
        ("Gno3d", "C Major", "V(no3)"),
        ("Gsus4", "C Minor", "Vsus4"),
        ("Fs", "C Major", "#IV"),
        ("Gb", "C Major", "bV"),
        ("Gb7", "C Minor", "bV7"),
        ("Fsdim7", "C Major", "#ivø7"),
        ("Gbmin", "C Major", "#iv"),
        ("C", "F# Major", "bV"),
        ("Bs", "F# Major", "#IV"),
        ("D", "Ab Major", "#IV"),
        ("Ebb9", "A Major", "bV7b9"),
    ],
)
def test_degrees_count_from_the_major_scale(symbol: str, key: str, text: str) -> None:
    """In minor too; flats are preferred, but there is ``#iv``, and ``#IV`` or ``bV`` as spelled."""
    assert write(symbol, key) == text


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("C/E", "I/6"),
        ("C/G", "I/64"),
        ("C/C", "I"),
        ("C/Bs", "I"),
        ("C7/E", "I7/65"),
        ("C7/G", "I7/43"),
        ("C7/Bb", "I7/42"),
        ("C7/As", "I7/42"),
        ("Cmaj7/B", "I△7/42"),
        ("Bdimb7/Ab", "vii°7/42"),
        ("Cmin/Eb", "i/6"),
        ("Cmin/E", "i/^3"),
        ("Caug/Gs", "I+/64"),
        ("C/Bb", "I/^b7"),
        ("C/D", "I/^2"),
        ("F/G", "IV/^5"),
        ("Dmin7/G", "ii7/^5"),
        ("C/Fs", "I/^b5"),
        ("Csus4/F", "Isus4/^4"),
        ("Csus4/G", "Isus4/64"),
        ("C9/D", "I9/^2"),
        ("Cadd13/A", "I6/^6"),
        ("Cadd13/E", "I6/6"),
        ("Cno3d/E", "I(no3)/^3"),
        ("G7sus4/F", "V7sus4/42"),
    ],
)
def test_a_chord_tone_in_the_bass_is_a_figure_any_other_a_degree(symbol: str, text: str) -> None:
    """``6 64`` of triads, ``65 43 42`` of sevenths; else the degree of the scale after a caret."""
    assert write(symbol, "C Major") == text


@pytest.mark.parametrize(
    ("song", "text"),
    [(None, "empty"), ("", "empty"), (" ", "empty"), ("<verse_1>", "parse_error"), ("H Cs/", "parse_error")],
)
def test_songs_without_harmony_say_so(song: str | None, text: str) -> None:
    """In words, beside No Harmony and Parse Error."""
    assert analyzed(song)["roman_numerals"].item() == text


@settings(max_examples=100, deadline=None)
@given(songs)
def test_one_numeral_for_each_token(song: str) -> None:
    """Tags stand in their place, ``?`` for what is unknown, and each numeral sounds like its chord."""
    row = analyzed(song).row(0, named=True)
    if not row["n_chords"]:
        return
    for token, text in zip(song.split(), row["roman_numerals"].split(" "), strict=True):
        chord = parse_chord(token)
        if chord is None:
            assert text == (token if parse_section(token) else "?")
            continue
        found = parse_numeral(text)
        assert {(pc + row["key"]) % 12 for pc in found.pitch_classes} == chord.pitch_classes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "VIII",
        "IIII",
        "iV",
        "Iv",
        "H",
        "I8",
        "I/",
        "I/7",
        "I/^",
        "I/^8",
        "#",
        "bb",
        "I7/V/V",
        "<a_1>",
        "I ",
    ],
)
def test_other_text_is_no_numeral(text: str) -> None:
    """A clear error, never a guess."""
    with pytest.raises(ValueError, match="not a Roman numeral"):
        parse_numeral(text)


def documented_grammar() -> re.Pattern[str]:
    """Translate the EBNF of docs/numerals.md into a regular expression."""
    document = (ROOT / "docs" / "numerals.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```ebnf\n(.*?)```", document, re.DOTALL)
    rules = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*;$", block, re.MULTILINE | re.DOTALL))

    def expression(rule: str) -> str:
        parts = re.findall(r'"[^"]*"|\w+|[][{}()|,]', rule)
        known = {"[": "(?:", "]": ")?", "{": "(?:", "}": ")*", "(": "(?:", ")": ")", "|": "|", ",": ""}
        return "".join(
            re.escape(part[1:-1]) if part[0] == '"' else known.get(part) or _group(part) for part in parts
        )

    def _group(name: str) -> str:
        return "" if name == "," else f"(?:{expression(rules[name])})"

    return re.compile(expression(rules["numeral"]))


def test_every_numeral_of_the_sample_is_in_the_documented_grammar() -> None:
    """The EBNF of the document, read by this test, takes all numerals that occur and no nonsense."""
    grammar = documented_grammar()
    texts = {text for text in sample_harmony().numerals.texts if not parse_section(text) and text != "?"}
    assert len(texts) > 300
    assert [text for text in texts if not grammar.fullmatch(text)] == []
    assert not any(grammar.fullmatch(text) for text in ("", "VIII", "I8", "I/7", "I/^9", "IV7/", "?", "iV"))


def test_every_quality_is_in_the_documented_grammar() -> None:
    """So are the golden numerals, over figures and degrees of the bass."""
    grammar = documented_grammar()
    for _, _, text in GOLDEN:
        assert all(grammar.fullmatch(text + bass) for bass in ("", "/6", "/42", "/^b7"))


@needs_reference("rs200")
def test_roots_agree_with_the_rolling_stone_analysts() -> None:
    """In the analysts' own key, degree and case are theirs for at least 99 of 100 plain numerals."""
    with reference("rs200/rs200_numerals.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    same = total = 0
    for row in rows:
        chord = parse_chord(row["chord"])
        analyst = re.match(r"([b#]?[IViv]+)(?!.*/)", row["numeral_normalised"])
        if chord is None or analyst is None:
            continue
        tonic = parse_chord(row["key"].replace("-", "b").replace("#", "s"))
        if tonic is None:
            continue
        written = re.match(r"[b#]?[IViv]+", numeral(chord, tonic.root_pc))
        assert written is not None
        total += 1
        same += written[0] == analyst[1]
    assert total > 15_000
    assert same / total >= 0.99
