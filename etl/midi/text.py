"""Text of unknown encoding, as MIDI metas and archive members have it."""

from __future__ import annotations

import unicodedata


def decode_text(raw: bytes) -> str:
    r"""Decode bytes as UTF-8, else Shift-JIS, else Latin-1; control characters become spaces.

    Examples
    --------
    >>> decode_text(b"Caf\xc3\xa9"), decode_text(b"Caf\xe9"), decode_text("ドラム".encode("shift_jis"))
    ('Café', 'Café', 'ドラム')
    """
    for encoding in ("utf-8", "shift_jis"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        text = raw.decode("latin-1")
    return "".join(" " if unicodedata.category(mark) == "Cc" else mark for mark in text).strip()
