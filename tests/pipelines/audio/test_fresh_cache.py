"""The first run of all compiles with several processes, and costs neither tracks nor librosa's cache."""

from __future__ import annotations

import pytest

from tests.support.fresh_cache import described_on_a_fresh_cache


@pytest.mark.parametrize("workers", [2, 8])
def test_a_first_run_loses_nothing(tmp_path, workers):
    """With an empty cache all tracks are described, and plain librosa works on that cache."""
    assert described_on_a_fresh_cache(tmp_path, workers) == 4
