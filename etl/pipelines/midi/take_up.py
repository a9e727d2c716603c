"""What somebody has edited in the library becomes a file of its own in the store, with figures of its own."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from etl.pipelines.midi.gone import missing
from etl.sources.folders.midi import Found
from etl.sources.folders.walk import shown
from etl.store.midi import present_files
from etl.store.midi_edits import mark_looked_at, slots_at
from etl.store.midi_gone import mark_gone
from etl.store.midi_library import analysed_files, analysed_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from etl.store.bursts import BurstWriter
    from etl.store.midi_edits import Slot
    from etl.store.midi_library import LibraryPiece


def take_up_edits(
    library: Path,
    places: Collection[str],
    store: BurstWriter,
    tasks: Mapping[str, str],
    read: Callable[[list[Found], dict[str, LibraryPiece]], object],
) -> tuple[int, int]:
    """Look at files of the library that were touched, and read those that hold something new.

    Parameters
    ----------
    library
        The library.
    places
        Those that were touched, as `etl.pipelines.midi.touched.touched` gives them.
    store
        The store.
    tasks
        What is to be done for an edited file, with versions.
    read
        Reads files, whose pieces before are given by path, and hands what comes of it to the store.

    Returns
    -------
    tuple
        How many were edited since a run looked last and have new figures, and how many hold no whole file
        with notes any more: these keep the figures that they had.
    """
    with store.reading() as connection:
        slots = slots_at(connection, places, tasks)
        known_pieces = [*analysed_files(connection), *analysed_parts(connection)] if slots else []
        known = present_files(connection, (f"{shown(str(library))}/",))
    pieces = {f"{piece.folder}/{piece.name}": piece for piece in known_pieces}
    before: dict[str, LibraryPiece] = {}
    rows, edits, files = [], dict[str, str](), list[Found]()
    for slot in slots:
        location = f"{library}/{slot.place}"
        try:
            with open(location, "rb") as file:  # noqa: PTH123 - once per file
                state = os.fstat(file.fileno())
                digest = hashlib.sha256(file.read()).hexdigest()
        except OSError:
            continue
        found = Found(location, shown(location), state.st_size, state.st_mtime_ns, is_archive=False)
        edited, written = _edited(slot, digest)
        if edited is not None and (edited != slot.edited or not slot.is_current):
            edits[slot.place] = edited
            files.append(found)
            if slot.place in pieces:
                before[found.path] = pieces[slot.place]
        place = (slot.sha256, slot.track, slot.channel)
        rows.append((*place, written, edited, found.size, found.mtime_ns, found.path))
    if edits:
        read(files, before)
    if rows:
        store.put(mark_looked_at(rows))
    if lost := missing(known):
        store.put(mark_gone(store.run.run_id, files=lost, archives=[]))
    if not edits:
        return 0, 0
    with store.reading() as connection:
        after = {slot.place: slot.edited for slot in slots_at(connection, edits, tasks)}
    taken = sum(after.get(place) == digest for place, digest in edits.items())
    return taken, len(edits) - taken


def _edited(slot: Slot, digest: str) -> tuple[str | None, str | None]:
    """Say which hash somebody's edit has, None if it is none, and what was written there before it.

    What was written by versions that kept no hash is taken as it is.
    """
    if slot.written is None:
        return None, digest
    return (None if digest == slot.written else digest), None
