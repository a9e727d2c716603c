"""The analysis against annotated songs and drum performances, and on damaged files."""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import random
import zipfile

import mido
import mir_eval
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings, strategies as st
from polars.testing import assert_frame_equal

from etl.chords.symbols import parse_chord
from etl.midi.analysis import analyze
from etl.midi.chord_notes import QUALITY_NOTES
from etl.midi.chords import SUFFIXES, chord_labels, chord_segments, find_beats, spell_chords
from etl.midi.keys import find_keys
from etl.midi.reader import read_files
from etl.music.keys import KEY_NAMES
from tests.support.midi_oracle import midi_bytes
from tests.support.midi_songs import CHORD_NAMES, Songs, midi_files
from tests.support.places import DATA
from tests.support.reference import needs_reference

ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_ROOTS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


def members(name: str) -> dict[str, bytes]:
    """All members of a test archive."""
    with zipfile.ZipFile((DATA / "midi") / name) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


def majmin(songs: Songs, index: int) -> float:
    """Score the chords of one song by mir_eval's own way."""
    rows = songs.chord_rows[index]
    spans = np.array([[float(row[0]), float(row[1])] for row in rows])
    edges = songs.beat_times(index)
    labels = songs.chord_labels[songs.beats.offsets[index] : songs.beats.offsets[index + 1]]
    found, names = mir_eval.util.adjust_intervals(
        np.maximum(0, np.stack([edges[:-1], edges[1:]], 1))[edges[1:] > 0],
        [CHORD_NAMES[label] for label, edge in zip(labels, edges[1:], strict=True) if edge > 0],
        spans.min(),
        spans.max(),
        "N",
        "N",
    )
    merged, truth, guess = mir_eval.util.merge_labeled_intervals(
        spans, [row[2] for row in rows], found, names
    )
    return float(
        mir_eval.chord.weighted_accuracy(mir_eval.chord.majmin(truth, guess), merged[:, 1] - merged[:, 0])
    )


def check_songs(songs: Songs, *, keys: float, chords: float) -> None:
    """Hold the analysis of POP909 songs to shares of right keys and chords."""
    found = analyze(songs.batch).files["key"].to_list()
    assert np.mean([KEY_NAMES[key] for key in songs.keys] == np.array(found)) >= keys
    assert songs.chord_scores(songs.chord_labels, "majmin").mean() >= chords


def test_chords_are_scored_as_mir_eval_does():
    """Fits and figures score whole corpora at once, to the same numbers."""
    songs = Songs(members("pop909.zip"))
    scores = songs.chord_scores(songs.chord_labels, "majmin")
    np.testing.assert_allclose(scores, [majmin(songs, index) for index in range(len(scores))], atol=1e-9)


def test_keys_and_chords_of_fifteen_songs():
    """On the songs shipped with the tests, 13 of 15 keys and 85 % of the chords are right."""
    check_songs(Songs(members("pop909.zip")), keys=13 / 15, chords=0.85)


@needs_reference("midi/pop909")
def test_keys_and_chords_of_all_reference_songs():
    """On 114 songs of POP909, 91 % of the keys and 85 % of the chords are right."""
    check_songs(Songs(midi_files("pop909")), keys=0.91, chords=0.85)


def test_tempo_and_metre_of_drum_performances():
    """Tempo and metre of every performance are those in its name, and all of it is drums."""
    files = {name: blob for name, blob in members("groove.zip").items() if name.endswith(".mid")}
    frame = analyze(read_files(list(files.values()))).files
    for row, name in zip(frame.iter_rows(named=True), files, strict=True):
        _, _, bpm, _, metre = name.rsplit("/", 1)[-1].removesuffix(".mid").split("_")
        assert row["bpm"] == pytest.approx(float(bpm), abs=0.01)
        assert f"{row['numerator']}-{row['denominator']}" == metre
        assert row["drum_notes"] == row["notes"]
        assert row["drum_score"] == 1.0
        assert row["key"] is None
        assert row["chords"] == []
        assert row["kick_share"] + row["snare_share"] + row["hat_share"] > 0.3


def notes(*pitches: int, time: int = 480, channel: int = 0):
    """Messages of one chord held for ``time`` ticks."""
    on = [mido.Message("note_on", note=pitch, velocity=80, channel=channel) for pitch in pitches]
    off = [mido.Message("note_off", note=pitch, channel=channel) for pitch in pitches]
    off[0] = off[0].copy(time=time)
    return [*on, *off]


