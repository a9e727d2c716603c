"""The pages of an Ogg file: where its chained streams begin, and whether its end is there.

FFmpeg and libsndfile stop at the second link of a chain, or refuse it, where its rate or channels differ from
the first's; so each link is decoded by itself.

References
----------
.. [1] RFC 3533, "The Ogg Encapsulation Format Version 0", 2003, sections 4 and 6.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER: Final = 27
_FIRST: Final = 2
_LAST: Final = 4


class OggChain(NamedTuple):
    """What the pages of a file say of it.

    Attributes
    ----------
    links
        First byte of each chained stream, and of what is behind its last.
    is_cut
        Whether the last page is not marked as the last, or is not all there.
    """

    links: tuple[tuple[int, int], ...]
    is_cut: bool


def ogg_chain(path: Path) -> OggChain:
    """Look through the pages of an Ogg file."""
    starts: list[int] = []
    flags, end, size = _FIRST, 0, path.stat().st_size
    is_behind_beginning = True
    for place, flags, end in _pages(path):  # noqa: B007 -- the last ones are asked for below
        is_beginning = bool(flags & _FIRST)
        if is_beginning and is_behind_beginning:  # streams that run side by side begin one after the other
            starts.append(place)
        is_behind_beginning = not is_beginning
    links = tuple(zip(starts, [*starts[1:], size], strict=True)) if starts else ((0, size),)
    return OggChain(links, not flags & _LAST or end > size)


def _pages(path: Path) -> Iterator[tuple[int, int, int]]:
    """Give the place of each page, its flags, and the place behind it; what is no page is stepped over."""
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(b"OggS")
        while place >= 0 and place + _HEADER <= len(data):
            table = place + _HEADER + data[place + 26]
            end = table + sum(data[place + _HEADER : table])
            yield place, data[place + 5], end
            place = data.find(b"OggS", end)
