"""A picture of the curves of a list that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - of a field
from typing import Any

from etl.exports.pictures import plot_playlist
from etl.pipelines.playlists.kept import read_shown
from etl.runtime.wording import number_of
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs


@dataclass(frozen=True)
class PlaylistPicture:
    """A picture of a list.

    Attributes
    ----------
    number
        The list.
    output
        The PNG.
    """

    number: int
    output: Path


def draw_playlist(database: Path, name: str, output: Path) -> PlaylistPicture:
    """Draw energy, key, tempo and transitions of a list, ``last`` or by number.

    Raises
    ------
    EtlError
        If there is no such list, or matplotlib is missing.
    """
    check_outputs([output], database=database)
    with read_store(database) as connection:
        check_known(connection, [output])
        shown = read_shown(connection, name)
    curves: dict[str, list[Any]] = {
        "loudness, LUFS": shown.energy,
        "key on the wheel": shown.key,
        "beats per minute": shown.bpm,
        "transition": shown.edge,
    }
    plot_playlist(
        curves, output, title=f"list {shown.playlist.number}, {number_of(len(shown.tracks), 'track')}"
    )
    return PlaylistPicture(shown.playlist.number, output)
