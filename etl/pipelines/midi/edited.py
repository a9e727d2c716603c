"""Files of the library that somebody has edited there: noticed by their hashes, and analyzed anew."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.midi.analysis import analyze
from etl.midi.categories import categorize
from etl.midi.drums import CATEGORY_SCORE
from etl.midi.file_names import with_name_figures
from etl.midi.reader import read_files
from etl.midi.rework import transposed_key
from etl.midi.tags import find_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.store.midi_library import LibraryPiece

_BATCH_BYTES: Final = 8 << 20
_AS_BEFORE: Final = 0.5
"""How far the key and the tempo that a piece had are trusted, as if its name had them."""
_ALIKE: Final = 0.98
"""Cosine of two pitch class profiles from which they are of the same music, moved."""
_SAME_MUSIC: Final = 0.9
_BROKEN: Final = frozenset(
    {"track_truncated", "track_length_wrong", "event_truncated", "resynchronised", "no_tracks"}
)


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
        The pieces, in order, and how many were edited. One whose file is lost, or is no whole MIDI file with
        notes any more, stays as it was, so that it is not taken for what is there.
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
    places = list(blobs)
    fresh = _analyzed([pieces[place] for place in places], [blobs[place] for place in places])
    for place, piece in fresh.items():
        blob = blobs[places[place]]
        pieces[places[place]] = replace(
            piece, content_sha256=hashlib.sha256(blob).hexdigest(), size_bytes=len(blob)
        )
    return len(fresh)


def _analyzed(pieces: Sequence[LibraryPiece], blobs: Sequence[bytes]) -> dict[int, LibraryPiece]:
    """Analyze edited files, those that can be used; what a part was before is evidence of key and tempo."""
    batch = read_files(blobs)
    profiles = analyze(batch).files["pitch_class_profile"].to_numpy()
    names = _evidence(pieces, profiles)
    found = analyze(batch, names=names)
    tags = find_tags(names.select("file", "stem", "folder"), found.files, found.parts)
    is_part = pl.Series([piece.track is not None for piece in pieces])
    files = found.files.with_columns(distinct_chords=pl.when(is_part).then(0).otherwise("distinct_chords"))
    drums = found.parts.group_by("file").agg(is_drums=(pl.col("drum_score") > CATEGORY_SCORE).all())
    rows = (
        files.join(categorize(files, tags), on="file", maintain_order="left")
        .join(drums, on="file", how="left", maintain_order="left")
        .filter("valid", pl.col("notes") > 0)
        .rows(named=True)
    )
    return {
        row["file"]: replace(
            pieces[row["file"]],
            **{name: row[name] for name in ("category", "category_reason", "key", "bpm", "bars", "chords")},
            parts=pieces[row["file"]].parts if pieces[row["file"]].track is not None else row["parts"],
            is_drums=row["is_drums"],
            before=(pieces[row["file"]].key, pieces[row["file"]].bpm),
        )
        for row in rows
        if not _BROKEN.intersection(row["repairs"])
    }


def _evidence(pieces: Sequence[LibraryPiece], profiles: NDArray[np.float32]) -> pl.DataFrame:
    """Give what the names of pieces say, and what they were before; the names of parts are ours.

    ``profiles`` (pieces, 12) are shares of the sounding time now: where they are those of before, moved, the
    piece was transposed, and so was its key.
    """
    rows = []
    for file, (piece, profile) in enumerate(zip(pieces, profiles, strict=True)):
        up, likeness = _moved(np.array(piece.pitch_class_profile), profile)
        is_same = likeness >= _ALIKE
        up = up if is_same else 0
        key = transposed_key(piece.key, up)
        stem, folder = PurePath(piece.title or "").stem, PurePath(piece.path).parent.name
        if piece.track is not None or up:
            stem, folder = "", folder if piece.track is None else ""
        rows.append((file, stem, folder, key, piece.bpm, _SAME_MUSIC if is_same else _AS_BEFORE))
    schema = {
        "file": pl.Int32, "stem": pl.String, "folder": pl.String, "key": pl.String, "bpm": pl.Float64,
        "trust": pl.Float64,
    }  # fmt: skip
    named = with_name_figures(pl.LazyFrame(rows, schema=schema, orient="row")).collect(engine="in-memory")
    as_before = {"name_key": "key", "name_bpm": "bpm"}
    silent = {
        name: pl.col(name).is_null() & pl.col(before).is_not_null() for name, before in as_before.items()
    }
    return named.with_columns(
        *(pl.coalesce(name, before).alias(name) for name, before in as_before.items()),
        name_key_confidence=pl.when(silent["name_key"]).then("trust").otherwise("name_key_confidence"),
        name_bpm_confidence=pl.when(silent["name_bpm"]).then(_AS_BEFORE).otherwise("name_bpm_confidence"),
    )


def _moved(before: NDArray[np.float64], after: NDArray[np.float32]) -> tuple[int, float]:
    """Say how many semitones up one profile is most like another, and the cosine of the two then."""
    scale = float(np.linalg.norm(before) * np.linalg.norm(after)) or 1.0
    alike = np.array([np.roll(before, up) @ after for up in range(12)]) / scale
    up = int(alike.argmax())
    return up, float(alike[up])