CADENCE = [*notes(48, 60, 64, 67), *notes(53, 60, 65, 69), *notes(43, 59, 62, 67), *notes(48, 60, 64, 67)] * 3


def test_a_cadence_gives_its_key_and_chords():
    """I IV V I in C is C major, and its chords are C F G C."""
    row = analyze(read_files([midi_bytes([CADENCE])])).files.row(0, named=True)
    assert row["key"] == "C Major"
    assert row["chords"][:4] == ["C", "F", "G", "C"]
    assert row["key_scope"] == "phrase"


@pytest.mark.parametrize("shift", range(-6, 6))
def test_transposition_moves_the_key_with_the_notes(shift):
    """Key and chords follow a transposition; flats are written in flat keys."""
    moved = [m.copy(note=m.note + shift) for m in CADENCE]
    row = analyze(read_files([midi_bytes([moved])])).files.row(0, named=True)
    assert row["key"] == KEY_NAMES[shift % 12]
    assert all(("b" in chord) <= (row["key"] in ("Db Major", "Eb Major", "F Major", "Ab Major", "Bb Major"))
               for chord in row["chords"])  # fmt: skip


def test_a_file_is_analysed_the_same_whatever_is_read_with_it():
    """Each of 150 files, in three keys, of two parts with chords; they are done some at a time."""
    songs = []
    for shift in (0, 3, 8):
        moved = [message.copy(note=message.note + shift) for message in CADENCE]
        songs.append(midi_bytes([moved, [message.copy(channel=1) for message in moved]]))
    together, alone = (analyze(read_files(blobs)) for blobs in (songs * 50, songs))
    for kind in ("files", "parts"):
        rows, expected = (getattr(found, kind) for found in (together, alone))
        assert expected["distinct_chords"].min() == 3
        repeated = pl.concat([expected.with_columns(pl.col("file") + 3 * turn) for turn in range(50)])
        assert_frame_equal(rows, repeated)


def test_every_chord_that_can_be_written_can_be_read():
    """All qualities on all roots, with all basses, are symbols that the chord analysis knows."""
    beats = find_beats(read_files([midi_bytes([CADENCE])]))
    segments = chord_segments(beats, chord_labels(beats))
    labels = pl.DataFrame({"label": range(len(SUFFIXES) * 12)}, schema={"label": pl.Int16})
    basses = pl.DataFrame({"bass": range(12)}, schema={"bass": pl.Int8})
    rows = segments.head(1).drop("label", "bass").join(labels, how="cross").join(basses, how="cross")
    for key in (0, 5):
        symbols = spell_chords(rows.select(segments.columns), np.array([key], np.int8))["symbol"]
        assert len(symbols) == len(SUFFIXES) * 12 * 12
        for symbol in symbols.unique():
            assert parse_chord(symbol) is not None, symbol


def test_longest_held_tempo_is_the_tempo():
    """Of several tempos the one held longest counts; a tempo that lasts no time does not."""
    tempo = [mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)) for bpm in (200, 90, 140)]
    track = [tempo[0], tempo[1], *notes(60, time=4800), tempo[2], *notes(60, time=480)]
    row = analyze(read_files([midi_bytes([track])])).files.row(0, named=True)
    assert (row["bpm"], row["bpm_min"], row["bpm_max"], row["bpm_source"]) == (90.0, 90.0, 140.0, "meta")
    assert 90 < row["bpm_mean"] < 100
    assert 0.9 < row["bpm_confidence"] < 1.0


def test_tempo_is_heard_in_a_file_that_gives_none():
    """A steady beat of 96 bpm, written against the default of 120, is heard as 96."""
    track = []
    for step in range(64):
        drum, loud = (36, 120) if step % 4 == 0 else (42, 60)
        wait = 0 if step == 0 else 120
        track.append(mido.Message("note_on", channel=9, note=drum, velocity=loud, time=wait))
        track.append(mido.Message("note_off", channel=9, note=drum, time=30))
    row = analyze(read_files([midi_bytes([track])])).files.row(0, named=True)
    assert row["bpm_source"] == "onsets"
    assert row["bpm"] == pytest.approx(96.0, rel=0.02)


