"""Read a data set folder song by song, and make padded batches for PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.chords.ragged import Ragged
from etl.exports.dataset_vocabulary import PAD
from etl.exports.splits import SPLITS
from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from numpy.typing import NDArray

SEQUENCES: Final = ("token_ids", "numeral_ids", "section_ids")


class SongDataset:
    """One split of a data set folder, a map-style data set as PyTorch's ``DataLoader`` takes it.

    The sequences of all songs are one flat array each, so that workers share them and a song is a view.

    Parameters
    ----------
    folder
        Written by ``etl export dataset``.
    split
        ``train``, ``validation`` or ``test``.

    Attributes
    ----------
    vocabulary
        What ``vocabulary.json`` says: ``tokens``, ``numerals`` and ``sections`` with ``texts`` and
        ``train_counts``, and ``keys``.

    Raises
    ------
    EtlError
        If the folder has no such split.

    Examples
    --------
    A ``DataLoader`` makes batches of it with :func:`collate`::

        songs = etl.SongDataset("my-songs", "train")
        loader = DataLoader(songs, batch_size=32, shuffle=True, collate_fn=etl.collate)
    """

    def __init__(self, folder: str | PathLike[str], split: str = "train") -> None:
        path = Path(folder) / f"{split}.parquet"
        if split not in SPLITS or not path.is_file():
            raise EtlError(
                f"{folder} has no split `{split}`.",
                f"Choose one of: {', '.join(SPLITS)}; `etl export dataset` writes such folders.",
            )
        songs = pl.read_parquet(path, columns=["key", *SEQUENCES])
        self.vocabulary: dict[str, Any] = json.loads(path.with_name("vocabulary.json").read_text("utf-8"))
        self._keys = songs["key"].to_numpy()
        self._sequences = {name: Ragged.from_series(songs[name]) for name in SEQUENCES}

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Give ``key`` (0-23, -1 for none) and, one int32 for each chord, the sequences of a song."""
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        song: dict[str, Any] = {"key": int(self._keys[index])}
        for name, rows in self._sequences.items():
            song[name] = rows.values[rows.offsets[index] : rows.offsets[index + 1]]
        return song

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))


class PaddedBatches:
    """The songs of a data set in batches, in order; itself a map-style data set.

    Parameters
    ----------
    dataset
        The songs.
    batch_size
        Songs in a batch, 1 or more.

    Raises
    ------
    EtlError
        If the batch size is less than 1.
    """

    def __init__(self, dataset: SongDataset, batch_size: int) -> None:
        if batch_size < 1:
            raise EtlError(f"a batch cannot have {batch_size} songs.", "Give a batch_size of 1 or more.")
        self.dataset = dataset
        self.batch_size = batch_size

    def __len__(self) -> int:
        return (len(self.dataset) + self.batch_size - 1) // self.batch_size

    def __getitem__(self, index: int) -> dict[str, NDArray[Any]]:
        """Give a batch as :func:`pad` does."""
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        start = index % len(self) * self.batch_size
        stop = min(start + self.batch_size, len(self.dataset))
        return pad([self.dataset[number] for number in range(start, stop)])

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        return (self[index] for index in range(len(self)))


def pad(songs: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    """Pad songs to the longest and stack them.

    Parameters
    ----------
    songs
        B songs with ``key`` and one or more of ``token_ids``, ``numeral_ids``, ``section_ids``; what else
        they have is left out.

    Returns
    -------
    dict
        The sequences, (B, T) int64, padded with 0; ``mask``, (B, T) bool, true where there is a chord;
        ``lengths`` (B,) and ``key`` (B,), int64, the key -1 where there is none.
    """
    names = [name for name in SEQUENCES if name in songs[0]]
    lengths = np.array([len(song[names[0]]) for song in songs], np.int64)
    mask = np.arange(lengths.max()) < lengths[:, None]
    batch = {"mask": mask, "lengths": lengths, "key": np.array([song["key"] for song in songs], np.int64)}
    for name in names:
        batch[name] = np.full(mask.shape, PAD, np.int64)
        batch[name][mask] = np.concatenate([np.asarray(song[name], np.int64) for song in songs])
    return batch


def collate(songs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Pad songs to the longest and stack them, as ``collate_fn`` of a ``DataLoader``.

    Takes the songs of a :class:`SongDataset` as well as rows of Hugging Face ``datasets``. Needs PyTorch.

    Parameters
    ----------
    songs
        As :func:`pad` takes them.

    Returns
    -------
    dict
        What :func:`pad` gives, as tensors.
    """
    import torch  # noqa: PLC0415 -- nothing else of the package needs it

    return {name: torch.from_numpy(array) for name, array in pad(songs).items()}
