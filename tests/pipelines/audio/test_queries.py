"""Named queries, table schemas and the cache over a small library made of rows."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from etl.audio.features import Mode, version_of
from etl.audio.loudness import measure_loudness
from etl.audio.sonic import describe
from etl.pipelines.audio.describe import as_row, loudness_columns
from etl.pipelines.cache import FileProblem, cache_info, clear_cache, verify_cache
from etl.pipelines.cache_kind import CacheKind
from etl.sources.audio.payload import audio_payload
from etl.store.answers import AnswerProblem
from etl.store.database import open_store, transaction
from etl.store.library import put_files, put_hashes
from etl.store.queries import named_query
from etl.store.sonic_features import FEATURE_SCHEMA, OUTCOME_SCHEMA, put_descriptions
from tests.support.places import ROOT

BEAT = version_of(Mode.BEAT)

QUERIES = sorted((ROOT / "sql" / "queries").glob("library-*.sql"))


@pytest.fixture
def store(tmp_path):
    """Give a store of five described tracks, tracks 0 and 1 nearly alike."""
    rng = np.random.default_rng(4)
    rows, paths = [], []
    pulse = np.where(np.arange(60_000) % 11_025 < 1_000, 3.0, 0.1)
    for number in range(5):
        path = tmp_path / f"{number}.flac"
        path.write_bytes(bytes([number]))
        paths.append(str(path))
        signal = (rng.normal(0, 0.1, 60_000) * pulse).astype(np.float32)
        row = as_row(audio_payload(path).hash, describe(signal))
        vector = np.zeros(128) if number < 2 else rng.normal(number, 5, 128)
        loudness = loudness_columns(
            measure_loudness(rng.normal(0, 0.1, (1, 30_000)).astype(np.float32), 22_050)
        )
        rows.append({**row, **loudness, "vector_whole": vector.astype(np.float32)})
    ids = [f"id{number}" for number in range(5)]
    features = pl.DataFrame(rows, schema=FEATURE_SCHEMA)
    files = pl.DataFrame({"path": paths, "track_id": ids, "kind": "flac", "size_bytes": 1, "mtime_ns": 1})
    tracks = pl.DataFrame({"track_id": ids, "title": [f"Song {number}" for number in range(5)]}).with_columns(
        album=pl.lit("All")
    )
    with open_store(tmp_path / "s.duckdb") as connection:
        outcomes = [(item, None, False, True) for item in features["content_hash"]]
        done = pl.DataFrame(outcomes, OUTCOME_SCHEMA, orient="row")
        hashes = pl.DataFrame({"path": paths, "content_hash": features["content_hash"], "audio_bytes": 1})
        genres = pl.DataFrame({"track_id": ids, "field": "genre", "position": 1, "value": "Rock"})
        with transaction(connection):
            put_files(files.with_columns(problem=pl.lit(None, pl.String)), tracks, genres)(connection)
            put_hashes(hashes)(connection)
            put_descriptions(features, done, version=BEAT, tries=3)(connection)
        yield connection


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_runs_and_says_what_it_is_for(store, path):
    """Every query declares the parameters it uses and runs on a library."""
    query = named_query(path.stem)
    code = "\n".join(line for line in query.sql.splitlines() if not line.strip().startswith("--"))
    used = set(re.findall(r"\$(\w+)", code))
    assert used == {parameter.name for parameter in query.parameters}
    given = {"limit": 10}
    rows = store.execute(code, {name: given[name] for name in used} or None).fetchall()
    assert rows or path.stem == "library-failures"


def test_failures_are_those_of_files_that_are_there(store):
    """What was mended or has gone is no failure any more, however often it was rejected."""
    query = named_query("library-failures").sql
    store.execute("UPDATE files SET problem = 'tags unreadable: x' WHERE track_id = 'id0'")
    store.execute("UPDATE files SET problem = 'tags unreadable: y', gone_at = now() WHERE track_id = 'id1'")
    store.execute("UPDATE files SET problem = 'no audio' WHERE track_id = 'id2'")
    store.execute(
        "UPDATE ledger SET status = 'failed', error = 'shorter than 1 s (0.3 s)' "
        "WHERE item = (SELECT content_hash FROM files WHERE track_id = 'id3')"
    )
    assert [row[:3] for row in store.execute(query).fetchall()] == [
        ("sonic", "shorter than 1 s", 1),
        ("scan", "tags unreadable", 1),
    ]


def test_cache_forgets_only_what_no_file_needs(store):
    """Clearing the unused drops what is long gone, keeps what is there; clearing audio drops all."""
    store.execute("UPDATE files SET gone_at = now() - INTERVAL 31 DAY WHERE track_id = 'id4'")
    counts = cache_info(store, CacheKind.ALL).select("kind", "status", "reason", "ids").rows()
    assert counts == [
        ("recording", "described", BEAT, 4),
        ("recording", "described", f"{BEAT}, unused", 1),
    ]
    assert cache_info(store, CacheKind.AUDIO, older_than_days=1).is_empty()
    assert cache_info(store, CacheKind.SPOTIFY).is_empty()
    assert clear_cache(store, CacheKind.AUDIO, older_than_days=1) == 0
    assert clear_cache(store, CacheKind.AUDIO, unused=True) == 1
    assert store.sql("SELECT count(*) FROM library WHERE bpm_confidence IS NOT NULL").fetchall() == [(4,)]
    assert clear_cache(store, CacheKind.SPOTIFY) == 0
    assert clear_cache(store, CacheKind.ALL) == 4
    assert cache_info(store, CacheKind.ALL).is_empty()


def test_cache_verification_names_changed_and_missing_files(store, tmp_path):
    """A byte changed behind the scan's back, a missing file and a nameless answer are named."""
    assert verify_cache(store, CacheKind.ALL).count == 0
    (tmp_path / "1.flac").write_bytes(b"x")
    (tmp_path / "2.flac").unlink()
    store.execute(
        "INSERT INTO spotify_artists BY NAME SELECT 'short' AS id, 'found' AS status, '' AS reason, "
        "0 AS failures, false AS refresh_wanted, now() AS fetched_at, 'x' AS name"
    )
    problems = verify_cache(store, CacheKind.ALL)
    assert problems.answers == (AnswerProblem("artist", "short", "malformed_id"),)
    assert problems.files == (
        FileProblem(tmp_path / "1.flac", None),
        FileProblem(tmp_path / "2.flac", "No such file or directory"),
    )
    assert problems.count == 3
    assert verify_cache(store, CacheKind.ALL, older_than_days=1).count == 0
