"""Name, metas and notes are weighed, and each figure says where it is from."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import random
import struct

import mido
import polars as pl
import pytest

from etl.midi.analysis import analyze
from etl.midi.arrays import repair_names
from etl.midi.file_names import with_name_figures
from etl.midi.reader import read_files
from etl.music.keys import KEY_NAMES
from tests.support.midi_oracle import midi_bytes
from tests.support.midi_songs import midi_files
from tests.support.reference import needs_reference

LOOP = [(45, 57, 60, 64), (41, 57, 60, 65), (43, 55, 59, 62), (45, 57, 60, 64)]  # Am F G Am


def analyzed(blob: bytes, stem: str | None = None):
    """Analyse one file under a name, or under none."""
    names = None
    if stem is not None:
        names = with_name_figures(
            pl.LazyFrame({"file": pl.Series([0], dtype=pl.Int32), "stem": [stem]})
        ).collect()
    return analyze(read_files([blob]), names=names).files.row(0, named=True)


def chords(*metas, length: int = 480) -> bytes:
    """Write the loop four times over, on the beat."""
    track = [*metas]
    for chord in LOOP * 4:
        track += [mido.Message("note_on", note=pitch, velocity=80) for pitch in chord]
        track += [mido.Message("note_off", note=pitch, time=length * (pitch == chord[0])) for pitch in chord]
    return midi_bytes([track])


def tempo(bpm: float):
    """Give a tempo meta."""
    return mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))


def played(bpm: float, *metas) -> bytes:
    """Write eighths as a person plays them at a tempo, recorded against 120 bpm."""
    chance = random.Random(1)
    track, now = [*metas], 0
    for step in range(240):
        start = int((step * 30 / bpm + chance.gauss(0, 0.008)) * 960) + 40
        note = random.Random(step % 16).choice([48, 52, 55, 60])
        loud = 110 if step % 2 == 0 else 60
        track.append(mido.Message("note_on", note=note, velocity=loud, time=max(0, start - now)))
        track.append(mido.Message("note_off", note=note, time=60))
        now = max(now, start) + 60
    return midi_bytes([track])


@pytest.mark.parametrize("length", [120, 160, 240, 480, 960, 1920])
def test_onsets_on_the_grid_say_no_tempo(length):
    """Without a tempo meta, quantised music is at 120, the standard, however fast its notes are."""
    row = analyzed(chords(length=length))
    assert (row["bpm"], row["bpm_source"], row["bpm_confidence"]) == (120.0, "default", 0.0)
    assert row["bpm_heard"] is None


def test_a_name_gives_the_tempo_that_metas_do_not():
    """A figure with bpm counts where no meta is, and before the 120 that programs write unasked."""
    for blob, trust in ((chords(), 0.95), (chords(tempo(120)), 0.8)):
        row = analyzed(blob, "Chords_Am_128bpm")
        assert (row["bpm"], row["bpm_mean"], row["bpm_source"]) == (128.0, 128.0, "name")
        assert row["bpm_confidence"] == trust
    row = analyzed(chords(), "loop 128")
    assert (row["bpm"], row["bpm_source"], row["bpm_confidence"]) == (128.0, "name", 0.5)


def test_a_meta_stands_against_a_name_but_is_trusted_less():
    """A tempo that somebody set is the file's; a name that says another halves the trust."""
    for stem, trust in (("x_128bpm", 0.5), ("x_97bpm", 1.0), ("x 128", 1.0), ("x", 1.0)):
        row = analyzed(chords(tempo(97)), stem)
        assert (row["bpm"], row["bpm_source"], row["bpm_confidence"]) == (97.0, "meta", trust)


@pytest.mark.parametrize("bpm", [83.0, 97.0, 143.0])
def test_a_tempo_that_nobody_played_to_is_nominal(bpm):
    """Onsets off the beats of a meta: little trust, and the heard tempo beside it; a name counts more."""
    row = analyzed(played(bpm, tempo(120)))
    assert (row["bpm"], row["bpm_source"]) == (120.0, "nominal")
    assert row["bpm_confidence"] <= 0.2
    assert row["bpm_heard"] is not None
    assert min(abs(row["bpm_heard"] / bpm / octave - 1) for octave in (0.5, 1, 2)) < 0.02
    named = analyzed(played(bpm, tempo(120)), f"take {bpm:.0f}bpm")
    assert (named["bpm"], named["bpm_source"]) == (bpm, "name")


def test_a_performance_to_its_own_tempo_is_not_nominal():
    """A person who plays to the click of the meta is on its beats."""
    row = analyzed(played(120, tempo(120)))
    assert (row["bpm"], row["bpm_source"], row["bpm_confidence"]) == (120.0, "meta", 1.0)


@needs_reference("midi/groove")
def test_drummers_who_played_to_a_click_have_their_tempo():
    """Of 80 performances to a click, all but two have the meta as their tempo."""
    blobs = [blob for path, blob in midi_files("groove").items() if path.endswith(".mid")]
    sources = analyze(read_files(blobs)).files["bpm_source"]
    assert (sources == "meta").sum() >= 78


