"""Published key profiles, by what their publications say of them."""

from __future__ import annotations

import numpy as np
import pytest

from etl.music.key_profiles import BELLMANN_BUDGE, KRUMHANSL_KESSLER, TEMPERLEY


def test_ratings_are_those_that_were_published():
    """Krumhansl and Kessler by some values and their sums, the others by sums alone."""
    major, minor = KRUMHANSL_KESSLER
    assert (major[0], major[7], major[11], major.sum()) == (6.35, 5.19, 2.88, pytest.approx(41.79))
    assert (minor[0], minor[3], minor[11], minor.sum()) == (6.33, 5.38, 3.17, pytest.approx(44.51))
    assert TEMPERLEY.sum(axis=1).tolist() == [38.5, 38.5]
    assert BELLMANN_BUDGE.sum(axis=1) == pytest.approx([100, 100], abs=0.01)


@pytest.mark.parametrize("profiles", [KRUMHANSL_KESSLER, TEMPERLEY, BELLMANN_BUDGE])
def test_the_scale_of_a_key_is_heard_before_what_lies_outside(profiles):
    """Tonic and fifth lead in major and minor; the minor scale is the harmonic one or the natural one."""
    major, minor = profiles
    scale, outside = [0, 2, 4, 5, 7, 9, 11], [1, 3, 6, 8, 10]
    assert major[scale].min() > major[outside].max()
    triad = [0, 3, 7]
    assert minor[triad].min() > np.delete(minor, triad).max()
    assert {*np.argsort(major)[-2:].tolist()} <= {0, 4, 7}
    assert {*np.argsort(minor)[-2:].tolist()} <= {0, 3, 7}
