"""The notes of the library for models: arrays, piano rolls and tokens, file by file beside the matrices."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

import numpy as np

from etl.exports.midi_notes import RaggedFiles, shapes
from etl.midi.analysis import survey
from etl.midi.note_arrays import note_array, piano_roll
from etl.midi.reader import read_files
from etl.runtime.disk.targets import is_stream
from etl.runtime.watch.progress import Stage, Watch
from etl.sources.folders.walk import open_file
from etl.store.midi_notes import note_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from etl.exports.midi_tokens import Remi
    from etl.runtime.watch.progress import Renderer
    from etl.store.midi_notes import NoteSource

_BATCH: Final = 128
_STAGE: Final = "notes"


class Tokens(StrEnum):
    """A tokenizer."""

    REMI = "remi"


@dataclass(frozen=True)
class NoteOptions:
    """What of the notes is wanted.

    Attributes
    ----------
    rolls
        Piano rolls as well.
    tokens
        Tokens as well.
    """

    rolls: bool = False
    tokens: Tokens | None = None


def notes_to_add(
    connection: duckdb.DuckDBPyConnection,
    library: Path,
    target: Path,
    options: NoteOptions,
    renderers: Sequence[Renderer] = (),
) -> Callable[[Path], None]:
    """Give a function that adds the notes of all analysed files to an NPZ that has a row for each.

    Files are read from the library, where they have no copy there from where they were found. One whose bytes
    are others by now is told as missing and has no notes.

    Parameters
    ----------
    connection
        The store.
    library
        The folder of the library.
    target
        Where the NPZ will be: what is gathered waits beside it.
    options
        What is wanted.
    renderers
        Where it is shown.

    Raises
    ------
    EtlError
        If tokens are wanted and MidiTok is not installed.
    """
    tokenizer = None
    if options.tokens is not None:
        from etl.exports.midi_tokens import Remi  # noqa: PLC0415 - an extra

        tokenizer = Remi()
    files = note_sources(connection)
    folder = Path(gettempdir()) if is_stream(target) else target.resolve().parent

    def add(npz: Path) -> None:
        with (
            RaggedFiles(folder, shapes(rolls=options.rolls, tokens=tokenizer is not None)) as ragged,
            Watch("etl midi export", [Stage(_STAGE, "files")], renderers) as watch,
        ):
            watch.total(_STAGE, len(files))
            divisions = _gather(files, library, ragged, tokenizer, watch, rolls=options.rolls)
            others = {
                "note_offsets": ragged.offsets("notes"),
                "divisions": divisions,
                "missing": divisions == 0,
            }
            if options.rolls:
                others["roll_offsets"] = ragged.offsets("piano_roll")
            if tokenizer is not None:
                others["remi_offsets"] = ragged.offsets("remi_ids")
                others["remi_vocabulary"] = np.array(tokenizer.vocabulary)
                others["remi_tokenizer"] = np.array(tokenizer.description)
            ragged.append_to(npz, others)

    return add


def _gather(
    files: Sequence[NoteSource],
    library: Path,
    ragged: RaggedFiles,
    tokenizer: Remi | None,
    watch: Watch,
    *,
    rolls: bool,
) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Read all files and add their rows; give the ticks in a quarter note of each, 0 where missing."""
    divisions = np.zeros(len(files), np.int32)
    for start in range(0, len(files), _BATCH):
        chunk = files[start : start + _BATCH]
        blobs = [_content(file, library) for file in chunk]
        batch = read_files([blob or b"" for blob in blobs])
        survey(batch)  # it flags the notes of parts found to be drums
        for number, (file, blob) in enumerate(zip(chunk, blobs, strict=True)):
            found = batch.notes_of(number)
            is_there = blob is not None and len(found) == file.notes
            notes = note_array(found if is_there else found[:0])
            division = int(batch.files[number]["division"])
            divisions[start + number] = division if is_there else 0
            ragged.add("notes", notes)
            if rolls:
                ragged.add("piano_roll", piano_roll(notes, max(1, division)))
            if tokenizer is not None:
                none = np.empty(0, np.int32)
                ragged.add("remi_ids", tokenizer.tokens(batch, number) if is_there else none)
        missing = int(np.count_nonzero(divisions[start : start + len(chunk)] == 0))
        watch.advance(_STAGE, done=len(chunk), errors=missing)
    return divisions


def _content(file: NoteSource, library: Path) -> bytes | None:
    """Read a file from its copy, else as it was found; None where its bytes are others by now."""
    copies = [] if file.copy is None else [str(library / file.copy)]
    originals = [] if file.location is None else [file.location]
    for place in (*copies, *originals):
        try:
            with open_file(place) as stream:
                blob = stream.read()
        except OSError:
            continue
        # A copy that was cut out of what it was wrapped in has a hash of its own, and goes by its notes.
        if hashlib.sha256(blob).hexdigest() == file.sha256 or (file.is_wrapped and place in copies):
            return blob
    return None
