"""Ragged arrays of the notes of files, added to an NPZ: notes, piano rolls, tokens."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, Final, Self

import numpy as np

from etl.midi.note_arrays import MOST_STEPS, NOTE_ARRAY, ROLL_STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

ARRAYS: Final = {
    "notes": (
        "notes of file i at note_offsets[i]:note_offsets[i + 1]: onset and duration in seconds and ticks, "
        "track, pitch, velocity 1-127, channel, program (255 none), is_drum"
    ),
    "divisions": "ticks in a quarter note; 0 where the file is missing",
    "missing": "the library and the source have lost or changed the file: it has no notes here",
    "piano_roll": (
        f"velocities of file i at roll_offsets[i]:roll_offsets[i + 1], {ROLL_STEPS} rows in a quarter note, "
        f"128 pitches, drums left out; at most {MOST_STEPS} rows a file"
    ),
    "remi_ids": "tokens of file i at remi_offsets[i]:remi_offsets[i + 1], indices into remi_vocabulary",
    "remi_tokenizer": "JSON: saved as a file it makes the same tokenizer again: REMI(params=...)",
}


class RaggedFiles:
    """Arrays that grow file by file, on the disk until they are added to an NPZ.

    Parameters
    ----------
    folder
        Where there is room.
    shapes
        Name, type and further dimensions of each.
    """

    def __init__(self, folder: Path, shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        self._shapes = shapes
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}
        for name in shapes:
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the stack closes it
            self._files[name] = self._stack.enter_context(file)
        self._ends: dict[str, list[int]] = {name: [0] for name in shapes}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, name: str, rows: NDArray[Any]) -> None:
        """Add the rows of the next file."""
        self._files[name].write(np.ascontiguousarray(rows, self._shapes[name][0]).tobytes())
        self._ends[name].append(self._ends[name][-1] + len(rows))

    def offsets(self, name: str) -> NDArray[np.int64]:
        """Give where the rows of each file begin, and where the last end; shape (files + 1,)."""
        return np.array(self._ends[name], np.int64)

    def append_to(self, npz: Path, others: Mapping[str, NDArray[Any]]) -> None:
        """Add the arrays to an NPZ, other arrays, and ``notes_manifest``, which says what they are."""
        with zipfile.ZipFile(npz, "a", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            for name, file in self._files.items():
                dtype, further = self._shapes[name]
                file.seek(0)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    header = {
                        "descr": np.lib.format.dtype_to_descr(dtype),
                        "fortran_order": False,
                        "shape": (self._ends[name][-1], *further),
                    }
                    np.lib.format.write_array_header_1_0(member, header)
                    shutil.copyfileobj(file, member, 1 << 20)
            described = {name: text for name, text in ARRAYS.items() if name in {*self._files, *others}}
            manifest = {"notes_manifest": np.array(json.dumps({"arrays": described}))}
            for name, array in {**others, **manifest}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


def shapes(*, rolls: bool, tokens: bool) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Give name, type and further dimensions of the arrays that are wanted."""
    wanted: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {"notes": (NOTE_ARRAY, ())}
    if rolls:
        wanted["piano_roll"] = (np.dtype("u1"), (128,))
    if tokens:
        wanted["remi_ids"] = (np.dtype("<i4"), ())
    return wanted
