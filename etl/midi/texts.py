"""What files say in words: names, lyrics, karaoke, markers, copyrights; and the encoding that it is in.

References
----------
.. [1] MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001, 1996, p. 8: meta events 01 to 07;
   "SMF Lyric Meta Event Definition", RP-017, 1998.
.. [2] Tune 1000, "Soft Karaoke" (.kar): words are text events of a file that has one that begins with ``@K``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.midi.encodings import MOST_BYTES, Encoding, decode, find_encoding
from etl.midi.times import tick_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

KINDS: Final = {
    1: "text", 2: "copyright", 3: "track name", 4: "instrument name", 5: "lyric", 6: "marker", 7: "cue point",
}  # fmt: skip
KARAOKE: Final = "karaoke"
MOST_TEXTS: Final = 20_000
"""Texts of a file that are kept; a symphony's worth of syllables."""

_TEXT: Final = 1
_LONGEST: Final = 4096
_CONTROLS: Final = {
    **dict.fromkeys((*range(1, 32), *range(127, 160)), " "), 0: None, ord("\n"): "\n", ord("\r"): "\n",
}  # fmt: skip


def file_encodings(batch: MidiBatch) -> list[Encoding]:
    """Find the encoding of all text of each file, as `etl.midi.encodings.find_encoding`."""
    found = [Encoding("ascii", is_guess=False)] * len(batch.files)
    texts = _texts(batch)
    beyond = texts[_beyond_ascii(batch.data, texts["offset"], np.minimum(texts["length"], MOST_BYTES))]
    by_file: dict[int, list[bytes]] = {}
    for file, start, length in zip(
        *(beyond[name].tolist() for name in ("file", "offset", "length")), strict=True
    ):
        by_file.setdefault(file, []).append(batch.data[start : start + min(length, MOST_BYTES)].tobytes())
    for file, raws in by_file.items():
        found[file] = find_encoding(raws)
    return found


def text_rows(batch: MidiBatch, encodings: Sequence[str]) -> pl.DataFrame:
    """Give what the files say, in their order: rows of ``midi_texts``, with ``file`` in place of ``sha256``.

    Of a file `MOST_TEXTS` are kept, and of a text its first 4,096 bytes.

    Parameters
    ----------
    batch
        Parsed files.
    encodings
        Name of the encoding of each file.

    Returns
    -------
    DataFrame
        ``file: i32``, ``track: i32``, ``tick: i64``, ``seconds: f64`` from the start, ``kind: str``, ``text:
        str``.
    """
    texts = _texts(batch)
    order = np.arange(len(texts)) - np.searchsorted(texts["file"], texts["file"])
    texts = texts[order < MOST_TEXTS]
    columns = (texts[name].tolist() for name in ("file", "kind", "offset", "length"))
    kinds, words = [], []
    karaoke = set[int]()
    known: dict[tuple[str, bytes], str] = {}
    for file, kind, start, length in zip(*columns, strict=True):
        raw = batch.data[start : start + min(length, _LONGEST)].tobytes()
        if kind == _TEXT and raw[:2] == b"@K":
            karaoke.add(file)
        key = (encodings[file], raw)
        if key not in known:
            known[key] = decode(raw, key[0]).translate(_CONTROLS)
        kinds.append(KARAOKE if kind == _TEXT and file in karaoke and raw[:1] != b"@" else KINDS[kind])
        words.append(known[key])
    return pl.DataFrame(
        {
            "file": texts["file"],
            "track": texts["track"],
            "tick": texts["tick"],
            "seconds": tick_seconds(batch, texts).round(6),
            "kind": pl.Series(kinds, dtype=pl.String),
            "text": pl.Series(words, dtype=pl.String),
        }
    )


def _beyond_ascii(
    data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say which stretches of bytes hold one beyond ASCII, or a zero."""
    ends = np.cumsum(lengths)
    firsts = ends - lengths
    inside = data[np.repeat(starts - firsts, lengths) + np.arange(lengths.sum())]
    found = np.zeros(len(inside) + 1, np.int64)
    np.cumsum((inside > 127) | (inside == 0), out=found[1:])
    return np.asarray(found[ends] > found[firsts])


def _texts(batch: MidiBatch) -> NDArray[Any]:
    events = batch.events
    is_text = (
        (events["status"] == 0xFF) & (events["kind"] >= 1) & (events["kind"] <= 7) & (events["length"] > 0)
    )
    chosen: NDArray[Any] = events[is_text]
    return chosen
