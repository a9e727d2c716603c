"""Compile ahead all that runs compile when they first need it, by doing a little of each kind of work.

The work goes through the pipelines' own entries, so that a new kernel is compiled here without being named.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.runtime.compile_folder import writable_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SAMPLE: Final = Path(__file__).parents[1] / "sample" / "odd_songs.csv"


@dataclass(frozen=True)
class WarmUp:
    """What compiling for one kind of work took.

    Attributes
    ----------
    family
        The kind of work.
    functions
        How many had to be compiled.
    seconds
        How long it took.
    """

    family: str
    functions: int
    seconds: float


def warm_up(workers: int) -> Iterator[WarmUp]:
    """Compile for each kind of work, several at a time.

    Parameters
    ----------
    workers
        Processes; with one it is this one.

    Yields
    ------
    WarmUp
        As each is done.
    """
    writable_folder()  # where there is none it is said once, not by each process
    if workers == 1:
        yield from map(compiled, _FAMILIES)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(_FAMILIES)), mp_context=context) as executor:
        for done in as_completed([executor.submit(compiled, family) for family in _FAMILIES]):
            yield done.result()


def compiled(family: str) -> WarmUp:
    """Compile what one kind of work needs; with nothing to compile it takes as long as loading that.

    Parameters
    ----------
    family
        ``midi``, ``chords`` or ``audio``.
    """
    from etl.runtime.jit import compile_watch  # noqa: PLC0415 -- the command line asks for a list of families

    names: list[str] = []
    begun = time.perf_counter()
    with compile_watch(lambda name, *_: names.append(name)), tempfile.TemporaryDirectory() as folder:
        _FAMILIES[family](Path(folder))
    return WarmUp(family, len(names), time.perf_counter() - begun)


def _chords(folder: Path) -> None:
    from etl.chords.keys import KeyMethod  # noqa: PLC0415 -- each process needs its own family only
    from etl.pipelines.data3.build import build  # noqa: PLC0415
    from etl.pipelines.data3.dataset import DatasetExport, export_dataset  # noqa: PLC0415
    from etl.pipelines.data3.request import Data3Build  # noqa: PLC0415

    for method in KeyMethod:
        request = Data3Build(
            inputs=(_SAMPLE,),
            output=folder / f"{method}.csv",
            database=folder / "music.duckdb",
            npz=folder / f"{method}.npz",
            method=method,
            section_keys=True,
            workers=1,
        )
        build(request)
    export_dataset(DatasetExport(folder=folder / "songs", database=folder / "music.duckdb"))


def _midi(folder: Path) -> None:
    from etl.pipelines.midi import preload  # noqa: F401, PLC0415 -- what workers are forked from
    from etl.pipelines.midi.messages import Batch, Entry, Wanted  # noqa: PLC0415
    from etl.pipelines.midi.worker import process_batch  # noqa: PLC0415

    blob = _little_midi()
    entry = Entry("little.mid", "little.mid", None, len(blob), 0, blob)
    wanted = Wanted(analyze=True, split=True, incoming=folder, roots=(), member_bytes=1 << 20)
    process_batch(Batch((entry,)), wanted)


def _little_midi() -> bytes:
    """Write sixteen beats of a broken chord and of drums, type 1."""
    parts = []
    for channel, pitches in ((0, (60, 64, 67, 72)), (9, (36, 42, 38, 42))):
        events = b"".join(
            bytes([0, 0x90 | channel, pitch, 80, 96, 0x80 | channel, pitch, 0]) for pitch in pitches * 4
        )
        track = events + bytes([0, 0xFF, 0x2F, 0])
        parts.append(b"MTrk" + len(track).to_bytes(4, "big") + track)
    return b"MThd" + bytes([0, 0, 0, 6, 0, 1, 0, len(parts), 0, 96]) + b"".join(parts)


def _audio(folder: Path) -> None:
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415

    from etl.audio.features import Mode  # noqa: PLC0415
    from etl.audio.signal import SAMPLE_RATE  # noqa: PLC0415
    from etl.pipelines.audio.describe import clicks, describe_file  # noqa: PLC0415
    from etl.pipelines.audio.recording import Recording  # noqa: PLC0415
    from etl.playlists.choose import choose  # noqa: PLC0415
    from etl.playlists.rules import Rules  # noqa: PLC0415

    path = folder / "clicks.wav"
    soundfile.write(path, clicks(), SAMPLE_RATE)
    for mode in Mode:
        describe_file(Recording("", str(path), mode))
    costs = np.random.default_rng(0).random((9, 9), np.float32)
    choose(costs, costs[:6].copy(), np.full((3, 9), -1), Rules())


_FAMILIES: Final[dict[str, Callable[[Path], None]]] = {"midi": _midi, "chords": _chords, "audio": _audio}
"""The longest first."""
