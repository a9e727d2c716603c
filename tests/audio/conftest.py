"""Signals and files that the audio tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import audio_pieces
from tests.support.reference import has_reference, reference

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def rock():
    """Give 35 s of rock in A minor at 126.3 beats per minute, with a silent start."""
    piece = audio_pieces.compose("rock", 126.3, 9, minor=True, seconds=33.0, seed=5)
    return np.concatenate([np.zeros(15_000, dtype=np.float32), audio_pieces.render(piece)])


@pytest.fixture(scope="session")
def recordings() -> list[Path]:
    """Give the real recordings, if this machine has them."""
    if not has_reference("audio/music"):
        pytest.skip("the reference recordings are not at hand (ETL_REFERENCE)")
    return sorted(reference("audio/music").glob("*.ogg"))


@pytest.fixture(scope="session")
def odd_files() -> list[Path]:
    """Give the odd and broken files, if this machine has them."""
    if not has_reference("audio/odd_tags"):
        pytest.skip("the reference files with odd tags are not at hand (ETL_REFERENCE)")
    files = sorted(reference("audio/odd_tags").glob("*"))
    return [file for file in files if file.name not in {"LICENSE", "REUSE.toml"}]
