"""Parts of copies that somebody has edited in the library: split again, from what the copies hold now."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from etl.runtime.disk.files import atomic_file
from etl.store.midi_split import parts_of_content, parts_there, put_parts, stale_copies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.midi.split import Part
    from etl.store.bursts import BurstWriter
    from etl.store.midi_split import KnownPart, StaleCopy


def split_again(library: Path, store: BurstWriter) -> int:
    """Bring the parts of edited copies up to date; a part that somebody edited itself stays as it was made.

    Parts keep their places. Those that the copy has no more are removed, new ones lie beside the others.

    Parameters
    ----------
    library
        The library.
    store
        The store, which knows what the copies hold.

    Returns
    -------
    int
        How many parts were written.
    """
    with store.reading() as connection:
        work = [
            (copy, parts_there(connection, copy.sha256), parts_of_content(connection, copy.held))
            for copy in stale_copies(connection)
        ]
    count = 0
    for copy, known, wanted in work:
        try:
            blob = (library / copy.folder / copy.name).read_bytes()
        except OSError:
            continue
        if copy.written in {None, hashlib.sha256(blob).hexdigest()}:
            parts = _split(blob, wanted) if len(wanted) > 1 else []
            count += _put(library, copy, known, parts, store)
    return count


def _split(blob: bytes, wanted: Sequence[tuple[int, int, int, float]]) -> list[Part]:
    from etl.midi.reader import read_files  # noqa: PLC0415 - it loads compiled code
    from etl.midi.split import TooMuchError, split_file  # noqa: PLC0415

    try:
        return split_file(read_files([blob], keep_all=True), 0, wanted)
    except TooMuchError:
        return []


def _put(
    library: Path, copy: StaleCopy, known: Sequence[KnownPart], parts: Sequence[Part], store: BurstWriter
) -> int:
    """Write parts to the places of those before, and remove the places of those that are no more."""
    new = {(part.track, part.channel): part for part in parts}
    ours = [part for part in known if _is_ours(library, part, new)]
    foreign = {(part.track, part.channel) for part in known} - {(part.track, part.channel) for part in ours}
    places = {(part.track, part.channel): (part.folder, part.name) for part in ours}
    written = []
    for key, part in new.items():
        if key in foreign:
            continue
        folder, name = places.get(key) or _free_place(library, copy, part)
        with atomic_file(library / folder / name) as file:
            file.write(part.blob)
        there = (library / folder / name).stat()
        content = (hashlib.sha256(part.blob).hexdigest(), there.st_size, there.st_mtime_ns)
        split_from = None if copy.held == copy.sha256 else copy.held
        written.append((copy.sha256, *key, folder, name, *content, split_from))
    for key in places.keys() - new.keys():
        library.joinpath(*places[key]).unlink(missing_ok=True)
    store.put(put_parts([(copy.sha256, *key) for key in places], written))
    return len(written)


def _is_ours(library: Path, known: KnownPart, new: Mapping[tuple[int, int], Part]) -> bool:
    """Whether a part is as it was written, is lost, or was split again by a run that was killed."""
    if known.is_edited:
        return False
    try:
        content = (library / known.folder / known.name).read_bytes()
    except FileNotFoundError:
        return True
    part = new.get((known.track, known.channel))
    return known.content_sha256 in {None, hashlib.sha256(content).hexdigest()} or (
        part is not None and content == bytes(part.blob)
    )


def _free_place(library: Path, copy: StaleCopy, part: Part) -> tuple[str, str]:
    folder, stem, number = f"{copy.folder}/parts", copy.name.removesuffix(".mid") + part.suffix, 0
    name = f"{stem}.mid"
    while (library / folder / name).exists() and (library / folder / name).read_bytes() != bytes(part.blob):
        number += 1
        name = f"{stem}_{number}.mid"
    return folder, name
