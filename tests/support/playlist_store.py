"""Stores of tracks that were never decoded: artists in clusters of sound, one song in two versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from etl.audio.features import Mode, version_of
from etl.store.database import open_store
from etl.store.frames import insert
from tests.support.empty_store import empty_store

if TYPE_CHECKING:
    from pathlib import Path

TRACKS = 120
ARTISTS = 15


def store_of_tracks(
    database: Path, tracks: dict[str, Any] | None = None, sound: dict[str, Any] | None = None
) -> Path:
    """Store 120 tracks by 15 artists; the first two are one song, studio and live.

    Parameters
    ----------
    database
        The file.
    tracks, sound
        Columns of tables ``tracks`` and ``sonic_features`` to set.
    """
    rng = np.random.default_rng(3)
    artist = np.arange(TRACKS) % ARTISTS
    centers = rng.normal(0, 2, (ARTISTS, 128))
    whole = (centers[artist] + rng.normal(0, 1, (TRACKS, 128))).astype(np.float32)
    ids = [f"id{number:03d}" for number in range(TRACKS)]
    titles = ["Song", "Song (Live)", *(f"Title {number}" for number in range(2, TRACKS))]
    artists = [f"Artist {number}" for number in artist]
    artists[1] = artists[0]
    files = pl.DataFrame(
        {"path": [f"/music/{each}.flac" for each in ids], "track_id": ids, "kind": "flac", "size_bytes": 1}
        | {"mtime_ns": 1, "content_hash": [f"{number:032x}" for number in range(TRACKS)]}
    )
    tagged = pl.DataFrame(
        {"track_id": ids, "artist": artists, "title": titles, "album": "All"} | (tracks or {})
    )
    vectors = {
        f"vector_{part}": pl.Series((whole + rng.normal(0, 0.3, whole.shape)).astype(np.float32).tolist())
        for part in ("whole", "start", "middle", "end")
    }
    features = pl.DataFrame(
        {
            "content_hash": files["content_hash"], "version": version_of(Mode.BEAT), "mode": "beat",
            "duration_s": rng.uniform(150, 300, TRACKS), "bpm": rng.uniform(80, 160, TRACKS),
            "bpm_confidence": 0.9, "bpm_half_confidence": 0.1, "bpm_double_confidence": 0.1,
            "beat_times_s": pl.Series([[1.0, 2.0]] * TRACKS), "key": rng.integers(0, 24, TRACKS),
            "camelot": [f"{1 + number % 12}A" for number in range(TRACKS)],
            "key_correlation": 0.9, "key_confidence": 0.8, "rms_db": -12.0, "crest_db": 9.0,
            "dynamic_range_db": 10.0, "loudness_lufs": rng.uniform(-24, -6, TRACKS), **vectors,
        } | (sound or {})
    )  # fmt: skip
    with open_store(empty_store(database)) as connection:
        insert(connection, "files", files.with_columns(first_seen=datetime(2026, 1, 1, tzinfo=UTC)))
        insert(connection, "tracks", tagged)
        insert(connection, "sonic_features", features)
    return database
