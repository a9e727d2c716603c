"""Files of the library that somebody has edited there: noticed by their hashes, and analyzed anew.

A run takes them up into the store, each as a file of its own at its place in the library. Renames and exports
look for themselves: they must not trust figures of what is no longer there.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.drum_classes import CATEGORY_SCORE
from etl.pipelines.midi.messages import Batch, Entry, Wanted
from etl.pipelines.midi.worker import process_batch
from etl.runtime.limits import LIMITS
from etl.store.midi_edits import UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.store.midi_library import LibraryPiece

_BATCH_BYTES: Final = 8 << 20
_FIGURES: Final = ("category", "category_reason", "key", "bpm", "bars", "chords")


def as_they_are(library: Path, pieces: Sequence[LibraryPiece]) -> tuple[list[LibraryPiece], int]:
    """Give pieces the hashes and sizes that their files have now, and new figures where they were edited.

    Parameters
    ----------
    library
        The library.
    pieces
        Copies and parts.

    Returns
    -------
    tuple
        The pieces, in order, and how many were edited since they were written. One whose file is lost, or is
        no whole MIDI file with notes any more, stays as it was, so that it is not taken for what is there.
    """
    found = list(pieces)
    waiting: dict[int, bytes] = {}
    edited = 0
    for number, piece in enumerate(pieces):
        try:
            blob = (library / piece.folder / piece.name).read_bytes()
        except OSError:
            continue
        digest = hashlib.sha256(blob).hexdigest()
        if piece.content_sha256 in {None, digest}:
            found[number] = replace(piece, content_sha256=digest, size_bytes=len(blob))
            edited += piece.before is not None
        else:
            waiting[number] = blob
        if sum(map(len, waiting.values())) > _BATCH_BYTES:
            edited += _put(found, waiting)
            waiting = {}
    return found, edited + _put(found, waiting)


def _put(pieces: list[LibraryPiece], blobs: Mapping[int, bytes]) -> int:
    """Put new figures in the places of pieces that were edited; give how many."""
    if not blobs:
        return 0
    places = {f"{pieces[number].folder}/{pieces[number].name}": number for number in blobs}
    entries = [
        Entry(place, pieces[number].name, None, len(blobs[number]), 0, blobs[number])
        for place, number in places.items()
    ]
    wanted = Wanted(
        analyze=True,
        split=False,
        incoming=None,
        roots=(),
        member_bytes=LIMITS.archives.member_bytes,
        before={place: pieces[number] for place, number in places.items()},
    )
    done = process_batch(Batch(tuple(entries)), wanted)
    if done.files.is_empty():
        return 0
    drums = done.parts.group_by("sha256").agg(is_drums=(pl.col("drum_score") > CATEGORY_SCORE).all())
    usable = done.files.filter(
        "valid", pl.col("repairs").list.set_intersection(list(UNUSABLE)).list.len() == 0
    )
    rows = (
        done.paths.select("path", "sha256", "size_bytes")
        .join(usable.select("sha256"), on="sha256", how="semi", maintain_order="left")
        .join(done.analysis.filter(pl.col("notes") > 0), on="sha256", maintain_order="left")
        .join(drums, on="sha256", maintain_order="left")
        .rows(named=True)
    )
    for row in rows:
        number = places[row["path"]]
        piece = pieces[number]
        pieces[number] = replace(
            piece,
            **{name: row[name] for name in _FIGURES},
            parts=piece.parts if piece.track is not None else row["parts"],
            is_drums=row["is_drums"],
            before=piece.before or (piece.key, piece.bpm),
            content_sha256=row["sha256"],
            size_bytes=row["size_bytes"],
        )
    return len(rows)
