"""The Standard MIDI File inside what it came wrapped in: RIFF (.rmi), MacBinary, mail headers."""

from __future__ import annotations

from etl.midi.parse_kernel import HEADER_WINDOW


def plain_midi(blob: bytes) -> bytes:
    """Cut away what is before ``MThd`` and, where a RIFF file's sizes are sound, what is behind its data.

    Samplers know plain files only. Bytes without anything before ``MThd``, or without it, stay as they are.

    Examples
    --------
    >>> midi = b"MThd" + bytes(10)
    >>> data = b"RMIDdata" + (14).to_bytes(4, "little") + midi + b"LIST"
    >>> plain_midi(b"RIFF" + len(data).to_bytes(4, "little") + data) == midi
    True
    """
    start = blob.find(b"MThd", 0, HEADER_WINDOW)
    if start <= 0:
        return blob
    stop = len(blob)
    if blob[:4] == b"RIFF" and blob[start - 8 : start - 4] == b"data":
        whole, inside = (int.from_bytes(blob[at : at + 4], "little") for at in (4, start - 4))
        if whole + 8 == len(blob) and start + inside <= len(blob):
            stop = start + inside
    return blob[start:stop]
