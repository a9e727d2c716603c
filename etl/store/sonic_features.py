"""Sonic descriptions in the store, by content, with the ledger entries that say how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb
import polars as pl

from etl.audio.features import FEATURE_NAMES, FEATURE_VERSION, SEGMENTS
from etl.runtime.errors import EtlError, ExitCode
from etl.store.ledger import Ledger
from etl.store.library import PRESENT
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        Of the analyzed, those without a steady pulse.
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
        "SELECT count(*), count(described.mode), count(*) FILTER (described.mode = 'beat'), "
        "count(described.fallback), "
        "count(*) FILTER (failed.item IS NOT NULL AND described.mode IS NULL) "
        "FROM here LEFT JOIN described USING (content_hash) "
        "LEFT JOIN failed ON failed.item = here.content_hash",
        {"version": version, "task": SONIC_TASK},
    ).fetchall()[0]
    total, analyzed, beat, fallback, failed = row
    return LibraryStatus(total, analyzed, total - analyzed - failed, beat, fallback, failed)


def described_tracks(
    connection: duckdb.DuckDBPyConnection, version: str, where: str | None = None
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

    Raises
    ------
    EtlError
        If it is not one.
    """
    tracks = connection.sql(
        "SELECT * EXCLUDE (version) FROM described_tracks WHERE version = $version",
        params={"version": version},
    )
    try:
        chosen: pl.DataFrame = (tracks.filter(where) if where else tracks).pl()
    except duckdb.Error as error:
        names = ", ".join(name for name in tracks.columns if not name.startswith("vector_"))
        raise EtlError(
            f"--where is not a valid condition on tracks: {error}",
            f"For example \"genre = 'Rock' AND bpm BETWEEN 90 AND 110\". There are: {names}.",
            exit_code=ExitCode.USAGE,
        ) from error
    return chosen


def all_features(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read all descriptions, in order of content."""
    features: pl.DataFrame = connection.sql("SELECT * FROM sonic_features ORDER BY content_hash").pl()
    return features


def done_without_features(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read the contents that are marked as done and have no description."""
    rows = connection.execute(
        "SELECT l.item FROM ledger l "
        "ANTI JOIN sonic_features s ON s.content_hash = l.item AND s.version = l.version "
        "WHERE l.task = ? AND l.status = 'done' AND split_part(l.version, '.', 1) = ? ORDER BY l.item",
        [SONIC_TASK, str(FEATURE_VERSION)],
    ).fetchall()
    return [item for (item,) in rows]


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
    attempts = connection.sql(
        "SELECT item, attempts FROM ledger WHERE task = ? AND version = ? "
        "AND item IN (SELECT item FROM outcomes)",
        params=[SONIC_TASK, version],
    ).pl()
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
    rows = features.to_arrow()  # noqa: F841 (read by name)
    connection.execute(
        "DELETE FROM sonic_features AS old USING rows WHERE old.content_hash = rows.content_hash AND "
        "(old.version = rows.version OR split_part(old.version, '.', 1) <> split_part(rows.version, '.', 1))"
    )
    connection.execute("INSERT INTO sonic_features BY NAME SELECT * FROM rows")
