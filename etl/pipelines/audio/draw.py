"""Pictures of a track, and of the whole library."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etl.exports.pictures import plot_overview, plot_track
from etl.pipelines.audio.similar import track_meant
from etl.sources.audio.decode import decode
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs
from etl.store.library import all_described, described_track

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from etl.exports.pictures import Coloring


@dataclass(frozen=True)
class Picture:
    """A picture that was drawn.

    Attributes
    ----------
    output
        The PNG.
    tracks
        How many tracks are on it.
    track
        The path of the one that was drawn, if it is one.
    """

    output: Path
    tracks: int
    track: str | None = None


def draw_track(database: Path, name: str, output: Path) -> Picture:
    """Draw a track, named as for `etl.pipelines.audio.similar.track_meant`.

    Raises
    ------
    EtlError
        If no described track, or more than one, has that name, or its file cannot be decoded any more.
    """
    with _store_beside(database, output) as connection:
        track = described_track(connection, track_meant(connection, None, name)["track_id"])
    plot_track(track, decode(Path(track["path"])).signal, output)
    return Picture(output, 1, track["path"])


def draw_overview(database: Path, output: Path, *, color: Coloring) -> Picture:
    """Draw all described tracks on a plane."""
    with _store_beside(database, output) as connection:
        tracks = all_described(connection)
    return Picture(output, len(plot_overview(tracks, output, color=color)))


@contextmanager
def _store_beside(database: Path, output: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the store, once it is certain that the picture takes nobody's place."""
    check_outputs([output], database=database)
    with read_store(database) as connection:
        check_known(connection, [output])
        yield connection
