"""Groups of near copies against comparing every pair."""

from __future__ import annotations

import numpy as np
import pytest

from etl.music.likeness import distances_from, likeness_space
from etl.music.near_copies import near_copies


@pytest.mark.parametrize("count", [3, 60, 1500])
def test_groups_are_those_of_all_pairs(count):
    """Who is near in sound and length is in one group, also through a third; nobody else is."""
    rng = np.random.default_rng(count)
    features = rng.normal(0, 1, (count, 12)).astype(np.float32)
    seconds = rng.uniform(100, 130, count)
    for row in range(0, count - 2, 3):
        features[row + 1] = features[row] + rng.normal(0, 0.02, 12)
        seconds[row + 1] = seconds[row] + rng.choice([0.0, 0.9, 1.1])
    space = likeness_space(features, [str(row) for row in range(count)])
    linked = [
        (row, int(other))
        for row in range(count)
        for other in np.flatnonzero(distances_from(space, row) <= 0.1)
        if other != row and abs(seconds[row] - seconds[other]) <= 1.0
    ]
    found = near_copies(space, seconds, distance=0.1, apart_s=1.0)
    of_group = {row: number for number, rows in enumerate(found) for row in rows}
    assert all(of_group[row] == of_group[other] for row, other in linked)
    assert set(of_group) == {row for pair in linked for row in pair}
    assert all(rows == sorted(rows) and len(rows) > 1 for rows in found)
