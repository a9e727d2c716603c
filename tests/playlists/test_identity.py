"""Who and what tracks are: versions of one recording by names, numbers and sound; artists by any spelling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from etl.playlists.identity import folded_artist, folded_title, labels, same_sound


def track(number: int, **known: str) -> dict[str, Any]:
    """Give a track of which nothing is the same as of another."""
    own = {
        "artist": f"Artist {number}",
        "album": None,
        "title": f"Title {number}",
        "content_hash": str(number),
    }
    return {**own, "isrc": None, "musicbrainz_recordingid": None, **known}


def test_versions_share_any_of_their_names() -> None:
    """Hash, ISRC, MusicBrainz recording, artist and title; and what is one with one of them."""
    rows = [
        track(0, artist="The Beat", title="Run (2011 Remaster)", isrc="X1"),
        track(1, artist="Beat feat. Cy", title="Run - Live at Home"),
        track(2, isrc="X1"),
        track(3, musicbrainz_recordingid="m"),
        track(4, musicbrainz_recordingid="m", content_hash="9"),
        track(9),
        track(6, artist="Various Artists", title="Run"),
        track(7, artist="Various Artists", title="Run"),
    ]
    recording = labels(rows)[2].tolist()
    assert recording[0] == recording[1] == recording[2]
    assert recording[3] == recording[4] == recording[5]
    assert len(set(recording)) == 4
    assert labels(rows)[0, -2:].tolist() == [-1, -1]
    assert labels(rows, [(6, 7)])[2, -2] == labels(rows, [(6, 7)])[2, -1]


def test_versions_are_found_by_their_sound_alone() -> None:
    """A copy always; a near one where length, tempo and key agree; two songs of a kind never."""
    rng = np.random.default_rng(5)
    strangers = rng.normal(size=(400, 60)).astype(np.float32)
    points = strangers[:6].copy()
    points[1] = points[0] + np.float32(0.01)
    points[3] = points[2] + rng.normal(0, 0.6, 60).astype(np.float32)
    points[5] = points[4] + rng.normal(0, 0.6, 60).astype(np.float32)
    seconds = np.array([100, 200, 180, 180.5, 180, 180.5], np.float32)
    bpm = np.array([90, 120, 100, 100.5, 100, 100], np.float32)
    key = np.array([0, 5, 7, 7, 7, 8], np.int8)
    assert same_sound(points, strangers, seconds, bpm, key) == [(0, 1), (2, 3)]
    assert same_sound(points[:1], points[:1], seconds[:1], bpm[:1], key[:1]) == []


STRANGERS = np.random.default_rng(5).normal(size=(400, 60)).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "bpm", "key", "is_same"),
    [
        (182.0, 100.0, 7, True), (178.0, 100.0, 7, True), (182.1, 100.0, 7, False), (180.0, 101.9, 7, True),
        (180.0, 102.1, 7, False), (180.0, 98.1, 7, True), (180.0, 97.9, 7, False), (180.0, 100.0, 8, False),
        (np.nan, 100.0, 7, False), (180.0, np.nan, 7, False),
    ],
)  # fmt: skip
def test_what_is_near_is_one_recording_within_two_seconds_and_two_hundredths(
    seconds: float, bpm: float, key: int, *, is_same: bool
) -> None:
    """Against one of 180 s, 100 beats per minute and the same key; what is not known agrees with nothing."""
    points = STRANGERS[:2].copy()
    points[1] = points[0] + np.random.default_rng(1).normal(0, 0.6, 60).astype(np.float32)
    found = same_sound(
        points,
        STRANGERS,
        np.array([180, seconds], np.float32),
        np.array([100, bpm], np.float32),
        np.array([7, key], np.int8),
    )
    assert found == ([(0, 1)] if is_same else [])


@pytest.mark.parametrize(("share", "is_copy"), [(0.04, True), (0.06, False)])
def test_a_copy_is_nearer_than_a_twentieth_of_the_usual_distance(share: float, *, is_copy: bool) -> None:
    """Whatever else is known of it."""
    apart = np.linalg.norm(STRANGERS[:, None] - STRANGERS[None], axis=2)
    usual = float(np.median(apart[np.triu_indices(400, 1)]))
    points = STRANGERS[:2].copy()
    points[1] = points[0] + np.float32(share * usual / np.sqrt(60))
    unknown = np.array([100, 300], np.float32)
    found = same_sound(points, STRANGERS, unknown, unknown, np.array([1, 2], np.int8))
    assert found == ([(0, 1)] if is_copy else [])


def test_pairs_are_found_beyond_the_first_block() -> None:
    """Five hundred tracks are compared at a time with all of them; the first of a pair is the smaller."""
    points = np.random.default_rng(2).normal(size=(1100, 60)).astype(np.float32)
    points[1050], points[700] = points[3], points[600]
    length = np.arange(1100, dtype=np.float32) * 9 + 30
    found = same_sound(points, STRANGERS, length, length, np.zeros(1100, np.int8))
    assert found == [(3, 1050), (600, 700)]


def test_a_name_without_letters_beside_its_guests_or_ensemble_is_kept() -> None:
    """Names that are nothing but what would be left out, and titles of nothing but a version."""
    assert [folded_artist(name) for name in ("The The", "Orchestra", "the  Orchestra", None, "!!!")] == [
        "the", "orchestra", "orchestra", "", "",
    ]  # fmt: skip
    assert folded_artist("Sun Ra & His Arkestra") == folded_artist("SUN RA") == "sunra"
    assert [folded_title(title) for title in ("(Live)", None, "Live Forever", "Mix [Demo]")] == [
        "live", "", "liveforever", "mix",
    ]  # fmt: skip


def test_albums_are_of_an_artist_and_nothing_is_an_album_without_a_name() -> None:
    """Two artists may call an album the same."""
    rows = [
        track(0, artist="A", album="Best"),
        track(1, artist="B", album="Best"),
        track(2, artist="a", album="best!"),
    ]
    assert labels([*rows, track(3, artist="A")])[1].tolist() == [0, 1, 0, -1]
    assert labels([*rows, track(3, artist="A")])[0].tolist() == [0, 1, 0, 0]