def test_a_name_tells_a_key_from_its_relative():
    """Notes that leave two keys open are decided by the name, and by a key meta that is not C major."""
    both = [(48, 52, 55), (45, 48, 52)] * 4
    track = []
    for chord in both:
        track += [mido.Message("note_on", note=pitch, velocity=80) for pitch in chord]
        track += [mido.Message("note_off", note=pitch, time=960 * (pitch == chord[0])) for pitch in chord]
    blob, signed = midi_bytes([track]), midi_bytes([[mido.MetaMessage("key_signature", key="Am"), *track]])
    unsaid = midi_bytes([[mido.MetaMessage("key_signature", key="C"), *track]])
    assert (analyzed(blob)["key"], analyzed(blob)["key_source"]) == ("C Major", "notes")
    named = analyzed(blob, "pad_Am_90bpm")
    assert (named["key"], named["key_source"]) == ("A Minor", "name")
    assert named["key_posterior"][KEY_A_MINOR] == pytest.approx(named["key_confidence"], abs=1e-4)
    assert analyzed(unsaid)["key_confidence"] == analyzed(blob)["key_confidence"]
    assert analyzed(signed)["key_posterior"][KEY_A_MINOR] > analyzed(blob)["key_posterior"][KEY_A_MINOR]


KEY_A_MINOR = 21


def test_a_name_does_not_outvote_the_notes():
    """A file in C major called F sharp minor is in C major, with less confidence."""
    cadence = [(48, 64, 67), (53, 65, 69), (43, 62, 65, 71), (48, 64, 67)] * 8
    track = []
    for chord in cadence:
        track += [mido.Message("note_on", note=pitch, velocity=80) for pitch in chord]
        track += [mido.Message("note_off", note=pitch, time=960 * (pitch == chord[0])) for pitch in chord]
    row = analyzed(midi_bytes([track]), "song F#m")
    assert (row["key"], row["key_source"]) == ("C Major", "notes")


def test_drums_have_no_key_whatever_their_name_says():
    """Nothing pitched: no key."""
    track = [
        mido.Message(kind, channel=9, note=36, velocity=90, time=240) for kind in ("note_on", "note_off") * 9
    ]
    row = analyzed(midi_bytes([track]), "drums Am")
    assert (row["key"], row["key_source"], row["key_confidence"]) == (None, None, 0.0)


def test_figures_that_no_music_has_are_missing_and_named():
    """A tempo of one microsecond a beat, and a pause of a century, leave no figure but a repair."""
    header = b"MThd" + struct.pack(">IHHH", 6, 1, 1, 96)
    note = b"\x00\x90\x3c\x64\x60\x80\x3c\x00"

    def file(body: bytes) -> bytes:
        return header + b"MTrk" + struct.pack(">I", len(body)) + body

    fast = file(b"\x00\xff\x51\x03\x00\x00\x01" + note + b"\x00\xff\x2f\x00")
    late = file(note + b"\xff\xff\xff\xff\x7f\x80\x3c\x00" + b"\x00\xff\x2f\x00")
    row = analyzed(fast)
    assert (row["bpm"], row["bpm_mean"], row["bpm_min"], row["bpm_max"]) == (None,) * 4
    assert (row["bpm_source"], row["bpm_confidence"]) == ("none", 0.0)
    assert row["repairs"] == ["implausible_tempo"]
    assert analyzed(fast, "x 128bpm")["bpm"] == 128.0
    row = analyzed(late)
    assert row["bars"] is None
    assert "implausible_length" in row["repairs"]
    assert repair_names(1 << 23 | 1 << 24) == ["implausible_tempo", "implausible_length"]


MINOR_LOOPS = (
    "i bVII bVI bVII", "i bVI bIII bVII", "i iv v i", "i bVII bVI V", "i bIII bVII bVI", "i iv bVI V",
    "i bVI iv V", "i bVII iv bVI", "i v bVI bVII", "i bVI bVII i", "i iv i v", "i iv bVII bIII",
    "i i bVI bVII", "i bVII i bVII", "i bIII iv bVI", "i bVII bIII IV", "i v iv i", "i iv i V",
    "bVI bVII i i", "bVI bVII i v", "i bVI v bVII", "i bVII v bVI", "i IV i IV", "i bVII bVI bVI",
)  # fmt: skip
MAJOR_LOOPS = (
    "I V vi IV", "I IV V IV", "I vi IV V", "I IV I V", "I V IV V", "I ii IV V", "I iii IV V", "I IV vi V",
    "I vi ii V", "I V ii IV", "I IV ii V", "I iii vi IV",
)  # fmt: skip
DEGREES = {"i": 0, "ii": 2, "biii": 3, "iii": 4, "iv": 5, "v": 7, "bvi": 8, "vi": 9, "bvii": 10}


