"""The sound in an audio file, without its tags: where it lies, how long it is, and its hash.

A file keeps its hash when a tagger rewrites it, moves its parts about or renames it, for none of that touches
the coded sound. What is hashed, by the first bytes behind any ID3v2 tag:

========================  =====================================================================
FLAC                      the frames, behind the metadata blocks
Ogg (Vorbis, Opus, ...)   the bodies of the pages, and the headers a decoder needs; no comments
MP4                       the ``mdat`` boxes
WAV, RF64, W64, AIFF,     format and sound chunks
CAF, DSF, DFF
WMA                       the packets of the data object
Matroska                  the clusters
all others (MP3, AAC,     what lies between tags: ID3v2 and APEv2 in front; ID3v1, ID3v2.4, APEv2 and
WavPack, Musepack, ...)   Lyrics3 at the end
========================  =====================================================================
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from etl.sources.audio.ogg_sound import page_bodies
from etl.sources.audio.sound_spans import is_longer_than_the_file, sound_spans
from etl.sources.audio.spans import Span, between_tags, bytes_at, file_size, read_spans

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path


class Payload(NamedTuple):
    """The sound of a file.

    Attributes
    ----------
    hash
        The first 128 bits of its SHA-256, as 32 hexadecimal digits.
    size
        Its length in bytes.
    """

    hash: str
    size: int


def audio_payload(path: Path | str) -> Payload:
    """Hash the sound of a file.

    Parameters
    ----------
    path
        Any file. Where no sound can be made out behind the tags, all bytes are the payload.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- called once per file of a library
        spans = _spans(file)
        digest = hashlib.sha256(usedforsecurity=False)  # in hardware twice as fast as BLAKE2b
        size = 0
        blocks = page_bodies(file) if spans is None else read_spans(file, spans)
        for block in blocks:
            digest.update(block)
            size += len(block)
        if not size:
            for block in read_spans(file, [Span(0, file_size(file))]):
                digest.update(block)
                size += len(block)
        return Payload(digest.hexdigest()[:32], size)


def has_payload(path: Path | str, known: Payload) -> bool:
    """Whether the sound of a file is one that is known; it is read only if it is as long.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    return audio_size(path) in {None, known.size} and audio_payload(path) == known


def audio_size(path: Path | str) -> int | None:
    """Find the length of the payload from headers alone; None where that takes reading the file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- as above
        spans = _spans(file)
        if spans is None:
            return None
        return sum(span.end - span.first for span in spans) or file_size(file)


def ends_early(path: Path | str) -> bool:
    """Whether the header of a file says that its sound goes on behind the end of the file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- as above
        between = between_tags(file)
        return is_longer_than_the_file(file, between, bytes_at(file, between.first, 16))


def _spans(file: FileIO) -> list[Span] | None:
    """Find the sound; None for Ogg, whose pages have to be read."""
    between = between_tags(file)
    head = bytes_at(file, between.first, 16)
    return None if head[:4] == b"OggS" else sound_spans(file, between, head)
