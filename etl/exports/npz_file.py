"""NPZ files whose bytes depend on the arrays alone, also of arrays that are not in memory at once."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

_CHUNK: Final = 1 << 22  # values converted at a time


@dataclass(frozen=True)
class Pieces:
    """An array in pieces, with an optional look-up of its values (-1 stays -1)."""

    pieces: Sequence[NDArray[Any]]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    lookup: NDArray[np.int32] | None = None

    def chunks(self) -> Iterable[NDArray[Any]]:
        """Give the values in their final dtype."""
        for piece in self.pieces:
            for start in range(0, len(piece), _CHUNK):
                chunk = piece[start : start + _CHUNK]
                if self.lookup is not None:
                    chunk = self.lookup[chunk]
                yield np.ascontiguousarray(chunk, dtype=self.dtype)


def write_npz(file: Any, members: Mapping[str, NDArray[Any] | Pieces]) -> None:
    """Write arrays as an uncompressed NPZ whose bytes depend on the arrays alone."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in members.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as member:
                if isinstance(array, np.ndarray):
                    np.lib.format.write_array(member, array, allow_pickle=False)
                    continue
                header = {
                    "descr": np.lib.format.dtype_to_descr(array.dtype),
                    "fortran_order": False,
                    "shape": array.shape,
                }
                np.lib.format.write_array_header_1_0(member, header)
                for chunk in array.chunks():
                    member.write(chunk.data)
