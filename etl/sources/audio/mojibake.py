r"""Text that was read in the wrong encoding: put right where that is certain, else kept as it is.

UTF-8 that somebody read as Latin-1 or Windows-1252 is UTF-8 again, for hardly any other text is valid UTF-8
by chance; Windows' quotation marks and dashes, read as Latin-1, are themselves again. Bytes that are none of
these are shown as they are in paths: ``\x8d``.
"""

from __future__ import annotations

from typing import Final

_UNDEFINED: Final = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
_WINDOWS: Final = {
    byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0) if byte not in _UNDEFINED
}
_SHOWN: Final = {**_WINDOWS, **{byte: f"\\x{byte:02x}" for byte in _UNDEFINED}}
_BYTES: Final = {
    **{chr(byte): byte for byte in range(256)},
    **{character: byte for byte, character in _WINDOWS.items()},
}


def repaired(text: str) -> str:
    """Put right what was certainly read in a wrong encoding.

    Parameters
    ----------
    text
        Any. Text of other letters, and text whose encoding is not certain, comes back as it is.

    Examples
    --------
    >>> repaired("BjÃ¶rk"), repaired("Björk"), repaired("Тест")
    ('Björk', 'Björk', 'Тест')
    """
    if text.isascii():
        return text
    try:
        return bytes(_BYTES[character] for character in text).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return text.translate(_SHOWN)
