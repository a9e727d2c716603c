"""`etl.datasets`: data set folders as PyTorch and plain numpy take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from etl.exports.dataset_reader import PaddedBatches, SongDataset

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["songs"]


@overload
def songs(
    folder: str | PathLike[str], split: str = ..., *, collate: Literal[False] = ..., batch_size: int = ...
) -> SongDataset: ...


@overload
def songs(
    folder: str | PathLike[str], split: str = ..., *, collate: Literal[True], batch_size: int = ...
) -> PaddedBatches: ...


def songs(
    folder: str | PathLike[str], split: str = "train", *, collate: bool = False, batch_size: int = 32
) -> SongDataset | PaddedBatches:
    """Open one split of a data set folder.

    Parameters
    ----------
    folder
        Written by ``etl export dataset``.
    split
        ``train``, ``validation`` or ``test``.
    collate
        Give batches of songs padded to the longest, numpy arrays, instead of songs one by one.
    batch_size
        Songs in a batch; the last batch may have fewer.

    Returns
    -------
    SongDataset or PaddedBatches
        Both have a length and are read by index or in a ``for`` loop. Both go into a ``DataLoader`` as they
        are, batches with ``batch_size=None``: PyTorch turns the arrays into tensors.

    Raises
    ------
    EtlError
        If the folder has no such split.

    Examples
    --------
    >>> batches = etl.datasets.songs("ml", split="train", collate=True, batch_size=4)
    >>> batch = batches[0]
    >>> sorted(batch)
    ['key', 'lengths', 'mask', 'numeral_ids', 'section_ids', 'token_ids']
    >>> batch["token_ids"].shape == batch["mask"].shape == (4, max(batch["lengths"]))
    True
    """
    dataset = SongDataset(folder, split)
    return PaddedBatches(dataset, batch_size) if collate else dataset
