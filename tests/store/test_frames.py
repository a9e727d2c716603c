"""Frames of queries: read without pyarrow, with the errors of the database."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import numpy as np
import polars as pl
import pytest

from etl.audio.features import TIMBRE, Mode, version_of
from etl.store.database import open_store, read_store
from etl.store.frames import read_frame
from etl.store.track_lists import vectors_of
from tests.support.playlist_store import store_of_tracks


def test_a_frame_is_that_of_the_database():
    """Types and values are those that DuckDB itself gives Polars."""
    query = (
        "SELECT i, 'text ' || i AS text, i / 3 AS share, [i, NULL] AS list, [i, i]::FLOAT[2] AS array, "
        "TIMESTAMPTZ '2026-01-01' + i * INTERVAL 1 DAY AS at, {'a': i} AS struct FROM range(5000) AS t (i)"
    )
    with duckdb.connect() as connection:
        assert read_frame(connection.sql(query)).equals(connection.sql(query).pl())
        assert read_frame(connection.sql("SELECT 1 AS one WHERE false")).schema == {"one": pl.Int32}


@pytest.mark.parametrize("at", [0, 99_999])
def test_a_query_that_fails_late_fails_with_an_error_of_the_database(at):
    """The first rows are on their way when a later one fails."""
    with duckdb.connect() as connection, pytest.raises(duckdb.Error, match="Invalid Input Error: boo"):
        read_frame(
            connection.sql(f"SELECT CASE WHEN i = {at} THEN error('boo') END FROM range(100000) t (i)")
        )


def test_reading_imports_no_pyarrow_and_leaves_nothing_to_complain_of():
    """The database complains at the end of a process of relations that something still holds."""
    code = (
        "import sys, duckdb\n"
        "from etl.store.frames import read_frame\n"
        "with duckdb.connect() as connection: print(read_frame(connection.sql('SELECT 1 AS one')).item())\n"
        "print('pyarrow' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("1\nFalse\n", "")


def test_vectors_stand_in_the_order_of_the_hashes_that_were_asked_for(tmp_path):
    """A hash that comes twice has its vector twice, whatever the order of rows in the store."""
    database = store_of_tracks(tmp_path / "music.duckdb")
    with open_store(database) as connection:
        connection.execute("CREATE TEMP TABLE rows AS FROM sonic_features ORDER BY hash(content_hash)")
        connection.execute("DELETE FROM sonic_features")
        connection.execute("INSERT INTO sonic_features FROM rows")
    with read_store(database) as connection:
        stored = dict(connection.execute("SELECT content_hash, vector_whole FROM sonic_features").fetchall())
        hashes = [f"{number:032x}" for number in (7, 119, 7, 0)]
        version = version_of(Mode.BEAT)
        found = vectors_of(connection, version, pl.Series(hashes), TIMBRE)
        assert found.dtype == np.float32
        assert found.tolist() == [[stored[each][place] for place in TIMBRE] for each in hashes]
        assert vectors_of(connection, version, pl.Series([], dtype=pl.String), TIMBRE).shape == (
            0,
            len(TIMBRE),
        )
