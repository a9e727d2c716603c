"""Text of unknown encoding, as MIDI metas and archive members have it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from etl.midi.encodings import decode, find_encoding

_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), " ")
_PERCENT_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")


def plain_name(name: str) -> str:
    """Undo the percent-encoding of a file name, as downloads leave it; other uses of ``%`` stay.

    Examples
    --------
    >>> plain_name("Deep%20House%2C%20120bpm"), plain_name("100% Funk"), plain_name("50%25 off")
    ('Deep House, 120bpm', '100% Funk', '50% off')
    """
    if not _PERCENT_ENCODED.search(name):
        return name
    decoded = decode_text(unquote_to_bytes(name))
    return name if "\ufffd" in decoded else decoded


def decode_text(raw: bytes, encoding: str | None = None) -> str:
    r"""Decode a name in an encoding, or the one that it seems to be in; control characters become spaces.

    Examples
    --------
    >>> decode_text(b"Caf\xc3\xa9"), decode_text(b"\xe9lan"), decode_text("ドラム".encode("shift_jis"))
    ('Café', 'élan', 'ドラム')
    """
    text = decode(raw, encoding or find_encoding([raw]).name)
    return text.translate(_CONTROLS).strip()
