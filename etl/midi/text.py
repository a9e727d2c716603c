"""Text of unknown encoding, as MIDI metas and archive members have it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote_to_bytes

_LONE_ACCENTS: Final = re.compile(rb"(?:[\x00-\x7f]|[\xa0-\xff](?![\x80-\xff]))*")


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


def decode_text(raw: bytes) -> str:
    r"""Decode bytes as UTF-8, else Shift-JIS, else Latin-1; control characters become spaces.

    Where every letter beyond ASCII stands alone it is an accent of Latin-1, also if with the letter behind it
    it could be Shift-JIS.

    Examples
    --------
    >>> decode_text(b"Caf\xc3\xa9"), decode_text(b"\xe9lan"), decode_text("ドラム".encode("shift_jis"))
    ('Café', 'élan', 'ドラム')
    """
    for encoding in ("utf-8",) if _LONE_ACCENTS.fullmatch(raw) else ("utf-8", "shift_jis"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        text = raw.decode("latin-1")
    return "".join(" " if unicodedata.category(mark) == "Cc" else mark for mark in text).strip()
