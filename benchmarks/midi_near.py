"""Near copies of MIDI files: which changes are found, what is found in vain, and how long a library takes.

python -m benchmarks.midi_near [FILES=20000]

The songs and performances of the reference data, each changed in one way, are looked for among all of them.
The library that is timed has a tenth of its files near others; CPU seconds.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from etl.midi.near_copies import near_copies
from etl.midi.reader import read_files
from etl.midi.shingles import HASHES, signatures
from tests.support.figures import show, sizes
from tests.support.reference import reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

Changes = dict[str, "Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]"]


def members() -> list[bytes]:
    """Read all songs and performances."""
    folders = (reference("midi/pop909"), reference("midi/groove"))
    return [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.mid"))]


def transposed(notes: NDArray[Any], _draw: np.random.Generator) -> NDArray[Any]:
    """Put what is no drum three semitones higher."""
    notes["pitch"] = np.where(notes["drum"] > 0, notes["pitch"], np.minimum(notes["pitch"] + 3, 127))
    return notes


def without_a_part(notes: NDArray[Any], _draw: np.random.Generator) -> NDArray[Any]:
    """Leave out the part that has the fewest notes, where there are several."""
    place = notes["file"].astype(np.int64) << 32 | notes["track"] << 8 | notes["channel"]
    parts, which, counts = np.unique(place, return_inverse=True, return_counts=True)
    files = parts >> 32
    order = np.lexsort((counts, files))
    is_first = np.diff(files[order], prepend=-1) != 0
    several = np.isin(files[order], files[order][~is_first])
    return notes[~np.isin(which, order[is_first & several])]


def edited(share: float) -> Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]:
    """Change the pitch of some notes."""

    def change(notes: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
        chosen = draw.random(len(notes)) < share
        notes["pitch"] = np.where(
            chosen, np.minimum(notes["pitch"] + draw.integers(1, 5), 127), notes["pitch"]
        )
        return notes

    return change


def cut(notes: NDArray[Any], _draw: np.random.Generator) -> NDArray[Any]:
    """Leave out the last fifth of each file."""
    ends = np.zeros(int(notes["file"].max()) + 1, np.int64)
    np.maximum.at(ends, notes["file"], notes["start_tick"])
    kept: NDArray[Any] = notes[notes["start_tick"] < 0.8 * ends[notes["file"]]]
    return kept


CHANGES: Changes = {
    "transposed": transposed,
    "without its smallest part": without_a_part,
    "without the last fifth": cut,
    "2 % of notes changed": edited(0.02),
    "5 % of notes changed": edited(0.05),
    "10 % of notes changed": edited(0.10),
}


def changed(batch: MidiBatch, notes: NDArray[Any]) -> MidiBatch:
    """Give a batch other notes."""
    counts = np.bincount(notes["file"], minlength=len(batch.files))
    return replace(batch, notes=notes, note_offsets=np.concatenate([[0], np.cumsum(counts)]))


def accuracy() -> dict[str, object]:
    """Say what is found, and which different pieces are taken for near ones."""
    batch = read_files(members())
    draw = np.random.default_rng(16)
    signed, counts = signatures(batch), np.diff(batch.note_offsets)
    alone = near_copies(signed, counts)
    figures: dict[str, object] = {"files": len(counts), "near one another as they are": len(alone.rows)}
    strangers = (signed[:, None] == signed[None]).mean(axis=2)[np.triu_indices(len(signed), 1)]
    for share in (0.99, 0.999, 1.0):
        similarity = round(float(np.quantile(strangers, share)), 3)
        figures[f"similarity of different files, {share:.1%} below"] = similarity
    for name, change in CHANGES.items():
        other = changed(batch, change(batch.notes.copy(), draw))
        both = np.concatenate([signed, signatures(other)])
        found = near_copies(both, np.concatenate([counts, np.diff(other.note_offsets)]))
        group = dict(zip(found.rows.tolist(), found.fullest.tolist(), strict=True))
        pairs = sum(
            row in group and group.get(row) == group.get(row + len(counts)) for row in range(len(counts))
        )
        similarity = (both[: len(counts)] == both[len(counts) :]).mean(axis=1)
        figures[name] = f"{pairs} of {len(counts)} found, mean similarity {similarity.mean():.2f}"
    return figures


def speed(count: int) -> dict[str, object]:
    """Time a library."""
    draw = np.random.default_rng(1)
    signed = draw.integers(0, 1 << 24, (count, HASHES), dtype=np.uint32)
    copies = draw.permutation(count)[: count // 10]
    originals = draw.integers(0, count, len(copies))
    kept = draw.random((len(copies), HASHES)) < 0.8
    signed[copies] = np.where(kept, signed[originals], signed[copies])
    start = sum(os.times()[:2])
    found = near_copies(signed, draw.integers(100, 5000, count))
    return {"files": count, "near": len(found.rows), "CPU seconds": round(sum(os.times()[:2]) - start, 2)}


def main(count: int) -> None:
    """Measure and print."""
    show({"accuracy": accuracy(), "library": speed(count)})


if __name__ == "__main__":
    main(*sizes(20000))
