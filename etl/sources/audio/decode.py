"""Decode any audio file, whole, to one mono signal at 22,050 Hz.

Conventions
-----------
A signal is float32, shape (n,), full scale ±1. Down-mixing is the plain mean of the channels and resampling
is soxr HQ, both as in ``librosa.load``, whichever library decodes; so the two decoders differ only by their
own rounding.

libsndfile reads what it reads whole: FLAC, WAV, AIFF and AU. All else goes to FFmpeg's libraries first, for
libsndfile, and with it ``librosa.load``, stops early on an MP3 without a Xing or VBRI header, on joined MP3s
and on chained Oggs, without an error. What the first cannot read, or not to its end, goes to the other.

References
----------
.. [1] McFee et al., "librosa: Audio and music signal analysis in Python", SciPy 2015; ``librosa.load``.
"""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import soxr

from etl.audio.features import Mode
from etl.audio.signal import SAMPLE_RATE, DecodeError
from etl.audio.sonic import window_bounds
from etl.sources.audio.containers import sniff
from etl.sources.audio.headers import declared_seconds
from etl.sources.audio.ogg_chain import ogg_chain
from etl.sources.audio.payload import ends_early
from etl.sources.audio.streams import Stream, by_ffmpeg, by_libsndfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

MAX_SECONDS: Final = 2 * 60 * 60
"""Of longer recordings no whole signal is given: it alone would take more than 630 MB."""

MAX_NOT_FINITE: Final = 0.01
"""Largest share of samples that are not numbers; fewer are taken as silence."""

_BY_LIBSNDFILE: Final = frozenset({"flac", "wav", "aiff", "au"})

_SIZED: Final = frozenset({"caf", "w64", "wav"})
"""Kinds whose chunks say how many bytes there are, if not how many seconds."""

_SHORT: Final = 0.98
"""Who gives less than this share of the declared length has not read to the end."""

_SLACK_SECONDS: Final = 0.25
"""What an encoder's delay may make of the end of a whole recording."""

_PIECE_SECONDS: Final = 60
"""Resampled at a time: at a rate of a few hertz, as damage may claim, one block would be hours long."""


class Listener(Protocol):
    """A measurement that wants all channels at the file's own rate."""

    def hear(self, samples: Floats, rate: int) -> None:
        """Take a block, shape (channels, n), finite, and its rate in Hz; both may change between blocks."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A decoded recording.

    Attributes
    ----------
    signal
        Mono at 22,050 Hz, shape (n,), float32: all of it, or of a recording beyond the limit its first,
        middle and last 30 s.
    seconds
        Length of all of it.
    listeners
        Those asked for; each has heard all of it.
    declared_s
        Length that the header declares; None where it declares none.
    is_cut
        Whether the end is missing; None where that cannot be told.
    damaged
        Packets that did not decode.
    not_finite
        Share of samples that were no numbers, 0-1.
    checksum_matches
        Whether a FLAC gives the samples it was made from; None where that cannot be told.
    is_lossless
        Whether the codec keeps samples as they were.
    """

    signal: Floats
    seconds: float
    listeners: tuple[Listener, ...]
    declared_s: float | None
    is_cut: bool | None
    damaged: int
    not_finite: float
    checksum_matches: bool | None
    is_lossless: bool


def decode(
    path: Path,
    *,
    mode: Mode = Mode.BEAT,
    listeners: Sequence[Callable[[], Listener]] = (),
    max_seconds: float = MAX_SECONDS,
) -> Sound:
    """Decode a file to mono at 22,050 Hz.

    Parameters
    ----------
    path
        Any file that libsndfile or FFmpeg reads.
    mode
        What the signal is for: windows are also taken from a recording beyond the limit.
    listeners
        Make the measurements that hear all that is decoded.
    max_seconds
        Longest recording of which the whole signal is given.

    Returns
    -------
    Sound
        Its signal has the native length times the ratio of rates, rounded up.

    Raises
    ------
    DecodeError
        If neither library finds audio, the signal is empty, too long for ``mode``, or hardly made of numbers.
    """
    try:
        with path.open("rb") as file:
            kind = sniff(file)
    except OSError as error:
        raise DecodeError(f"cannot read the file: {error.strerror or error}") from error
    declared = declared_seconds(path, kind)
    openers = (by_libsndfile, by_ffmpeg) if kind in _BY_LIBSNDFILE else (by_ffmpeg, by_libsndfile)
    attempts = []
    for opener in openers:
        longest = math.inf if mode is Mode.WINDOW else max_seconds
        attempt = _Attempt(path, opener, tuple(make() for make in listeners), longest)
        attempt.run(_Signal(max_seconds))
        attempts.append(attempt)
        if attempt.is_to_the_end(declared):
            break
    best = max(attempts, key=lambda each: each.seconds)
    if not best.signal.length:
        if any(not each.problem for each in attempts):
            raise DecodeError("the file holds no audio samples")
        raise DecodeError(f"cannot be decoded: {'; '.join(each.problem for each in attempts)}")
    not_finite = best.not_finite / best.samples
    if not_finite > MAX_NOT_FINITE:
        raise DecodeError(f"{not_finite:.0%} of the samples are not finite numbers")
    return Sound(
        signal=best.signal.samples() if best.signal.is_whole else best.windows(),
        seconds=best.signal.length / SAMPLE_RATE,
        listeners=best.listeners,
        declared_s=declared,
        is_cut=_is_cut(path, kind, best.seconds, declared),
        damaged=best.stream.damaged,
        not_finite=not_finite,
        # FFmpeg computes none, and of a damaged FLAC it gives what the damage left.
        checksum_matches=next(
            (m for each in attempts if (m := each.stream.checksum_matches) is not None), None
        ),
        is_lossless=best.stream.is_lossless,
    )


