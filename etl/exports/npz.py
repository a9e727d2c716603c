"""Matrices of chord songs as one NPZ file that loads with ``allow_pickle=False``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.chords.categories import CATEGORIES
from etl.chords.kernels import open_tags
from etl.chords.ragged import Ragged
from etl.exports.npz_file import Pieces, write_npz
from etl.runtime.disk.files import atomic_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from etl.runtime.disk.files import BinaryFile

MATRIX_COLUMNS: Final = (
    "id",
    "key",
    "key_posterior",
    "pitch_class_profile",
    "fingerprint_mean",
    "category_counts",
    "chord_ids",
    "section_starts",
    "section_ids",
)
"""Columns that :meth:`SongMatrices.add` needs."""

_DENSE: Final = {
    "key_posterior": np.float32,
    "pitch_class_profile": np.float32,
    "fingerprint_mean": np.float32,
    "category_counts": np.int32,
}
UNKNOWN: Final = "?"


@dataclass
class SongMatrices:
    """Collects songs batch by batch and writes them as one NPZ.

    The file holds ``ids`` (N,); ``key`` (N,) int8, 0-11 major, 12-23 minor, -1 none; ``key_posterior``
    (N, 24), ``pitch_class_profile`` (N, 12), ``fingerprint_mean`` (N, 12) float32; ``category_counts``
    (N, 49) int32 and ``category_names`` (49,); the chords of song i as
    ``token_ids[token_offsets[i]:token_offsets[i + 1]]``, int32 indices into ``vocabulary``, and beside them
    ``section_ids``, int32 indices into ``section_names``, -1 where no section is open; and ``manifest``,
    JSON that says how the file was made.
    """

    _ids: list[pl.Series] = field(default_factory=list)
    _keys: list[NDArray[np.int8]] = field(default_factory=list)
    _dense: dict[str, list[NDArray[Any]]] = field(default_factory=lambda: {name: [] for name in _DENSE})
    _tokens: list[NDArray[Any]] = field(default_factory=list)
    _lengths: list[NDArray[np.int64]] = field(default_factory=list)
    _sections: list[NDArray[Any]] = field(default_factory=list)

    def add(self, songs: pl.DataFrame) -> None:
        """Append songs with the columns :data:`MATRIX_COLUMNS`."""
        self._ids.append(songs["id"])
        self._keys.append(songs["key"].to_numpy())
        for name, dtype in _DENSE.items():
            self._dense[name].append(_narrow(songs[name].to_numpy().astype(dtype, copy=False)))
        chords = Ragged.from_series(songs["chord_ids"])
        self._tokens.append(_narrow(chords.values))
        self._lengths.append(chords.lengths)
        self._sections.append(_narrow(section_of_chord(songs, chords)))

    def write(
        self, path: Path, *, chords: pl.DataFrame, sections: pl.DataFrame, manifest: Mapping[str, Any]
    ) -> None:
        """Write the file; it appears only when whole. The parameters are those of :meth:`write_to`."""
        with atomic_file(path) as file:
            self.write_to(file, chords=chords, sections=sections, manifest=manifest)

    def write_to(
        self,
        file: BinaryFile,
        *,
        chords: pl.DataFrame,
        sections: pl.DataFrame,
        manifest: Mapping[str, Any],
    ) -> None:
        """Write to an open file.

        Parameters
        ----------
        file
            Open for binary writing.
        chords, sections
            The tables ``chord_symbols`` and ``sections`` that the ids refer to, in order of their ids.
        manifest
            How the data were made.
        """
        vocabulary, token_number = _compact(chords["symbol"], chords["is_known"], self._tokens)
        names, section_number = _compact(sections["tag"], None, self._sections)
        offsets = np.concatenate(([0], *self._lengths)).cumsum()
        ids = pl.concat(self._ids).str.replace_all("\0", r"\0", literal=True).to_list() if self._ids else []
        songs = len(ids)
        members: dict[str, NDArray[Any] | Pieces] = {
            "ids": np.array(ids, dtype=np.str_),
            "key": Pieces(self._keys, np.dtype(np.int8), (songs,)),
            **{
                name: Pieces(self._dense[name], np.dtype(dtype), (songs, _width(name)))
                for name, dtype in _DENSE.items()
            },
            "category_names": np.array(CATEGORIES, dtype=np.str_),
            "token_ids": Pieces(self._tokens, np.dtype(np.int32), (int(offsets[-1]),), token_number),
            "token_offsets": offsets.astype(np.int64),
            "vocabulary": vocabulary,
            "section_ids": Pieces(self._sections, np.dtype(np.int32), (int(offsets[-1]),), section_number),
            "section_names": names,
            "manifest": np.array(json.dumps({**manifest, "songs": songs}, sort_keys=True)),
        }
        write_npz(file, members)


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Hold integers in 16 bits until they are written, where they fit."""
    if values.dtype.kind == "i" and values.size and values.min() >= -1 and values.max() < 1 << 15:
        return values.astype(np.int16)
    return values.copy()


def _width(name: str) -> int:
    return {"key_posterior": 24, "category_counts": len(CATEGORIES)}.get(name, 12)


def section_of_chord(songs: pl.DataFrame, chords: Ragged) -> NDArray[np.int32]:
    """Section of each chord.

    Parameters
    ----------
    songs
        ``section_starts`` and ``section_ids``, list[i32], one for each section tag.
    chords
        One value for each chord, N rows, T values.

    Returns
    -------
    ndarray
        (T,) section ids; -1 where no section is open.
    """
    starts, tags = (Ragged.from_series(songs[name]) for name in ("section_starts", "section_ids"))
    return open_tags(chords.offsets, tags.values, starts.values, tags.offsets)


def _compact(
    texts: pl.Series, is_known: pl.Series | None, used_in: Sequence[NDArray[Any]]
) -> tuple[NDArray[np.str_], NDArray[np.int32]]:
    """Vocabulary of the texts that occur, sorted, and the way to it; all unknown tokens share one entry.

    The look-up ends in -1, which is where -1 leads.
    """
    used = np.zeros(len(texts), np.bool_)
    for piece in used_in:
        used[piece[piece >= 0]] = True
    shown = (
        texts
        if is_known is None
        else pl.select(pl.when(is_known).then(texts).otherwise(pl.lit(UNKNOWN))).to_series()
    )
    vocabulary = shown.filter(pl.Series(used)).unique().sort()
    lookup = shown.replace_strict(
        vocabulary, np.arange(len(vocabulary), dtype=np.int32), default=-1, return_dtype=pl.Int32
    )
    return np.array(vocabulary.to_list(), dtype=np.str_), np.append(lookup.to_numpy(), np.int32(-1))
