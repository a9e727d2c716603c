"""The loudness of an album is that of its tracks one after the other."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from etl.audio.features import Mode, version_of
from etl.audio.loudness import measure_loudness
from etl.audio.sonic import describe
from etl.pipelines.audio.describe import as_row, loudness_columns
from etl.store.database import open_store
from etl.store.sonic_features import FEATURE_SCHEMA, OUTCOME_SCHEMA, put_descriptions
from tests.support.ffmpeg_loudness import ffmpeg_loudness

RATE = 22_050


@pytest.fixture
def album(tmp_path):
    """Give a store with an album of three tracks, one of them twice, and others; and the album's sound."""
    rng = np.random.default_rng(3)
    sounds = [rng.normal(0, level, (9 * RATE, 2)).astype(np.float32) for level in (0.2, 0.05, 0.0004)]
    with open_store(tmp_path / "s.duckdb") as connection:
        for number, sound in enumerate([*sounds, sounds[0]]):
            given = sound if number < 3 else None
            add(connection, number, content=f"hash{number % 3}", album="One", artist="Anna", sound=given)
        add(connection, 4, content="hash4", album="One", artist="Ben", sound=sounds[1])
        silence = np.zeros_like(sounds[0])
        add(connection, 5, content="hash5", album="Silence", artist="Ben", sound=silence)
        yield connection, np.concatenate(sounds)


def add(connection, number, *, content, album, artist, sound):
    """Add a track, and its loudness if its content is new."""
    connection.execute(
        "INSERT INTO files (path, track_id, kind, size_bytes, mtime_ns, content_hash, first_seen) "
        "VALUES (?, ?, 'wav', 1, 1, ?, now())",
        [f"/{number}.wav", f"id{number}", content],
    )
    connection.execute(
        "INSERT INTO tracks (track_id, title, artist, album) VALUES (?, ?, ?, ?)",
        [f"id{number}", f"Song {number}", artist, album],
    )
    if sound is None:
        return
    row = as_row(content, describe(sound[:30_000, 0])) | loudness_columns(measure_loudness(sound.T, RATE))
    outcomes = pl.DataFrame([(content, None, False, True)], OUTCOME_SCHEMA, orient="row")
    features = pl.DataFrame([row], FEATURE_SCHEMA)
    put_descriptions(features, outcomes, version=version_of(Mode.BEAT), tries=3)(connection)


def test_album_loudness_is_that_of_the_tracks_in_a_row(album):
    """Within 0.1 LU of FFmpeg's over all; a copy counts once; another artist's album is another."""
    connection, sound = album
    rows = connection.sql("SELECT * FROM album_loudness ORDER BY album, album_artist").pl().rows(named=True)
    assert [(row["album"], row["album_artist"], row["tracks"]) for row in rows] == [
        ("One", "Anna", 3),
        ("One", "Ben", 1),
        ("Silence", "Ben", 1),
    ]
    whole = ffmpeg_loudness(sound, RATE)
    assert rows[0]["loudness_lufs"] == pytest.approx(whole.integrated_lufs, abs=0.1)
    assert rows[0]["replaygain_proposed_db"] == pytest.approx(-18 - whole.integrated_lufs, abs=0.1)
    assert rows[0]["true_peak_dbtp"] == pytest.approx(whole.true_peak_dbtp, abs=0.2)
    assert rows[2]["loudness_lufs"] is None


def test_album_range_follows_its_tracks(album):
    """Between a loud and a quiet track lie as many LU as between their levels."""
    connection, _ = album
    (found,) = connection.sql(
        "SELECT loudness_range_lu FROM album_loudness WHERE album_artist = 'Anna'"
    ).fetchall()[0]
    assert found == pytest.approx(20 * np.log10(0.2 / 0.05), abs=0.2)


def test_tracks_have_a_proposed_gain(album):
    """View `library` brings each track to -18 LUFS."""
    connection, _ = album
    rows = connection.sql(
        "SELECT loudness_lufs + replaygain_proposed_db FROM library WHERE loudness_lufs > -60"
    )
    assert [round(level, 4) for (level,) in rows.fetchall()] == [-18.0] * 4