def test_drums_off_channel_10_are_found_and_melodies_are_not():
    """A kit on channel 1 scores as drums; songs moved into the drum range do not."""
    groove = read_files([blob for name, blob in members("groove.zip").items() if name.endswith(".mid")])
    for field in ("channel", "drum"):
        groove.notes[field] = 0
    songs = read_files([blob for name, blob in members("pop909.zip").items() if name.endswith(".mid")])
    low = read_files([blob for name, blob in members("pop909.zip").items() if name.endswith(".mid")])
    low.notes["pitch"] -= 24
    assert (analyze(groove).files["drum_score"].to_numpy() > 0.5).mean() >= 0.9
    for batch, tagged in ((songs, 0.01), (low, 0.08)):
        scores = analyze(batch).parts["drum_score"].to_numpy()
        assert (scores > 0.9).sum() == 0
        assert (scores > 0.5).mean() < tagged


def test_plain_chords_and_scales_are_no_drums():
    """Chords of a pack, arpeggios and scales in the range of the drum map keep their keys and chords."""
    shapes = [*QUALITY_NOTES.values(), (0, 2, 4, 5, 7, 9, 11, 12), (0, 3, 5, 7, 10, 12)]
    patterns: list[list[tuple[int, ...]]] = [[shape] for shape in QUALITY_NOTES.values()]
    patterns += [[*map(lambda note: (note,), shape)] * 4 for shape in shapes]  # noqa: C417
    blobs = [
        midi_bytes([[message for step in pattern for message in notes(*(root + note for note in step))]])
        for pattern in patterns
        for root in range(28, 60)
    ]
    scores = analyze(read_files(blobs)).files["drum_score"].to_numpy()
    assert (scores > 0.9).mean() < 0.01
    assert (scores > 0.5).mean() < 0.1


def test_near_duplicates_share_a_note_hash():
    """Other metas, tracks, channels and resolution leave the hash alone; another note does not."""
    same = midi_bytes([[mido.MetaMessage("track_name", name="x"), *CADENCE]], kind=0)
    finer = midi_bytes([[m.copy(time=m.time * 2, channel=3) for m in CADENCE]], division=960)
    other = midi_bytes([[*CADENCE, *notes(60)]])
    hashes = analyze(read_files([midi_bytes([CADENCE]), same, finer, other])).files["note_hash"].to_list()
    assert len(set(hashes[:3])) == 1
    assert hashes[3] != hashes[0]


lines = st.lists(
    st.tuples(st.integers(36, 84), st.integers(0, 2000), st.integers(1, 2000)), min_size=1, max_size=40
)


def written(line, *, shift: int = 0, stretch: int = 1, tempo: int | None = None, channel: int = 0) -> bytes:
    """Write notes given as (pitch, wait, length), each after the one before; transposed or stretched."""
    track = [mido.MetaMessage("set_tempo", tempo=tempo)] if tempo else []
    for pitch, wait, length in line:
        voice = {"note": pitch + shift, "channel": channel}
        track.append(mido.Message("note_on", velocity=70, time=wait * stretch, **voice))
        track.append(mido.Message("note_off", time=length * stretch, **voice))
    return midi_bytes([track], division=480 * stretch)


@given(lines, st.data())
@settings(max_examples=60, deadline=None)
def test_the_note_hash_hears_every_note_and_nothing_else(line, data):
    """Metas, channels and resolution leave it alone; one note's pitch, start or length does not."""
    place = data.draw(st.integers(0, len(line) - 1))
    pitch, wait, length = line[place]
    changed = [(pitch + 1, wait, length), (pitch, wait, length + 2)]
    if place > 0:  # where the first note begins does not count
        changed.append((pitch, wait + 2, length))
    others = [written([*line[:place], note, *line[place + 1 :]]) for note in changed]
    same = [written(line, tempo=321_000), written(line, channel=5), written(line, stretch=3)]
    hashes = analyze(read_files([written(line), *same, *others])).files["note_hash"].to_list()
    assert len(set(hashes[:4])) == 1
    assert hashes[0] not in hashes[4:]


