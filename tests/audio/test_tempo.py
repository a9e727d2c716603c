"""The level of a tempo, the meter, and what has no tempo."""

from __future__ import annotations

import numpy as np
import pytest

from etl.audio.beats import MIN_CLARITY, Rhythm, rhythm
from etl.audio.features import Mode
from etl.audio.frames import analyse
from etl.audio.periodicity import (
    FRAME_RATE,
    beat_profile,
    cross_correlation,
    pulse_clarity,
    self_similarity,
)
from etl.audio.signal import SAMPLE_RATE
from etl.audio.sonic import describe
from tests.support import audio_composer, audio_pieces, audio_synthesiser

SECONDS = 24.0


def play(style: str, seed: int) -> tuple[audio_composer.Piece, np.ndarray]:
    """Compose and play a piece that had no part in fitting."""
    piece = audio_composer.compose(style, seconds=SECONDS, seed=seed)
    return piece, audio_synthesiser.render(piece.notes, seconds=SECONDS, seed=seed)


def listen(signal: np.ndarray) -> Rhythm:
    """Find the rhythm of a signal."""
    frames = analyse(signal)
    return rhythm(frames.onset_median, frames.onset_bands, frames.chroma_stft)


@pytest.mark.parametrize("style", ["drum_and_bass", "fast_rock", "house", "trap", "six_eight_ballad", "pop"])
def test_level_is_the_one_people_tap(style):
    """Of three new pieces of a style at least two have the tempo itself, not a multiple of it."""
    right = 0
    for seed in range(3):
        piece, signal = play(style, seed)
        right += abs(listen(signal).bpm / piece.bpm - 1) < 0.02
    assert right >= 2


@pytest.mark.parametrize("style", ["waltz", "bossa"])
def test_level_holds_for_a_composer_that_had_no_part_in_fitting(style):
    """Of six tempi from slow to fast at least five are heard as such; the sounds are others, too."""
    right = 0
    for bpm in (70.0, 92.0, 114.0, 136.0, 158.0, 180.0):
        piece = audio_pieces.compose(style, bpm, 4, minor=False, seconds=SECONDS, seed=int(bpm))
        right += abs(listen(audio_pieces.render(piece)).bpm / bpm - 1) < 0.02
    assert right >= 5


def test_what_the_level_is_told_by():
    """Hats come half a beat after the kicks, onsets on thirds of a beat, and the chords again after four."""
    beat = 24
    kick, hat, thirds = np.zeros((3, 40 * beat), dtype=np.float32)
    kick[::beat] = 1.0
    hat[beat // 2 :: beat] = 1.0
    thirds[:: beat // 3] = 1.0
    thirds[::beat] = 1.5
    assert cross_correlation(kick, hat)[: beat + 1].argmax() == beat // 2
    assert set(beat_profile(thirds, beat).argsort()[-3:]) == {0, 4, 8}
    chroma = np.eye(12, dtype=np.float32)[np.repeat(np.tile([0, 5, 7, 0], 10), beat)]
    assert beat + self_similarity(chroma)[beat : 6 * beat].argmax() == 4 * beat


@pytest.mark.parametrize(("style", "beats"), [("waltz", 3), ("fast_waltz", 3), ("rock", 4), ("jig", 4)])
def test_meter_of_waltz_and_march(style, beats):
    """Waltzes go in threes; compound bars count their dotted beats."""
    _, signal = play(style, 5)
    meter = listen(signal).meter
    assert meter.beats == beats
    assert 0.5 <= meter.confidence <= 1


@pytest.mark.parametrize("style", ["rubato_piano", "ambient"])
@pytest.mark.parametrize("mode", list(Mode))
def test_music_without_a_pulse_has_no_tempo(style, mode):
    """Rubato and pads give no number at all, whichever mode describes them, and beat mode says why."""
    _, signal = play(style, 7)
    sonic = describe(signal, mode)
    assert sonic.mode is mode
    assert (sonic.rhythm.bpm, sonic.rhythm.level, sonic.rhythm.meter.beats) == (0, 0, 0)
    assert sonic.rhythm.confidence < MIN_CLARITY
    assert ("no steady pulse" in sonic.fallback) is (mode is Mode.BEAT)


def test_players_without_a_click_keep_their_pulse():
    """A tempo that wanders by three per cent for three minutes is as clear as within each stretch of it."""
    rng = np.random.default_rng(3)
    n = int(180 * FRAME_RATE)
    walk = np.convolve(rng.normal(0, 1, n + 430), np.hanning(431), "valid")
    beats = np.cumsum((120 / 60 / FRAME_RATE) * np.exp(0.03 * (walk - walk.mean()) / walk.std()))
    onsets = np.diff(np.floor(beats), prepend=0) + rng.uniform(0, 0.2, n)
    envelope = np.convolve(onsets, np.hanning(5), "same").astype(np.float32)
    wandering = pulse_clarity(envelope, np.array([120.0]))[0]
    noise = pulse_clarity(rng.permutation(envelope), np.array([120.0]))[0]
    assert wandering > 3 * MIN_CLARITY
    assert noise < MIN_CLARITY


@pytest.mark.parametrize("cents", [-35, 0, 20])
def test_tuning_is_told_in_cents(cents):
    """An organ tuned off 440 Hz is described as such."""
    time = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    pitches = 440.0 * 2.0 ** ((np.array([-12, -8, -5, 0, 4]) + cents / 100) / 12)
    signal = sum(np.sin(2 * np.pi * pitch * k * time) / k for pitch in pitches for k in (1, 2, 3))
    sonic = describe((0.05 * signal).astype(np.float32))
    assert sonic.tuning_cents == pytest.approx(cents, abs=3)


@pytest.mark.parametrize("tonic", [0, 3, 6, 9])
@pytest.mark.parametrize("bass", [(0, 9, 5, 7), (5, 5, 5, 5)])
def test_a_loud_808_does_not_hide_the_key(tonic, bass):
    """Chords decide the key, though a low sine twelve times as loud plays their roots, or one note."""
    bar = 2 * SAMPLE_RATE
    time = np.arange(8 * bar) / SAMPLE_RATE
    signal = np.zeros(len(time))
    for number, chord in enumerate([(0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14)] * 2):
        inside = slice(number * bar, (number + 1) * bar)
        phase = 2 * np.pi * time[inside]
        for semitone in chord:
            pitch = 261.63 * 2 ** ((semitone + tonic) / 12)
            signal[inside] += 0.05 * sum(np.sin(pitch * k * phase) / k for k in (1, 2, 3, 4))
        low = 32.7 * 2 ** ((bass[number % 4] + tonic) % 12 / 12)
        signal[inside] += 0.6 * np.sin(low * phase) * np.exp(-time[:bar])
    assert describe(signal.astype(np.float32)).key.key == tonic
