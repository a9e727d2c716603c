"""What the parts of files are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etl.midi.text import decode_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

_TRACK_NAME: Final = 3


def part_names(batch: MidiBatch, parts: NDArray[Any]) -> list[str | None]:
    """Give the name of each part: the first name of its track.

    Parameters
    ----------
    batch
        Parsed files.
    parts
        `etl.midi.stats_kernel.PART` records.
    """
    events = batch.events
    named = events[(events["status"] == 0xFF) & (events["kind"] == _TRACK_NAME) & (events["length"] > 0)]
    found: dict[tuple[int, int], bytes] = {}
    for file, track, offset, length in zip(
        *(named[field].tolist() for field in ("file", "track", "offset", "length")), strict=True
    ):
        found.setdefault((file, track), batch.data[offset : offset + length].tobytes())
    texts = {text: decode_text(text) for text in set(found.values())}
    places = zip(parts["file"].tolist(), parts["track"].tolist(), strict=True)
    return [texts[found[place]] if place in found else None for place in places]
