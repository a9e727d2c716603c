"""Near copies among the MIDI files of the store, found anew whenever files came or went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etl.store.frames import insert, read_frame
from etl.store.writes import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


def is_unfinished(connection: duckdb.DuckDBPyConnection, run_id: int) -> bool:
    """Whether the MIDI run before this one was cut off, perhaps before it came to the near copies."""
    rows = connection.execute(
        "SELECT status FROM runs WHERE command = 'midi run' AND run_id < ? ORDER BY run_id DESC LIMIT 1",
        [run_id],
    ).fetchall()
    return bool(rows) and rows[0][0] != "done"


def find_near() -> Write:
    """Find near copies among all files that are in the store by then."""
    return Write("etl.store.midi_near:write_near")


def write_near(
    connection: duckdb.DuckDBPyConnection, _frames: Mapping[str, object], _values: Mapping[str, Any]
) -> None:
    """Write what :func:`find_near` says."""
    connection.execute("DELETE FROM midi_near")
    if connection.execute("SELECT count(*) FROM midi_signatures").fetchall()[0][0] < 2:
        return
    import numpy as np  # noqa: PLC0415 - runs without changes have no use for it
    import polars as pl  # noqa: PLC0415

    from etl.midi.near_copies import near_copies  # noqa: PLC0415

    rows: pl.DataFrame = read_frame(
        connection.sql(
            "SELECT sha256, notes, signature, note_hash FROM midi_signatures JOIN midi_files USING (sha256) "
            "ORDER BY sha256"
        )
    )
    signatures = rows["signature"].explode().to_numpy().astype(np.uint32).reshape(rows.height, -1)
    hashes = rows["note_hash"].rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
    found = near_copies(signatures, rows["notes"].to_numpy(), hashes)
    digests = rows["sha256"]
    near = pl.DataFrame(
        {
            "sha256": digests.gather(found.rows),
            "fullest": digests.gather(found.fullest),
            "similarity": pl.Series(found.similarity, dtype=pl.Float64).round(4),
        }
    )
    insert(connection, "midi_near", near)
