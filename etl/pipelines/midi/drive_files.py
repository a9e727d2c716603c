"""The files that belong on a drive: copies of the library's, changed ones, patterns and progressions.

What is made anew is made in batches (a file parsed by itself takes forty times as long), and kept in a folder
of its own until it is copied.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from etl.exports.drive_index import About, Wanted
from etl.midi.analysis import survey
from etl.midi.file_names import restated
from etl.midi.mpc import (
    CATEGORY_FOLDERS,
    LETTERS_FOLDER,
    PACKS_FOLDER,
    PROGRESSIONS_AT_ROOT,
    ROOT_FOLDERS,
    DriveFormat,
    Layout,
    ProgressionPlace,
    progression,
    subfolders,
    transposed,
)
from etl.midi.pattern import mpc_pattern
from etl.midi.reader import read_files
from etl.midi.rework import Rework, key_after, rework, semitones_between, written
from etl.midi.sanitize import distinct_names, safe_stems
from etl.midi.split import TooMuchError
from etl.pipelines.midi.request import PartsWanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from etl.runtime.watch.progress import Watch
    from etl.store.midi_library import LibraryPiece

PREPARE: Final = "prepare"
_DEFAULT_CATEGORY: Final = "Loops"
_MIDI, _PROGRESSION, _PATTERN = ".mid", ".progression", ".mpcpattern"
_LONGEST_PATTERN: Final = 64  # bars
_BATCH, _BATCH_BYTES = 256, 8 << 20


class Patterns(StrEnum):
    """What gets a pattern file too: pieces of one part of up to 64 bars, of any length, or none."""

    LOOPS = "loops"
    ALL = "all"
    NO = "no"


@dataclass(frozen=True)
class DriveOptions:
    """How a drive is filled.

    Attributes
    ----------
    parts
        Whether parts are on it.
    layout
        By what files are sorted into folders.
    patterns
        What gets a pattern file too.
    progressions
        Where progression files are.
    changes
        How files are changed on their way.
    """

    parts: PartsWanted = PartsWanted.ALSO
    layout: Layout = Layout.CATEGORY
    patterns: Patterns = Patterns.LOOPS
    progressions: ProgressionPlace = ProgressionPlace.DEVICE
    changes: Rework = field(default_factory=Rework)


class _Found(NamedTuple):
    """What there is of a piece: its MIDI file, and its pattern, if it has one."""

    midi: _Made | None
    pattern: _Made | None


class _Made(NamedTuple):
    """Something to be copied: its hash, its size and where it is."""

    sha256: str
    size: int
    source: Path


def files_for_drive(
    library: Path,
    pieces: Sequence[LibraryPiece],
    drive_format: DriveFormat,
    options: DriveOptions,
    *,
    kept: Path,
    watch: Watch,
) -> Iterator[Wanted]:
    """Give all files that belong on a drive.

    Parameters
    ----------
    library
        The library.
    pieces
        Copies and parts that are wanted, as `etl.pipelines.midi.edited.as_they_are` gives them.
    drive_format, options
        The device, and how its drive is filled.
    kept
        A folder for what is made anew, until it is copied.
    watch
        Has the stage `PREPARE`.
    """
    named = _with_distinct_names([_restated(piece, options.changes) for piece in pieces])
    places = _places(named, options.layout)
    watch.total(PREPARE, len(pieces))
    for start in range(0, len(pieces), _BATCH):
        batch = pieces[start : start + _BATCH]
        with watch.timed(PREPARE):
            made = _make(library, batch, options, kept, start)
        watch.advance(PREPARE, done=len(batch))
        for number, piece in enumerate(batch):
            found = made[number]
            if found.midi is None:
                source = library / piece.folder / piece.name
                copy = _Made(piece.content_sha256 or "", piece.size_bytes, source)
                # What is lost stays on the drive, and so does its pattern.
                is_lost = _has_pattern(piece, options.patterns) and not source.exists()
                found = _Found(copy, _Made("", 0, source) if is_lost else found.pattern)
            place, shown = places[start + number], named[start + number]
            for root in ROOT_FOLDERS[drive_format]:
                yield from _targets(shown, f"{root}/{place}", found, options)
            if options.progressions is ProgressionPlace.ROOT:
                yield from _charts(shown, PROGRESSIONS_AT_ROOT, options)


def _restated(piece: LibraryPiece, changes: Rework) -> LibraryPiece:
    """Name a piece by the key and the tempo that it is exported in, where its name says those."""
    key, bpm = piece.before or (piece.key, piece.bpm)
    after = None if piece.is_drums else key_after(piece.key, changes.key)
    stem = restated(piece.name.removesuffix(_MIDI), key=(key, after), bpm=(bpm, changes.bpm or piece.bpm))
    return replace(piece, name=f"{stem}{_MIDI}")


def _with_distinct_names(pieces: Sequence[LibraryPiece]) -> list[LibraryPiece]:
    """Put numbers behind names that another piece has too, in whatever folder of the library."""
    taken: set[str] = set()
    named = []
    for piece in pieces:
        name = piece.name
        if name.lower() in taken:
            (name,) = distinct_names([name.removesuffix(_MIDI)], taken)
        taken.add(name.lower())
        named.append(piece if name == piece.name else replace(piece, name=name))
    return named


def _targets(piece: LibraryPiece, place: str, found: _Found, options: DriveOptions) -> Iterator[Wanted]:
    """Give a piece's MIDI file, and what goes beside it."""
    about, stem = _about(piece, options.changes), piece.name.removesuffix(_MIDI)
    for made, ending in ((found.midi, _MIDI), (found.pattern, _PATTERN)):
        if made is not None:
            yield Wanted(f"{place}/{stem}{ending}", made.sha256, made.size, about, made.source)
    if options.progressions is ProgressionPlace.DEVICE:
        yield from _charts(piece, place, options)


