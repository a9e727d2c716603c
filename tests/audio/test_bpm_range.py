"""Tempi folded into a range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from etl.audio.bpm_range import BpmRange
from etl.runtime.errors import EtlError, ExitCode


@given(st.floats(20, 400), st.floats(30, 120), st.floats(2, 4))
def test_every_tempo_lands_in_the_range_by_whole_octaves(bpm, low, octave):
    """What is inside stays; what is outside comes in by powers of two."""
    wanted = BpmRange(low, low * octave)
    (folded,) = wanted.fold(np.array([bpm]))
    assert wanted.low * (1 - 1e-12) <= folded <= wanted.high * (1 + 1e-12)
    assert np.log2(folded / bpm) == pytest.approx(round(np.log2(folded / bpm)), abs=1e-9)
    if wanted.low <= bpm <= wanted.high:
        assert folded == bpm


def test_a_missing_tempo_stays_missing():
    """NaN is no tempo, folded or not."""
    assert np.isnan(BpmRange.parse("70-180").fold(np.array([np.nan]))).all()


@pytest.mark.parametrize("text", ["", "70", "70-", "180-70", "100-150", "0-180", "a-b", "70-180-300"])
def test_what_is_no_range_is_a_usage_error(text):
    """The range must span an octave, and says so."""
    with pytest.raises(EtlError, match="not a range of tempi") as caught:
        BpmRange.parse(text)
    assert caught.value.exit_code == ExitCode.USAGE
