"""The described tracks of a library as a Rekordbox collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.audio.features import Mode, version_of
from etl.exports.rekordbox import write_rekordbox
from etl.runtime.errors import EtlError
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.sonic_features import described_tracks

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Collection:
    """A collection that was written, and how many tracks it holds."""

    output: Path
    tracks: int


def export_rekordbox(database: Path, output: Path, where: str | None = None) -> Collection:
    """Write the described tracks, or those that a condition chooses, in order of path.

    Raises
    ------
    EtlError
        If there are none, the condition is not one, or the output cannot be written.
    """
    check_outputs([output], database=database)
    with read_store(database) as connection:
        check_known(connection, [output])
        tracks = described_tracks(connection, version_of(Mode.BEAT), where).sort("path")
    if tracks.is_empty():
        raise EtlError("no described track to export.", "Run `etl library run DIR` first, or loosen --where.")
    return Collection(output, write_rekordbox(tracks.iter_rows(named=True), output))