def _charts(piece: LibraryPiece, place: str, options: DriveOptions) -> Iterator[Wanted]:
    """Make the progression file of a piece that is one."""
    if piece.category != "Progressions" or piece.key is None:
        return
    stem = piece.name.removesuffix(_MIDI)
    wanted = options.changes.key
    up = semitones_between(piece.key, wanted)
    chords = [transposed(chord, up) for chord in piece.chords] if up else piece.chords
    content = json.dumps(
        progression(stem, key_after(piece.key, wanted) or piece.key, chords), indent=2
    ).encode()
    about = About(piece.category, "made from the chords")
    digest = hashlib.sha256(content).hexdigest()
    yield Wanted(f"{place}/{stem}{_PROGRESSION}", digest, len(content), about, None, content)


def _about(piece: LibraryPiece, changes: Rework) -> About:
    return About(
        category=piece.category or _DEFAULT_CATEGORY,
        reason=piece.category_reason or "",
        bpm=changes.bpm or piece.bpm,
        key=key_after(piece.key, changes.key),
        tags=tuple(piece.tags),
        name=piece.title,
        source=piece.path,
    )


def _places(pieces: Sequence[LibraryPiece], layout: Layout) -> list[str]:
    """Give the folder of each piece, below the device's."""
    folders = [_folder(piece, layout) for piece in pieces]
    if layout is Layout.PACK:
        packs = pl.DataFrame({"stem": folders}, schema={"stem": pl.String}).select(safe_stems(pl.col("stem")))
        folders = [f"{PACKS_FOLDER}/{name}" for name in packs["stem"]]
    names: dict[str, list[str]] = {}
    for folder, piece in zip(folders, pieces, strict=True):
        names.setdefault(folder, []).append(piece.name)
    shelves = {folder: subfolders(inside) for folder, inside in names.items()}
    return [
        f"{folder}/{shelves[folder][piece.name]}".rstrip("/")
        for folder, piece in zip(folders, pieces, strict=True)
    ]


def _folder(piece: LibraryPiece, layout: Layout) -> str:
    if layout is Layout.LETTER:
        return f"{LETTERS_FOLDER}/{piece.folder.partition('/')[0]}"
    if layout is Layout.PACK:
        archive, inside, _ = piece.path.partition("!")
        return PurePosixPath(archive).stem if inside else PurePosixPath(archive).parent.name
    return CATEGORY_FOLDERS[piece.category or _DEFAULT_CATEGORY]


def _make(
    library: Path, pieces: Sequence[LibraryPiece], options: DriveOptions, kept: Path, start: int
) -> list[_Found]:
    """Make changed files and patterns; nothing of what is not wanted, or whose file is lost or another."""
    found = [_Found(None, None)] * len(pieces)
    batch: dict[int, bytes] = {}
    for number, piece in enumerate(pieces):
        if options.changes or _has_pattern(piece, options.patterns):
            with suppress(OSError):
                blob = (library / piece.folder / piece.name).read_bytes()
                if hashlib.sha256(blob).hexdigest() == piece.content_sha256:
                    batch[number] = blob
        if batch and (number == len(pieces) - 1 or sum(map(len, batch.values())) > _BATCH_BYTES):
            for place, made in zip(batch, _made(batch, pieces, options, kept, start), strict=True):
                found[place] = made
            batch = {}
    return found


def _made(
    blobs: dict[int, bytes], pieces: Sequence[LibraryPiece], options: DriveOptions, kept: Path, start: int
) -> Iterator[_Found]:
    """Parse files, given by the numbers of their pieces, and make what is wanted of each."""
    batch = read_files(list(blobs.values()), keep_all=True)
    survey(batch)  # flags the drums of whole files
    for file, number in enumerate(blobs):
        piece = pieces[number]
        if piece.parts == 1 or piece.track is not None:
            batch.notes_of(file)["drum"] = piece.is_drums
        up = semitones_between(None if piece.is_drums else piece.key, options.changes.key)
        changed = rework(batch, file, options.changes, semitones=up)
        midi = pattern = None
        if options.changes:
            with suppress(TooMuchError):  # it stays as it is
                midi = _keep(kept / f"{start + number}{_MIDI}", written(changed))
        if _has_pattern(piece, options.patterns):
            content = mpc_pattern(changed.notes, int(changed.files[0]["division"]))
            pattern = _keep(kept / f"{start + number}{_PATTERN}", content)
        yield _Found(midi, pattern)


def _has_pattern(piece: LibraryPiece, patterns: Patterns) -> bool:
    is_one = piece.track is not None or piece.parts == 1
    is_short = piece.bars is not None and piece.bars <= _LONGEST_PATTERN
    return is_one and (patterns is Patterns.ALL or (patterns is Patterns.LOOPS and is_short))


def _keep(path: Path, content: bytes) -> _Made:
    path.write_bytes(content)
    return _Made(hashlib.sha256(content).hexdigest(), len(content), path)