def _is_cut(path: Path, kind: str | None, seconds: float, declared: float | None) -> bool | None:
    if kind in {"ogg", "opus"}:
        return ogg_chain(path).is_cut
    if declared is None and kind in _SIZED:
        return ends_early(path)
    return None if declared is None else seconds < min(_SHORT * declared, declared - _SLACK_SECONDS)


class _TooLongError(DecodeError):
    """No other decoder would make it shorter."""


class _Attempt:
    """What one decoder makes of a file."""

    def __init__(
        self,
        path: Path,
        opener: Callable[[Path], Stream],
        listeners: tuple[Listener, ...],
        longest: float,
    ) -> None:
        self.listeners = listeners
        self.seconds = 0.0
        self.samples = self.not_finite = 0
        self.problem = ""
        self.stream = Stream(iter(()))
        self._path = path
        self._opener = opener
        self._longest = longest

    def run(self, signal: _Signal) -> None:
        """Decode into a signal."""
        self.signal = signal
        try:
            self.stream = self._opener(self._path)
            for part in _resampled(self._mono()):
                signal.append(part)
        except _TooLongError:
            raise
        except DecodeError as error:
            self.problem = str(error)

    def is_to_the_end(self, declared: float | None) -> bool:
        """Whether no other decoder would give more; FFmpeg leaves out what does not decode, and goes on."""
        if self._opener is by_ffmpeg:
            return self.seconds > 0
        return self.seconds > 0 and not self.problem and self.seconds >= _SHORT * (declared or 0.0)

    def windows(self) -> Floats:
        """Decode again and give the first, middle and last 30 s, joined: what windows are taken from."""
        again = _Attempt(self._path, self._opener, (), math.inf)
        parts = [_Signal(math.inf, *bounds) for bounds in window_bounds(self.signal.length)]
        again.stream = self._opener(self._path)
        with suppress(DecodeError):  # where it ended the first time
            for part in _resampled(again._mono()):
                for window in parts:
                    window.append(part)
        return np.concatenate([window.samples() for window in parts])

    def _mono(self) -> Iterator[tuple[int, Floats]]:
        """Give rate and mean of the channels, once all have been heard."""
        for rate, block in self.stream.blocks:
            if rate <= 0:
                raise DecodeError(f"the file claims a sample rate of {rate} Hz")
            self.seconds += block.shape[1] / rate
            # Before resampling: of damage that claims a rate of a few hertz it would make hours.
            if self.seconds > self._longest + 1e-6:
                raise _TooLongError(
                    f"longer than {self._longest / 60:.0f} minutes, which only --windowed describes"
                )
            self.samples += block.size
            self.not_finite += _silence_not_finite(block)
            for listener in self.listeners:
                listener.hear(block, rate)
            yield rate, _mean(block)


def _silence_not_finite(block: Floats) -> int:
    """Set samples that are not numbers to zero, in place; give how many."""
    if math.isfinite(block.sum(dtype=np.float32)):  # far quicker than to look at each
        return 0
    bad = ~np.isfinite(block)
    block[bad] = 0.0
    return int(np.count_nonzero(bad))


def _mean(block: Floats) -> Floats:
    """Give the mean of the channels, as ``mean`` does in twice the time."""
    if len(block) == 1:
        only: Floats = block[0]
        return only
    total: Floats = block[0] + block[1]
    for channel in block[2:]:
        total += channel
    total /= np.float32(len(block))
    return total


def _resampled(blocks: Iterator[tuple[int, Floats]]) -> Iterator[Floats]:
    """Resample blocks to 22,050 Hz, each run of one rate by itself."""
    for rate, run in itertools.groupby(blocks, key=itemgetter(0)):
        if rate == SAMPLE_RATE:
            yield from (block for _, block in run)
            continue
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, quality="HQ")
        taken = given = 0
        for _, block in run:
            taken += len(block)
            for first in range(0, len(block), _PIECE_SECONDS * rate):
                part = resampler.resample_chunk(block[first : first + _PIECE_SECONDS * rate])
                given += len(part)
                yield part
        rest = resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True)
        left = math.ceil(taken * (SAMPLE_RATE / rate)) - given
        yield np.pad(rest[:left], (0, max(0, left - len(rest))))


class _Signal:
    """A signal, or a stretch of it, as its parts come; memory is one signal, grown by half.

    Parameters
    ----------
    max_seconds
        Beyond it nothing is kept, only counted.
    start, stop
        First sample to keep, and the first not to.
    """

    def __init__(self, max_seconds: float, start: int = 0, stop: int | None = None) -> None:
        self.length = 0
        self._most = max_seconds * SAMPLE_RATE + 1
        self._start, self._stop = start, stop
        self._room = np.empty(SAMPLE_RATE * 60, dtype=np.float32)
        self._filled = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return self.length <= self._most

    def append(self, part: Floats) -> None:
        """Take the next samples."""
        first = max(self._start - self.length, 0)
        last = len(part) if self._stop is None else max(self._stop - self.length, 0)
        self.length += len(part)
        if not self.is_whole:
            self._room, self._filled = np.empty(0, dtype=np.float32), 0
            return
        kept = part[first:last]
        end = self._filled + len(kept)
        if end > len(self._room):
            # refcheck: no view of it has left this class.
            self._room.resize(max(end, len(self._room) * 3 // 2), refcheck=False)
        self._room[self._filled : end] = kept
        self._filled = end

    def samples(self) -> Floats:
        """Give what was kept; nothing can be appended after."""
        self._room.resize(self._filled, refcheck=False)
        return self._room
