"""What the tests of chord files share."""

from __future__ import annotations

import pytest


@pytest.fixture
def small_blocks(chords):
    """Cut blocks after every few bytes."""
    chords.cut(64, parquet_rows=3)