@given(lines)
@settings(max_examples=40, deadline=None)
def test_analysis_does_not_ask_how_fine_ticks_are_or_how_fast_they_run(line):
    """Finer ticks leave all but seconds alone, and so does another tempo."""
    columns = [
        "notes",
        "bars",
        "polyphony",
        "mean_polyphony",
        "key",
        "key_confidence",
        "chords",
        "chord_beats",
    ]
    plain, finer, faster = analyze(
        read_files([written(line), written(line, stretch=4), written(line, tempo=250_000)])
    ).files.rows(named=True)
    for column in columns:
        assert plain[column] == finer[column], column
        assert plain[column] == faster[column], column
    assert finer["seconds"] == pytest.approx(plain["seconds"], abs=2e-6)
    assert faster["seconds"] == pytest.approx(plain["seconds"] / 2, abs=2e-6)


@pytest.mark.parametrize("shift", [-6, -5, -3, 1, 4, 5])
def test_songs_keep_their_analysis_when_they_are_transposed(shift):
    """Keys, changes of key and chords of real songs move with their notes, and nothing else changes."""
    blobs = [blob for name, blob in members("pop909.zip").items() if name.endswith(".mid")]
    batches = [read_files(blobs), read_files(blobs)]
    batches[1].notes["pitch"] += np.array(shift, np.int8).view(np.uint8)
    beats = [find_beats(batch) for batch in batches]
    labels = [chord_labels(beat) for beat in beats]
    keys = [find_keys(*each) for each in zip(batches, beats, labels, strict=True)]

    def moved(keys_or_chords, none: int):
        root, kind = keys_or_chords % 12, keys_or_chords // 12
        return np.where(
            (keys_or_chords < 0) | (keys_or_chords >= none), keys_or_chords, kind * 12 + (root + shift) % 12
        )

    np.testing.assert_array_equal(keys[1].key, moved(keys[0].key, 24))
    np.testing.assert_array_equal(keys[1].other_key, moved(keys[0].other_key, 24))
    np.testing.assert_array_equal(keys[1].change_beat, keys[0].change_beat)
    np.testing.assert_allclose(keys[1].posterior.max(axis=1), keys[0].posterior.max(axis=1), atol=1e-9)
    agreement = (labels[1] == moved(labels[0], 12 * len(SUFFIXES))).mean()
    assert agreement > 0.999  # chords that tie exactly are told apart by their number


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_chord_played_plainly_is_what_it_is(suffix):
    """Every quality over its own root is found, on all twelve roots, in close position."""
    played = [
        midi_bytes([notes(*(48 + root + interval for interval in QUALITY_NOTES[suffix]), time=1920)])
        for root in range(12)
    ]
    rows = analyze(read_files(played)).files.rows(named=True)
    for root, row in zip(range(12), rows, strict=True):
        assert [parse_chord(chord) for chord in row["chords"]] in (
            [parse_chord(f"{ROOTS[root].replace('#', 's')}{suffix}")],
            [parse_chord(f"{FLAT_ROOTS[root]}{suffix}")],
        ), (root, row["chords"])


def test_empty_and_unreadable_files_have_a_row_too():
    """Files without notes, or without a header, give a row with nothing in it."""
    frame = analyze(read_files([b"", b"nonsense", midi_bytes([[]])])).files
    assert frame["valid"].to_list() == [False, False, True]
    assert frame["notes"].to_list() == [0, 0, 0]
    assert frame["key"].to_list() == [None] * 3
    assert frame["chords"].to_list() == [[], [], []]


def test_damaged_files_are_analysed_without_complaint():
    """A thousand damaged songs and grooves give a row each, with finite figures, alone or in a batch."""
    chance = random.Random(5)
    blobs = [b for a in ("groove.zip", "pop909.zip") for n, b in members(a).items() if n.endswith(".mid")]
    damaged = []
    for _ in range(1000):
        blob = bytearray(chance.choice(blobs)[: chance.randrange(50, 3000)])
        for _ in range(chance.choice([1, 5, 40])):
            blob[chance.randrange(len(blob))] = chance.randrange(256)
        damaged.append(bytes(blob))
    frame = analyze(read_files(damaged)).files
    assert frame.height == 1000
    for column in ("seconds", "bpm", "bpm_mean", "velocity_mean", "mean_polyphony", "key_confidence"):
        assert frame[column].drop_nulls().is_finite().all(), column
    alone = analyze(read_files(damaged[7:8])).files.drop("file")
    assert alone.equals(frame[7:8].drop("file"))


