"""Make a folder of MIDI files as large, and of as many parts, as those of a real archive; for measurements.

Parts are stretches of the songs and performances at hand, cut where no note sounds and joined to the length
that is wanted, each with a channel and an instrument.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.support.midi_corpus import PER_FOLDER, songs
from tests.support.midi_oracle import mido_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SIZES: Final = ((0.0, 300), (0.1, 3_400), (0.5, 15_600), (0.9, 46_000), (1.0, 208_000))
"""Quantiles of the bytes of 2,691 files of a public archive, which has about seven parts a file."""

_DIVISION: Final = 480
_DRUMS: Final = 9
_MOST_PARTS: Final = 15
_WITHOUT_TEMPO: Final = 20  # one file in so many has no tempo meta


@dataclass(frozen=True)
class _Music:
    """Channel messages with their times, where their status bytes are, and where no note sounds."""

    data: NDArray[np.uint8]
    status: NDArray[np.int64]
    rests: list[int]
    is_drums: bool

    def stretch(self, start: int, size: int, channel: int) -> bytes:
        """Give at least ``size`` bytes from a rest on, to the next one; from the start again at the end."""
        data = self.data.copy()
        data[self.status] = data[self.status] & 0xF0 | channel
        begin = self.rests[start]
        piece = data[begin:].tobytes() + data[:begin].tobytes()
        rests = [rest - begin for rest in self.rests[start:]] + [
            rest + len(data) - begin for rest in self.rests[1 : start + 1]
        ]
        rounds, rest = divmod(size, len(data))
        return piece * rounds + piece[: rests[bisect_left(rests, rest)]]


def write_wild_corpus(folder: Path, count: int, *, seed: int = 1) -> None:
    """Write ``count`` different files, 500 to a folder."""
    random = np.random.default_rng(seed)
    music = list(_music())
    played = [each for each in music if not each.is_drums]
    drummed = [each for each in music if each.is_drums]
    shares, sizes = zip(*SIZES, strict=True)
    for number in range(count):
        share = random.random()
        size = int(np.exp(np.interp(share, shares, np.log(sizes))))
        parts = 1 + random.binomial(_MOST_PARTS, 0.25 + 0.3 * share)
        tracks = [_conductor(number, has_tempo=number % _WITHOUT_TEMPO > 0)]
        for part in range(parts):
            channel = part + (part >= _DRUMS)
            if part == 0 and parts > 1:
                channel, source = _DRUMS, drummed[random.integers(len(drummed))]
            else:
                source = played[random.integers(len(played))]
            program = bytes([0, 0xC0 | channel, random.integers(128)])
            start = int(random.integers(len(source.rests) - 1))
            tracks.append(program + source.stretch(start, size // parts, channel))
        target = folder / f"{number // PER_FOLDER:04d}" / f"song_{number:06d}.mid"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_file(tracks))


def _music() -> Iterator[_Music]:
    for blob in songs():
        file = mido_file(blob)
        if file.ticks_per_beat != _DIVISION:
            continue
        for track in file.tracks:
            data, status, rests = bytearray(), [], [0]
            sounding: set[int] = set()
            waited = 0
            channel = None
            for message in track:
                waited += message.time
                if message.type not in {"note_on", "note_off"}:
                    continue
                channel = message.channel
                is_on = message.type == "note_on" and message.velocity > 0
                (sounding.add if is_on else sounding.discard)(message.note)
                data += _variable_length(waited)
                status.append(len(data))
                data += bytes(message.bytes())
                waited = 0
                if not sounding:
                    rests.append(len(data))
            if len(rests) > 2 and not sounding:
                raw = np.frombuffer(bytes(data), np.uint8)
                yield _Music(raw, np.array(status), rests, channel == _DRUMS)


def _conductor(number: int, *, has_tempo: bool) -> bytes:
    text = f"number {number}".encode()
    name = bytes([0, 0xFF, 0x01, len(text)]) + text
    tempo = (60_000_000 // (70 + number % 100)).to_bytes(3, "big")
    return name + (b"\x00\xff\x51\x03" + tempo if has_tempo else b"")


def _file(tracks: list[bytes]) -> bytes:
    header = b"MThd\x00\x00\x00\x06\x00\x01" + len(tracks).to_bytes(2, "big") + _DIVISION.to_bytes(2, "big")
    ended = (track + b"\x00\xff\x2f\x00" for track in tracks)
    return header + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in ended)


def _variable_length(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))