def loop(numerals: str, tonic: int, *, times: int, quarters: int) -> bytes:
    """Write block chords over their roots."""
    track = []
    for numeral in numerals.split() * times:
        root = tonic + DEGREES[numeral.lower()]
        third = 4 if numeral.lstrip("b")[0].isupper() else 3
        pitches = [36 + root % 12, *(52 + (root + up - 52) % 12 for up in (0, third, 7))]
        track += [mido.Message("note_on", note=pitch, velocity=80) for pitch in pitches]
        track += [
            mido.Message("note_off", note=pitch, time=480 * quarters * (place == 0))
            for place, pitch in enumerate(pitches)
        ]
    return midi_bytes([track])


@pytest.mark.parametrize(
    ("numerals", "mode"),
    [("IV V I vi ii V I IV", 0), ("ii V I vi ii V I I", 0), ("iv bVII bIII bVI iv V i i", 12)],
)
def test_phrases_may_begin_on_any_chord(numerals, mode):
    """Eight bars of eight chords are in the key of their cadence, whichever chord comes first."""
    found = analyze(read_files([loop(numerals, tonic, times=1, quarters=4) for tonic in range(12)])).files
    assert found["key"].to_list() == [KEY_NAMES[mode + tonic] for tonic in range(12)]


@pytest.mark.parametrize(("times", "quarters"), [(1, 4), (2, 4), (1, 8), (4, 4)])
def test_loops_are_in_the_key_they_begin_in(times, quarters):
    """All minor loops of four chords, and but one of the major ones, have the key of their first chord."""
    right, confidence = [], []
    for loops, mode in ((MINOR_LOOPS, 12), (MAJOR_LOOPS, 0)):
        blobs = [loop(numerals, 9, times=times, quarters=quarters) for numerals in loops]
        files = analyze(read_files(blobs)).files
        right.append(files["key"].to_list().count(KEY_NAMES[mode + 9]))
        confidence += files["key_confidence"].to_list()
    assert right[0] == len(MINOR_LOOPS)
    assert right[1] >= len(MAJOR_LOOPS) - 1
    # Most of them can be heard in the relative key too.
    assert sum(confidence) / len(confidence) < 0.8


def test_a_tempo_of_zero_says_nothing() -> None:
    """Programs write it that know no tempo: the name's figure counts, else the standard, at no confidence."""
    zero = mido.MetaMessage("set_tempo", tempo=0)
    row = analyzed(chords(zero))
    assert (row["bpm"], row["bpm_source"], row["bpm_confidence"]) == (120.0, "default", 0.0)
    row = analyzed(chords(zero), "loop_92bpm")
    assert (row["bpm"], row["bpm_source"]) == (92.0, "name")
    assert analyzed(chords(zero, tempo(90.0)))["bpm_source"] == "meta"


def test_no_key_is_said_to_be_from_a_meta_that_is_not_there() -> None:
    """Also where name and notes disagree and a third key is between them."""
    scale = [message for _ in range(2) for note in (55, 57, 59, 60, 62, 64, 66, 67) for message in (
        mido.Message("note_on", note=note, velocity=90), mido.Message("note_off", note=note, time=240),
    )]  # fmt: skip
    for key in KEY_NAMES:
        row = analyzed(midi_bytes([scale]), f"{key} loop")
        assert row["key_source"] in {"notes", "name"}


def test_a_metre_in_the_name_counts_where_no_meta_says_one():
    """Bars are counted by it; a meta is believed before it."""
    waltz = analyzed(chords(), "Waltz_3-4_90bpm")
    assert (waltz["numerator"], waltz["denominator"], waltz["metre_source"]) == (3, 4, "name")
    assert (waltz["bars"], analyzed(chords(), "Waltz")["bars"]) == (6, 4)
    meta = mido.MetaMessage("time_signature", numerator=4, denominator=4)
    assert analyzed(chords(meta), "Waltz_3-4_90bpm")["metre_source"] == "meta"
    assert analyzed(chords(), "Waltz")["metre_source"] == "default"


def test_tracks_say_what_no_name_says():
    """Their figures count where file and folders are silent; tracks that disagree say nothing."""

    def named(*tracks: str) -> bytes:
        bodies = [[mido.MetaMessage("track_name", name=name)] for name in tracks]
        for channel, body in enumerate(bodies):
            for chord in LOOP * 4:
                body += [mido.Message("note_on", note=note, channel=channel) for note in chord]
                body += [
                    mido.Message("note_off", note=note, channel=channel, time=480 * (note == chord[0]))
                    for note in chord
                ]
        return midi_bytes(bodies)

    row = analyzed(named("Pad Am 128bpm", "Keys"), "one")
    assert (row["bpm"], row["bpm_source"], row["key"]) == (128.0, "name", "A Minor")
    assert analyzed(named("Pad Am 128bpm"))["bpm"] == 128.0
    assert analyzed(named("Pad 128bpm"), "one 90bpm")["bpm"] == 90.0
    for tracks in (("Pad 128bpm", "Keys 90bpm"), ("Synth 128",), ("Am I 120",)):
        row = analyzed(named(*tracks), "one")
        assert (row["bpm"], row["bpm_source"]) == (120.0, "default")
