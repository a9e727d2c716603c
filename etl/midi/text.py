"""Text of unknown encoding, as MIDI metas and archive members have it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONE_ACCENTS: Final = re.compile(rb"(?:[\x00-\x7f]|[\xa0-\xff](?![\x80-\xff]))*")


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
