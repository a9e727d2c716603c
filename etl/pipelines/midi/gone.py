"""What a MIDI run has not met again: whether it is gone, and whether to believe that."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from etl.sources.folders.walk import whole

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb

    from etl.pipelines.midi.request import MidiRun
    from etl.store.bursts import BurstWriter

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")


def put_gone(request: MidiRun, store: BurstWriter, met: Collection[str], archives: Collection[str]) -> int:
    """Mark what is gone: of files that a run has not met those that are not there.

    What was passed over, left out or cut off by a limit is there, and stays.

    Parameters
    ----------
    request
        The run.
    store
        The store.
    met
        Paths of the files and archives that were found.
    archives
        Archives that were read whole: what they no longer hold is gone too.

    Returns
    -------
    int
        Files and archives that are gone.

    Raises
    ------
    EtlError
        If over half of what a place held is gone, and that is not allowed; then nothing is marked.
    """
    from etl.store.midi import present_files  # noqa: PLC0415 - most runs meet all they know
    from etl.store.midi_gone import mark_gone  # noqa: PLC0415

    with store.reading() as connection:
        unmet = present_files(connection, request.places) - set(met)
    gone = missing(unmet)
    if gone and not request.allow_gone:
        with store.reading() as connection:
            _check(connection, request, gone)
    if gone or archives:
        store.put(mark_gone(store.run.run_id, files=gone, archives=archives))
    return len(gone)


def put_places(request: MidiRun, store: BurstWriter) -> None:
    """Take note of where was looked, and which drives that was on."""
    from etl.sources.folders.losses import with_drives  # noqa: PLC0415 - as above
    from etl.store.roots import put_roots  # noqa: PLC0415

    folders = [Path(whole(source)) for source in request.sources if source.is_dir()]
    if folders:
        store.put(put_roots(with_drives(map(str, folders), folders)))


def missing(paths: Collection[str]) -> set[str]:
    """Give those of some paths, as the store has them, at which there is nothing."""
    return {path for path in paths if _is_gone(path)}


def _is_gone(path: str) -> bool:
    """Whether nothing is at a path; one that cannot be looked at is not gone."""
    for name in {path, _as_bytes(path)}:
        try:
            os.lstat(name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return False
        return False
    return True


def _as_bytes(path: str) -> str:
    """Undo what `etl.sources.folders.walk.shown` does to names that are no UTF-8."""
    raw = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), path.encode())
    return os.fsdecode(raw)


def _check(connection: duckdb.DuckDBPyConnection, request: MidiRun, gone: Collection[str]) -> None:
    import polars as pl  # noqa: PLC0415 - as above

    from etl.runtime.disk.drives import is_below  # noqa: PLC0415
    from etl.sources.folders.losses import lost_places, refusal  # noqa: PLC0415
    from etl.store.midi import present_files  # noqa: PLC0415
    from etl.store.roots import known_roots  # noqa: PLC0415

    folders = [whole(source) for source in request.sources if source.is_dir()]
    remembered = known_roots(connection)
    places = [
        *folders,
        *(path for path in remembered["path"] if any(is_below(path, each) for each in folders)),
    ]
    held = pl.DataFrame({"path": sorted(present_files(connection, request.places))}, {"path": pl.String})
    lost = lost_places(held, pl.DataFrame({"path": sorted(gone)}, {"path": pl.String}), places)
    if lost:
        kept = "None of them was marked as gone; what else was found is kept."
        raise refusal(lost, remembered, what="MIDI file", kept=kept)
