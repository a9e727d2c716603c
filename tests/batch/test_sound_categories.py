"""What measurements of a sound say where its name does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from etl.batch.sound_categories import (
    CATEGORIES,
    KINDS,
    MEASURED,
    MOST_SURE,
    SURE,
    sound_category,
    sound_model,
)


@pytest.mark.parametrize(
    ("measured", "kind"),
    [
        ((0.35, -1.0, -12.0, 1, 90.0, 0.95), "kick"),
        ((0.08, -3.0, -22.0, 1, 8500.0, 0.02), "hat"),
        ((0.12, -1.0, -18.0, 1, 1500.0, 0.45), "snare"),
        ((0.2, -1.0, -17.0, 1, 2400.0, 0.3), "percussion"),
        ((1.0, -6.0, -20.0, 1, 1200.0, 0.5), None),
    ],
)
def test_clear_sounds_are_named_and_others_are_left_open(
    measured: tuple[float, ...], kind: str | None
) -> None:
    """Never surer than it is right of recordings."""
    found = sound_category(dict(zip(MEASURED, measured, strict=True)))
    assert (found and found.kind) == kind
    assert found is None or SURE >= MOST_SURE >= found.confidence


def test_what_was_not_measured_says_nothing() -> None:
    """Silence has no level; rows of a table have no sound."""
    assert sound_category({"name": "x"}) is None
    assert sound_category({**dict.fromkeys(MEASURED, 1.0), "rms_dbfs": None}) is None


_NUMBER = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(_NUMBER, min_size=6, max_size=6))
def test_any_numbers_give_chances(values: list[float]) -> None:
    """Outliers count as at the edge of what was heard."""
    chances = sound_model().chances(np.array([values]))
    assert chances.shape == (1, len(KINDS))
    assert np.isclose(chances.sum(), 1.0)
    found = sound_category(dict(zip(MEASURED, values, strict=True)))
    assert found is None or CATEGORIES[found.kind] == found.category
