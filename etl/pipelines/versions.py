"""The versions that results depend on, which all machines of a cluster must share."""

from __future__ import annotations

import platform
from importlib.metadata import version

import etl


def of_all() -> dict[str, str]:
    """Versions that any result depends on, by what they are of."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, "numpy": version("numpy"), "music-etl": etl.__version__}


def of_audio() -> dict[str, str]:
    """Versions that descriptions of sound depend on."""
    from etl.audio.features import FEATURE_VERSION  # noqa: PLC0415 - each loads what it needs alone

    return {**of_all(), "sonic features": str(FEATURE_VERSION)}


def of_midi() -> dict[str, str]:
    """Versions that what is found in MIDI files depends on."""
    from etl.pipelines.midi.request import VERSIONS  # noqa: PLC0415

    return {**of_all(), **{f"MIDI {task}": number for task, number in VERSIONS.items()}}


def of_chords() -> dict[str, str]:
    """Versions that the harmony of songs depends on."""
    from etl.chords.analysis import ANALYSIS_VERSION  # noqa: PLC0415

    return {**of_all(), "chord analysis": str(ANALYSIS_VERSION)}
