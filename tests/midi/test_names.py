"""Names: what they say, the tags they give, the categories they lead to, and how they are made safe."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from etl.midi.analysis import analyze
from etl.midi.categories import CATEGORIES, categorize
from etl.midi.file_names import parse_key, restated, with_name_figures
from etl.midi.mpc import CATEGORY_FOLDERS, progression
from etl.midi.reader import read_files
from etl.midi.sanitize import LONGEST_STEM, distinct_names, safe_stems
from etl.midi.tag_words import WORDS, word_tags
from etl.midi.tags import find_tags
from etl.midi.text import plain_name
from tests.support.places import DATA

SAYS = [
    ("1_126_funk-fast_125_beat_4-4", 125, None, None, "4/4"),
    ("loop_128bpm_C#m", 128, "C# Minor", None, None),
    ("Bbmaj7_stab", None, None, None, None),
    ("A_minor_pad", None, "A Minor", None, None),
    ("My Song in F sharp minor", None, "F# Minor", None, None),
    ("bpm90 groove", 90, None, None, None),
    ("120_Cmaj_bass_loop", 120, "C Major", None, None),
    ("I Am The Walrus", None, None, None, None),
    ("Track 01", None, None, None, None),
    ("BPM_174_Am_dnb 8 bars", 174, "A Minor", 8, None),
    ("a major hit", None, None, None, None),
    ("bass_Dbmin_4bar", None, "C# Minor", 4, None),
    ("E♭m", None, "Eb Minor", None, None),
    ("song_300", None, None, None, None),
    ("90 93 drums", 93, None, None, None),
    ("F#", None, "F# Major", None, None),
    ("3_jazz_7-8", None, None, None, "7/8"),
    ("cmin_arp", None, "C Minor", None, None),
    ("Gm7_C7", None, None, None, None),
    ("lead 97.5 BPM", 97.5, None, None, None),
    ("kick39", None, None, None, None),
    ("B-flat major", None, "Bb Major", None, None),
    ("Bb maj7 stab", None, None, None, None),
    ("F# dim riser", None, None, None, None),
    ("Eb_sus4_pad", None, None, None, None),
    ("Loop_C_maj_11", None, "C Major", None, None),
    ("groove 64 bars", None, None, 64, None),
    ("Am I Wrong", None, None, None, None),
    ("Am F C G", None, None, None, None),
    ("Am-F-C-G prog in A minor", None, "A Minor", None, None),
    ("bass_Fsmin_120bpm", 120, "F# Minor", None, None),
    ("Fs_minor", None, "F# Minor", None, None),
    ("Gsm_lead", None, "G# Minor", None, None),
    ("f#m_arp", None, "F# Minor", None, None),
    ("ebm_set", None, None, None, None),
    ("key of D", None, "D Major", None, None),
    ("Key: Bbm", None, "Bb Minor", None, None),
    ("300bpm_120", None, None, None, None),
    ("39bpm", None, None, None, None),
    ("221 bpm", None, None, None, None),
    ("40bpm", 40, None, None, None),
    ("BPM=220", 220, None, None, None),
    ("tempo 98", 98, None, None, None),
    ("1999 hit", None, None, None, None),
    ("2024-01-15", None, None, None, None),
    ("BWV 84", None, None, None, None),
    ("Kit 50 beat", None, None, None, None),
    ("Dreams Amen Bbq", None, None, None, None),
    ("C#", None, "Db Major", None, None),
    ("Csus4", None, None, None, None),
    ("Track 64", None, None, None, None),
    ("bars 1-2", None, None, None, None),
    ("120 bpm c minor", 120, "C Minor", None, None),
    ("bpm128_keyAm", 128, "A Minor", None, None),
    ("Keyboard Am", None, "A Minor", None, None),
    ("85,5 bpm", 85.5, None, None, None),
    ("Drums 120-128bpm", None, None, None, None),
    ("Arp 8A 124", 124, "A Minor", None, None),
    ("8b - 97.5 bpm - lead", 97.5, "C Major", None, None),
    ("Bank 8A", None, None, None, None),
    ("Prelude in C", None, "C Major", None, None),
    ("[Cm] 92 loop", 92, "C Minor", None, None),
    ("120_Dm", 120, "D Minor", None, None),
    ("Gbmaj 174bpm", 174, "F# Major", None, None),
    ("KEY=Fmin TEMPO=85", 85, "F Minor", None, None),
    ("A Minor Incident", None, None, None, None),
    ("A Minor Pad", None, "A Minor", None, None),
    ("Am Brunnen vor dem Tore", None, None, None, None),
    ("Am emotional chords", None, "A Minor", None, None),
    ("Am 120 sad", 120, "A Minor", None, None),
    ("Route 66", None, None, None, None),
    ("Blink 182 - All The Small Things", None, None, None, None),
    ("99 Luftballons", None, None, None, None),
    ("Juno 106 lead", None, None, None, None),
    ("Symphony 40 in G minor", None, "G Minor", None, None),
    ("Hits 1984", None, None, None, None),
    ("A Day In The Life", None, None, None, None),
    ("B-side", None, None, None, None),
    ("C64 theme", None, None, None, None),
    ("Track 120", None, None, None, None),
    *(
        (name, None, None, None, None)
        for name in (
            "Vivaldi_RV_93_largo",
            "Haendel_HWV_56",
            "Haydn_Sinfonie_94",
            "haydn_symphonie_101",
            "Psalm_100",
            "Nummer_73",
            "Seite_73",
            "Cancion_num_45",
            "Etude_n°_44",
            "Numero_45",
            "Hanon_60",
            "Hits_98",
            "Highway_61",
            "jam_12.05.98",
            "jam_98-05-12",
            "live_2019-05-98",
            "Up-Tempo 80s",
            "Tempo 70's",
            "90 BPM to 100 BPM",
            "90 bpm - 95 bpm",
            "Donkey D",
            "Monkey B Side",
            "Whiskey_G",
            "C Major - A Minor",
            "Am and Em",
            "100 bis 110 BPM",
            "Below 100 BPM",
            "Trumpet in Bb",
            "Horn in F 1",
            "Clarinet in A",
            "CD Part 3-4",
            "h-Mollig",
            "Durchgang",
            "C durch",
        )
    ),
    ("bars 5-8", None, None, None, None),
    ("groove_120-01-02", 120, None, None, None),
    ("Sonate in A-Moll", None, "A Minor", None, None),
    ("loopKeyAm", None, "A Minor", None, None),
    ("Song_key-Em", None, "E Minor", None, None),
    ("Loop Am - 124 bpm", 124, "A Minor", None, None),
    ("Messe h-Moll", None, "B Minor", None, None),
    ("Sonate in B-Dur", None, "Bb Major", None, None),
    ("Etude_cis-moll", None, "C# Minor", None, None),
    ("Es-Dur_90bpm", 90, "Eb Major", None, None),
    ("As-Dur", None, "Ab Major", None, None),
    ("Canon in D-dur", None, "D Major", None, None),
    ("Horn in D minor", None, "D Minor", None, None),
    ("Trumpet Concerto in D", None, "D Major", None, None),
]


def test_names_say_tempo_key_bars_and_metre():
    """Every spelling is read, and nothing is read that is not there."""
    frame = with_name_figures(pl.LazyFrame({"stem": [row[0] for row in SAYS]})).collect()
    found = frame.select("stem", "name_bpm", "name_key", "name_bars", "name_metre").rows()
    assert found == SAYS


def test_every_groove_name_gives_its_tempo():
    """The tempo in the name of every drum performance is found."""
    with zipfile.ZipFile((DATA / "midi") / "groove.zip") as archive:
        stems = [Path(name).stem for name in archive.namelist()]
    frame = with_name_figures(pl.LazyFrame({"stem": stems})).collect()
    assert frame["name_bpm"].to_list() == [float(stem.split("_")[2]) for stem in stems]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Am", "A Minor"),
        ("C", "C Major"),
        ("F# minor", "F# Minor"),
        ("Bb", "Bb Major"),
        ("H", None),
        ("Am7", None),
    ],
)
def test_keys_are_read_as_people_type_them(text, key):
    """One key, typed any usual way."""
    assert parse_key(text) == key


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("71bpm_Fsmin_melody", "120bpm_Amin_melody"),
        ("melody_F_sharp_minor_bpm_71_2", "melody_F_sharp_minor_bpm_120_2"),
        ("Pad_F#m", "Pad_F#m"),
        ("71bpm_Fsmaj", "120bpm_Fsmaj"),
        ("171bpm_Gbm", "171bpm_Am"),
        ("Take_71_Fsm7", "Take_71_Fsm7"),
        ("nothing", "nothing"),
    ],
)
def test_names_are_restated_where_they_say_what_was(name, expected):
    """The key and the tempo that a piece had give way to what it has; other numbers and chords stay."""
    assert restated(name, key=("F# Minor", "A Minor"), bpm=(71.0, 120.0)) == expected
    assert restated(name, key=("F# Minor", "F# Minor"), bpm=(71.0, 71.0)) == name
    assert restated(name, key=(None, None), bpm=(None, 120.0)) == name


def test_words_become_tags_once():
    """Compounds, plurals, camelCase and numbered words lead to one tag each."""
    names = ["DeepHouse Bass_Loops-bass", "Hi-Hats 02", "hip hop kick2", "nothing here"]
    frame = word_tags(pl.LazyFrame({"row": range(4), "name": names})).collect()
    tags = {row: set(frame.filter(pl.col("row") == row)["tag"]) for row in range(4)}
    assert tags == {0: {"house", "bass", "loop"}, 1: {"hat"}, 2: {"hiphop", "kick"}, 3: set()}
    assert frame.is_unique().all()


def test_no_word_stands_for_two_tags_of_a_kind():
    """The vocabulary is unambiguous."""
    assert WORDS.select("word", "kind").is_unique().all()


def test_drum_performances_are_drums_and_songs_are_whole_pieces():
    """Notes decide: all grooves land in drum categories; songs of several parts are no progressions."""
    blobs, stems = [], []
    for name in ("groove.zip", "pop909.zip"):
        with zipfile.ZipFile((DATA / "midi") / name) as archive:
            for member in archive.namelist():
                if member.endswith(".mid"):
                    blobs.append(archive.read(member))
                    stems.append(member)
    names = pl.DataFrame(
        {"file": range(len(stems)), "stem": stems, "folder": ""}, schema_overrides={"file": pl.Int32}
    )
    analysis = analyze(read_files(blobs))
    tags = find_tags(names, analysis.files, analysis.parts)
    found = categorize(analysis.files, tags)
    for stem, category, reason in zip(stems, found["category"], found["category_reason"], strict=True):
        assert category.startswith("Drum") if stem.startswith("groove") else category == "Loops"
        assert reason
    assert tags.filter(pl.col("tag") == "drums", pl.col("source") == "notes").height == 20


@given(st.lists(st.text(max_size=300), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_safe_names_are_safe_and_distinct(stems):
    """Whatever goes in, what comes out fits FAT32 and Windows, and no two differ by case alone."""
    frame = pl.DataFrame({"stem": stems}, schema={"stem": pl.String}).select(safe_stems(pl.col("stem")))
    names = distinct_names(frame["stem"], set())
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._-]+\.mid", name)
        assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\.", name)
        assert not name.startswith(".")
        assert len(name) <= LONGEST_STEM + 30


def test_accents_are_transliterated():
    """Letters lose their accents, not their place."""
    frame = pl.DataFrame({"stem": ["Café Straße", "Ærø", "F# minor", "aux.x", "ドラム"]})
    assert frame.select(safe_stems(pl.col("stem")))["stem"].to_list() == [
        "Cafe_Strasse", "AEro", "Fs_minor", "aux_.x", "doramu",
    ]  # fmt: skip


def test_clashing_names_are_numbered():
    """Names that differ by case clash, and so do numbered ones with ones that were there."""
    assert distinct_names(["a", "A", "a_1", "b"], {"b.mid"}) == ["a.mid", "A_1.mid", "a_1_1.mid", "b_1.mid"]


def test_every_category_has_a_folder():
    """Thirteen categories, thirteen folders."""
    assert set(CATEGORY_FOLDERS) == set(CATEGORIES)
    assert len(CATEGORIES) == 13


def test_progressions_hold_sixteen_pads_at_most():
    """Chords become pads once each, with the bass below."""
    made = progression(
        "x", "Eb Minor", ["Ebmin", "Fssus4", "Csdim7/G", *[f"{r}7" for r in "CDEFGAB"], *"CDEFGAB"]
    )
    pads = made["progression"]["chords"]
    assert made["progression"]["rootNote"] == "D#"
    assert len(pads) == 16
    assert [pad["role"] for pad in pads] == ["Root"] + ["Normal"] * 15
    assert pads[1] == {"name": "F#sus4", "role": "Normal", "notes": [42, 54, 59, 61]}
    assert pads[2] == {"name": "C#m7b5/G", "role": "Normal", "notes": [43, 49, 52, 55, 59]}


def test_other_scripts_are_romanised():
    """Cyrillic, Greek, Hebrew, kana, Han and Hangul give names, not numbers; what has no letters does not."""
    frame = pl.DataFrame({"stem": ["Катюша", "Ελλάδα 2", "ドラム", "日本", "드럼", "שלום", "♥"]})
    assert frame.select(safe_stems(pl.col("stem")))["stem"].to_list() == [
        "Katyusha", "Ellada_2", "doramu", "RiBen", "DeuLeom", "slvm", "untitled",
    ]  # fmt: skip


def test_percent_encoding_is_undone_and_other_percents_stay():
    """What a download left in a name is text; UTF-8 in it is read as such."""
    names = ["Deep%20House%20120bpm", "100% Funk", "Caf%C3%A9", "50%25", "a%zz"]
    assert [plain_name(name) for name in names] == ["Deep House 120bpm", "100% Funk", "Café", "50%", "a%zz"]


@pytest.mark.parametrize(
    ("stem", "key", "sure", "bpm", "bpm_sure"),
    [
        ("pad A minor 120bpm", "A Minor", 0.9, 120.0, 0.95), ("loop C#m 93", "C# Minor", 0.8, 93.0, 0.5),
        ("bass Bb", "Bb Major", 0.5, None, None), ("key of D", "D Major", 0.9, None, None),
        ("Db major", "Db Major", 0.9, None, None), ("a minor thing", None, None, None, None),
    ],
)  # fmt: skip
def test_what_a_name_says_in_words_is_surer_than_a_letter_or_a_lone_number(stem, key, sure, bpm, bpm_sure):
    """A key with its mode 0.9, as a chord 0.8, bare 0.5; a tempo with its unit 0.95, a number 0.5."""
    row = with_name_figures(pl.LazyFrame({"stem": [stem]})).collect().row(0, named=True)
    assert (row["name_key"], row["name_key_confidence"]) == (key, sure)
    assert (row["name_bpm"], row["name_bpm_confidence"]) == (bpm, bpm_sure)


def test_a_key_that_a_person_types_is_read_in_either_case_but_a_small_letter_alone():
    """That may be a minor key as people write it, or a major one."""
    typed = {
        "a": None,
        "A": "A Major",
        "am": "A Minor",
        "bb": "Bb Major",
        "f# minor": "F# Minor",
        "": None,
        "H": None,
    }
    assert {text: parse_key(text) for text in typed} == typed


def test_folders_say_what_names_do_not():
    """The nearest that says a key or says bpm, trusted less than a name; lone numbers and letters are not."""
    places = [
        ("01", "Deep House/Am 128bpm/"),
        ("lead", "Em 124 BPM/Loops Cmin/"),
        ("Song 90bpm Em", "F#m 100bpm/"),
        ("y", "pack.zip!House_126bpm_Gm/loops/"),
        ("z", "Route 66/120 beats/A/"),
        ("kick", "Drums 120-128bpm/"),
        ("none", ""),
    ]
    frame = pl.LazyFrame(places, schema=["stem", "folder"], orient="row")
    said = with_name_figures(frame).collect()
    assert said.select("stem", "name_bpm", "name_key").rows() == [
        ("01", 128, "A Minor"),
        ("lead", 124, "C Minor"),
        ("Song 90bpm Em", 90, "E Minor"),
        ("y", 126, "G Minor"),
        ("z", None, None),
        ("kick", None, None),
        ("none", None, None),
    ]
    trust = said["name_bpm_confidence"].to_list()
    assert trust[0] < trust[2]
