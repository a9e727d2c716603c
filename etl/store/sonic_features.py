"""Sonic descriptions in the store, by content, with the ledger entries that say how far they are."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb
import polars as pl

from etl.audio.features import FEATURE_NAMES, FEATURE_VERSION, SEGMENTS
from etl.runtime.errors import EtlError, ExitCode
from etl.store.frames import ArrowStream, read_frame
from etl.store.ledger import Ledger
from etl.store.library import PRESENT
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SONIC_TASK: Final = "sonic"

FEATURE_SCHEMA: Final[dict[str, Any]] = {
    "content_hash": pl.String,
    "mode": pl.String,
    "fallback": pl.String,
    "duration_s": pl.Float64,
    "bpm": pl.Float32,
    "bpm_level_confidence": pl.Float32,
    "bpm_confidence": pl.Float32,
    "bpm_half_confidence": pl.Float32,
    "bpm_double_confidence": pl.Float32,
    "tracker_bpm": pl.Float32,
    "meter": pl.Int8,
    "meter_confidence": pl.Float32,
    "beat_times_s": pl.List(pl.Float32),
    "key": pl.Int8,
    "key_name": pl.String,
    "camelot": pl.String,
    "key_correlation": pl.Float32,
    "key_confidence": pl.Float32,
    "tuning_cents": pl.Float32,
    "rms_db": pl.Float32,
    "crest_db": pl.Float32,
    "dynamic_range_db": pl.Float32,
    "declared_s": pl.Float64,
    "is_cut": pl.Boolean,
    "damaged_packets": pl.Int32,
    "not_finite_share": pl.Float32,
    "checksum_matches": pl.Boolean,
    "is_lossless": pl.Boolean,
    "silent_share": pl.Float32,
    "clipped_share": pl.Float32,
    "mono_db": pl.Float32,
    "cutoff_hz": pl.Float32,
    "loudness_lufs": pl.Float32,
    "loudness_range_lu": pl.Float32,
    "true_peak_dbtp": pl.Float32,
    "momentary_counts": pl.List(pl.Int32),
    "short_term_counts": pl.List(pl.Int32),
    **{f"vector_{name}": pl.Array(pl.Float32, len(FEATURE_NAMES)) for name in SEGMENTS},
}
"""Columns of a frame of descriptions: those of the table but the version."""

OUTCOME_SCHEMA: Final = {
    "item": pl.String,
    "problem": pl.String,
    "is_lost": pl.Boolean,
    "is_readable": pl.Boolean,
}
"""What became of a recording: its content, why it has no description, and whether that cost the process and
whether the file can be read."""


@dataclass(frozen=True)
class LibraryStatus:
    """How a library stands, in tracks.

    Attributes
    ----------
    total
        Tracks that are there.
    analyzed
        Those with a description.
    pending
        Those without, that the next run does.
    beat_sync
        Of the analyzed, those described beat by beat.
    fallback
        Of the analyzed, those described over pulses half a second apart, since there is no steady beat.
    failed
        Those that cannot be described.
    """

    total: int
    analyzed: int
    pending: int
    beat_sync: int
    fallback: int
    failed: int


def library_status(connection: duckdb.DuckDBPyConnection, version: str) -> LibraryStatus:
    """Count the tracks by the state of their descriptions of one version."""
    row = connection.execute(
        f"WITH here AS (SELECT content_hash FROM files WHERE {PRESENT}), "
        "described AS (SELECT * FROM sonic_features WHERE version = $version), "
        "failed AS (SELECT item FROM ledger WHERE task = $task AND version = $version "
        "AND status = 'failed') "
        "SELECT count(*), count(described.mode), "
        "count(*) FILTER (described.mode = 'beat' AND described.fallback IS NULL), "
        "count(described.fallback), "
        "count(*) FILTER (failed.item IS NOT NULL AND described.mode IS NULL) "
        "FROM here LEFT JOIN described USING (content_hash) "
        "LEFT JOIN failed ON failed.item = here.content_hash",
        {"version": version, "task": SONIC_TASK},
    ).fetchall()[0]
    total, analyzed, beat, fallback, failed = row
    return LibraryStatus(total, analyzed, total - analyzed - failed, beat, fallback, failed)


def described_tracks(
    connection: duckdb.DuckDBPyConnection,
    version: str,
    where: str | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Read the tracks that have a description of one version, with their tags.

    Parameters
    ----------
    connection
        The store, open for reading only: the condition is of the user.
    version
        Of the descriptions.
    where
        SQL condition over the columns of view ``library``.
    columns
        Those that are wanted; all but the vectors if None.

    Raises
    ------
    EtlError
        If it is not one.
    """
    tracks = connection.sql(
        "SELECT * EXCLUDE (version) FROM described_tracks WHERE version = $version",
        params={"version": version},
    )
    with condition_explained(tracks):
        chosen = tracks.filter(where) if where else tracks
        found: pl.DataFrame = read_frame(chosen.select(", ".join(columns or ()) or _said_of(tracks)))
    return found


@contextmanager
def condition_explained(tracks: duckdb.DuckDBPyRelation) -> Iterator[None]:
    """Tell what is wrong with a condition of the user's over tracks, and which columns there are.

    Raises
    ------
    EtlError
        If it is not one.
    """
    try:
        yield
    except duckdb.Error as error:
        raise EtlError(
            f"--where is not a valid condition on tracks: {error}",
            f"For example \"genre = 'Rock' AND bpm BETWEEN 90 AND 110\". There are: {_said_of(tracks)}.",
            exit_code=ExitCode.USAGE,
        ) from error


