"""Signals and files that the audio tests share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "audio"


@pytest.fixture(scope="session")
def pieces() -> ModuleType:
    """Give the module that composes and renders pieces."""
    path = ROOT / "benchmarks" / "audio_pieces.py"
    spec = importlib.util.spec_from_file_location("audio_pieces", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audio_pieces"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def rock(pieces):
    """Give 35 s of rock in A minor at 126.3 beats per minute, with a silent start."""
    piece = pieces.compose("rock", 126.3, 9, minor=True, seconds=33.0, seed=5)
    return np.concatenate([np.zeros(15_000, dtype=np.float32), pieces.render(piece)])


@pytest.fixture(scope="session")
def recordings() -> list[Path]:
    """Give the real recordings, if this machine has them."""
    found = sorted((SHARED / "music").glob("*.ogg"))
    if not found:
        pytest.skip("needs the shared recordings")
    return found


@pytest.fixture(scope="session")
def odd_files() -> list[Path]:
    """Give the odd and broken files, if this machine has them."""
    folder = SHARED / "odd_tags"
    found = [p for p in sorted(folder.glob("*")) if p.name not in {"LICENSE", "REUSE.toml"}]
    if not found:
        pytest.skip("needs the shared odd files")
    return found
