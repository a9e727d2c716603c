"""The signal that every analysis of sound works on: one channel at one sample rate."""

from __future__ import annotations

from typing import Final

from etl.runtime.errors import EtlError

SAMPLE_RATE: Final = 22_050
"""Hz; the rate that every feature is defined at."""


class DecodeError(EtlError):
    """The file holds no audio that can be decoded; the message says why."""