def raw_file(track: bytes, *, division: int = 96) -> bytes:
    """Wrap the bytes of one track."""
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1]) + division.to_bytes(2, "big")
    return header + b"MTrk" + len(track).to_bytes(4, "big") + track


def test_an_endless_file_has_a_row_too():
    """A file of more bars than an integer holds does not take its batch with it."""
    metre, note = b"\0\xff\x58\x04\x01\x06\x18\x08", b"\0\x90\x40\x40"
    waits = b"\xff\xff\xff\x7f\xff\x01\0" * 30
    frame = analyze(read_files([raw_file(metre + note + waits, division=1), midi_bytes([CADENCE])])).files
    assert frame["bars"][0] is None
    assert frame["bars"][1] == 3


def test_notes_that_ring_for_hours_are_added_up_once():
    """A hundred thousand notes that nobody ends are analysed in no time, and the beats hold what sounds."""
    track = b"".join(bytes([0, 0x90, pitch % 128, 64]) for pitch in range(100_000))
    batch = read_files([raw_file(track + b"\xff\xff\xff\x7f\xff\x2f\0")])
    beats = find_beats(batch)
    assert len(beats.profiles) == 20_000
    sounding = np.bincount(np.arange(100_000) % 128 % 12, minlength=12)
    np.testing.assert_array_equal(beats.profiles, np.tile(sounding, (20_000, 1)))
    np.testing.assert_array_equal(beats.basses[:, 0], 1.0)


def plain_beats(batch) -> tuple[np.ndarray, np.ndarray]:
    """Add up the beats of one file the long way."""
    beats = find_beats(batch)
    division, origin = int(batch.files[0]["division"]), beats.origins[0]
    profiles, lowest = np.zeros_like(beats.profiles), np.full(len(beats.profiles) * 8, 255)
    for note in batch.notes:
        start = (note["start_tick"] - origin) / division
        end = min(max((note["end_tick"] - origin) / division, start + 1 / 16), len(profiles))
        start = max(0.0, start)
        for beat in range(int(start), len(profiles)):
            profiles[beat, note["pitch"] % 12] += max(0.0, min(end, beat + 1) - max(start, beat))
        place = slice(int(start * 8 + 0.5), int(end * 8 + 0.5))
        lowest[place] = np.minimum(lowest[place], note["pitch"])
    basses = np.array(
        [[(row[row < 255] % 12 == pc).sum() / 8 for pc in range(12)] for row in lowest.reshape(-1, 8)]
    )
    return profiles, basses


def test_beats_hold_what_sounds_in_them():
    """Durations by pitch class, and the share of each beat in which a pitch class is the lowest."""
    name, blob = next((n, b) for n, b in members("pop909.zip").items() if n.endswith(".mid"))
    batch = read_files([blob])
    beats = find_beats(batch)
    profiles, basses = plain_beats(batch)
    np.testing.assert_allclose(beats.profiles, profiles, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(beats.basses, basses, atol=1e-9)


def test_tempos_have_no_say_in_smpte_time():
    """A tempo meta in a file in SMPTE time is not its tempo; what is heard may be."""
    track = []
    for step in range(64):
        track.append(
            mido.Message("note_on", channel=9, note=36 if step % 4 else 42, velocity=90, time=step and 120)
        )
        track.append(mido.Message("note_off", channel=9, note=36 if step % 4 else 42, time=30))
    tempo = mido.MetaMessage("set_tempo", tempo=1_000_000)
    smpte = 40 - 256 * 25  # a tick is a millisecond
    row = analyze(read_files([midi_bytes([[tempo, *track]], division=smpte)])).files.row(0, named=True)
    assert row["bpm_source"] == "onsets"
    assert row["bpm"] == pytest.approx(100.0, rel=0.02)


def test_the_confidence_is_that_of_the_key():
    """Where the key changes, posterior and confidence are of the part whose key is given."""
    moved = [m.copy(note=m.note + 3) for m in CADENCE]
    row = analyze(read_files([midi_bytes([CADENCE * 4 + moved * 6])])).files.row(0, named=True)
    assert (row["key"], row["other_key"]) == ("Eb Major", "C Major")
    assert row["key_change_beat"] == 48
    assert KEY_NAMES[int(np.argmax(row["key_posterior"]))] == row["key"]
    assert row["key_confidence"] == pytest.approx(max(row["key_posterior"]), abs=1e-4)
