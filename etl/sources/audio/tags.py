"""Tags and stream properties of audio files as they stand, a row of raw text for each file.

See :mod:`etl.sources.audio.tag_readers`; what neither reader knows, the decoders tell. What anyone may have
written is cleaned in :mod:`etl.sources.audio.tag_frames`. Nothing here loads polars, so that processes which
read start at once.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

from etl.sources.audio.containers import SUFFIXES, sniff
from etl.sources.audio.mojibake import repaired
from etl.sources.audio.payload import has_payload
from etl.sources.audio.tag_fields import MULTIPLE, NUMBERS, TEXTS
from etl.sources.audio.tag_readers import STREAM, read_by_decoder, read_fields, read_otherwise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.sources.audio.payload import Payload

TAG_VERSION: Final = 4
"""Goes up with what the reader finds: files that an earlier one has read are read again."""

MAX_TEXT: Final = 1000
"""Characters of a text field that are kept."""

RAW_TEXTS: Final = (*TEXTS, *NUMBERS)
"""Fields of which a row has the first value."""

MAX_VALUES: Final = 100
"""Values of a field that are kept."""


def read_tags(path: Path | str) -> tuple[Any, ...]:
    """Read the tags of one file.

    Parameters
    ----------
    path
        Any file.

    Returns
    -------
    tuple
        Values in the order of `RAW_SCHEMA`, text as found, and pairs of field and value. ``kind`` is null for
        what is no audio; ``problem`` says why there is no metadata.
    """
    claimed = _claimed(path)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- a third of the cost of Path.open, ten thousand times
            kind = sniff(file)
            if kind is None and claimed is None:
                return _row(None, {}, {}, "no audio")
            values, stream = read_fields(path, file, kind or claimed)
    except OSError as error:
        return _row(claimed, {}, {}, f"cannot read the file: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 -- hostile bytes raise anything, and each file must get a reason
        values, stream, problem = read_otherwise(path, error)
        if problem and not stream:
            return _row(kind, values, stream, problem)
    if kind and not all(stream.get(name) for name in ("duration", "samplerate", "channels")):
        further, known = read_by_decoder(path)
        values = {**further, **values}
        stream = {**known, **{name: value for name, value in stream.items() if value}}
    if not stream.get("duration"):
        if kind is None:
            return _row(None, {}, {}, f"the name says {claimed}, the content is not audio")
        if not values and not stream.get("samplerate"):  # a stream may not know how long it became
            return _row(kind, {}, stream, f"no audio and no tags behind the {kind} header")
    return _row(kind or claimed, values, stream, None)


def text_of(row: tuple[Any, ...], field: str) -> str | None:
    """Give one of `RAW_TEXTS`, or ``problem``, of a row of `read_tags`."""
    place = -2 if field == "problem" else 1 + RAW_TEXTS.index(field)
    found: str | None = row[place]
    return found


def read_all(files: Sequence[tuple[str, Payload | None]]) -> list[tuple[tuple[Any, ...], bool]]:
    """Read the tags of several files, in order, as `read_tags`.

    Parameters
    ----------
    files
        Paths, each with the sound that the file had before it was changed, if that is known.

    Returns
    -------
    list
        A row for each, and whether it has still that sound.
    """
    return [(read_tags(path), sound is not None and _has_still(path, sound)) for path, sound in files]


def _has_still(path: str, sound: Payload) -> bool:
    try:
        return has_payload(path, sound)
    except OSError:  # the row says why, or the next run
        return False


def not_read(path: str, why: str) -> tuple[Any, ...]:
    """Give the row of a file that cost the process that read it."""
    return _row(_claimed(path), {}, {}, f"cannot read the tags: {why}")


def _claimed(path: Path | str) -> str | None:
    return SUFFIXES.get("." + str(path).rpartition(".")[2].lower())


def _row(
    kind: str | None, values: Mapping[str, Sequence[str]], stream: Mapping[str, Any], problem: str | None
) -> tuple[Any, ...]:
    clean = {
        field: [each if each.isascii() else _encodable(repaired(each)) for each in found[:MAX_VALUES]]
        for field, found in values.items()
    }
    first = {field: found[0] for field, found in clean.items() if found}
    pairs = [(field, value) for field, found in clean.items() if field in MULTIPLE for value in found]
    return (
        kind,
        *map(first.get, RAW_TEXTS),
        *(_finite(stream.get(name)) for name in STREAM),
        None if problem is None else _encodable(problem[:MAX_TEXT]),
        pairs,
    )


def _encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which are no text."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _finite(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, struct.error):
        return None
    return number if math.isfinite(number) else None
