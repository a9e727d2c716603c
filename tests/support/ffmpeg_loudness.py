"""Loudness as FFmpeg's filter ``ebur128`` measures it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av
import av.filter
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAYOUTS = {1: "mono", 2: "stereo", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
_BLOCK = 4096


class Measured(NamedTuple):
    """What the filter says at the end."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float


def ffmpeg_loudness(samples: NDArray[np.float32], rate: int) -> Measured:
    """Measure samples of shape (n, channels)."""
    layout = _LAYOUTS[samples.shape[1]]
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="dbl", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    meter = graph.add("ebur128", "peak=true:metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    said: dict[str, str] = {}

    def pull() -> None:
        while True:
            try:
                said.update(sink.pull().metadata)
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    for start in range(0, len(samples), _BLOCK):
        block = np.ascontiguousarray(samples[start : start + _BLOCK], dtype=np.float64)
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="dbl", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        source.push(frame)
        pull()
    source.push(None)
    pull()
    peaks = [1e-5] + [float(value) for name, value in said.items() if "true_peaks_ch" in name]
    return Measured(
        float(said["lavfi.r128.I"]), float(said["lavfi.r128.LRA"]), float(20 * np.log10(max(peaks)))
    )
