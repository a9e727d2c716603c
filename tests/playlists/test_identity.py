"""Who and what tracks are: versions of one recording by names, numbers and sound; artists by any spelling."""

from __future__ import annotations

from typing import Any

import numpy as np

from etl.playlists.identity import labels, same_sound


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