def _said_of(tracks: duckdb.DuckDBPyRelation) -> str:
    return ", ".join(name for name in tracks.columns if not name.startswith("vector_"))


def all_features(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read all descriptions, in order of content."""
    return read_frame(connection.sql("SELECT * FROM sonic_features ORDER BY content_hash"))


def done_without_features(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the contents that are marked as done and have no description."""
    rows = connection.execute(
        "SELECT l.item FROM ledger l "
        "ANTI JOIN sonic_features s ON s.content_hash = l.item AND s.version = l.version "
        "WHERE l.task = ? AND l.status = 'done' AND split_part(l.version, '.', 1) = ? ORDER BY l.item",
        [SONIC_TASK, str(FEATURE_VERSION)],
    ).fetchall()
    return [item for (item,) in rows]


def integrity_of_tracks(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read what decoding showed of the tracks that are there, each once, in order of path."""
    return read_frame(
        connection.sql(
            "SELECT f.path, s.* "
            "EXCLUDE (vector_whole, vector_start, vector_middle, vector_end, beat_times_s) "
            "FROM files AS f JOIN sonic_features AS s USING (content_hash) "
            f"WHERE {PRESENT} AND split_part(s.version, '.', 1) = $version "
            "QUALIFY row_number() OVER (PARTITION BY f.path ORDER BY s.version) = 1 ORDER BY f.path",
            params={"version": str(FEATURE_VERSION)},
        )
    )


def failed_tracks(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Read path and reason of the audio files that are there and no track, or not described; by path."""
    return connection.execute(
        "SELECT f.path, max(l.error) FROM files AS f JOIN ledger AS l ON l.item = f.content_hash "
        f"WHERE {PRESENT} AND l.task = ? AND l.status IN ('failed', 'parked') "
        "AND split_part(l.version, '.', 1) = ? AND f.content_hash NOT IN "
        "(SELECT content_hash FROM sonic_features WHERE split_part(version, '.', 1) = ?) "
        "GROUP BY f.path "
        "UNION ALL SELECT path, problem FROM files WHERE gone_at IS NULL AND problem <> 'no audio' "
        "ORDER BY ALL",
        [SONIC_TASK, str(FEATURE_VERSION), str(FEATURE_VERSION)],
    ).fetchall()


def tracks_to_examine(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the tracks that are there and that no run of this version has decoded."""
    count: int = connection.execute(
        "SELECT count(*) FROM files AS f ANTI JOIN (SELECT item FROM ledger WHERE task = ? "
        "AND split_part(version, '.', 1) = ?) AS l ON l.item = f.content_hash "
        f"WHERE {PRESENT}",
        [SONIC_TASK, str(FEATURE_VERSION)],
    ).fetchall()[0][0]
    return count


def put_descriptions(features: pl.DataFrame, outcomes: pl.DataFrame, *, version: str, tries: int) -> Write:
    """Store descriptions together with what became of each recording.

    What cost its process is parked for the next runs, and fails when that has happened ``tries`` times; a
    file that cannot be read (an unplugged disk) is parked until it can be; any other problem is final.

    Parameters
    ----------
    features
        Columns of :data:`FEATURE_SCHEMA`; what was there for the same content and mode is
        replaced, and what is of older versions removed.
    outcomes
        Columns of :data:`OUTCOME_SCHEMA`; a problem is null where there is a description.
    version
        Of the descriptions.
    tries
        How often what costs its process is tried.
    """
    return Write(
        "etl.store.sonic_features:write_descriptions",
        frames={"features": features, "outcomes": outcomes},
        values={"version": version, "tries": tries, "at": datetime.now(UTC).isoformat()},
    )


def write_descriptions(
    connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], values: Mapping[str, Any]
) -> None:
    """Write what :func:`put_descriptions` says."""
    version, outcomes = values["version"], frames["outcomes"]
    if frames["features"].height:
        _replace_features(connection, frames["features"].with_columns(version=pl.lit(version)))
    attempts = read_frame(
        connection.sql(
            "SELECT item, attempts FROM ledger WHERE task = ? AND version = ? "
            "AND item IN (SELECT item FROM outcomes)",
            params=[SONIC_TASK, version],
        )
    )
    is_tried_again = pl.col("is_lost") & (pl.col("attempts").fill_null(0) < values["tries"] - 1)
    status = (
        pl.when(pl.col("problem").is_null())
        .then(pl.lit("done"))
        .when(is_tried_again | pl.col("is_readable").not_())
        .then(pl.lit("parked"))
        .otherwise(pl.lit("failed"))
    )
    entries = outcomes.join(attempts, on="item", how="left").select("item", status=status, error="problem")
    parked_at = pl.when(pl.col("status") == "parked").then(pl.lit(datetime.fromisoformat(values["at"])))
    Ledger(connection, SONIC_TASK, version).record(entries.with_columns(not_before=parked_at))


def _replace_features(connection: duckdb.DuckDBPyConnection, features: pl.DataFrame) -> None:
    rows = ArrowStream(features)  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM sonic_features AS old USING rows WHERE old.content_hash = rows.content_hash AND "
        "(old.version = rows.version OR split_part(old.version, '.', 1) <> split_part(rows.version, '.', 1))"
    )
    connection.execute("INSERT INTO sonic_features BY NAME SELECT * FROM rows")
