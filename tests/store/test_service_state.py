"""What is known about services outlives the run, by service, account and key."""

from __future__ import annotations

import pytest

from etl.store import service_state
from etl.store.database import open_store, read_store


@pytest.mark.parametrize(
    "value", [0, 1.5, "no requests", True, None, {"not_before": 1.0, "openings": 2}, [1, "x"]]
)
def test_a_value_is_given_back_as_it_was_put(store, value):
    """Any JSON value, also in place of an earlier one of another type."""
    with open_store(store.path) as connection:
        service_state.put("spotify", "app", "quota", "earlier")(connection)
        service_state.put("spotify", "app", "quota", value)(connection)
    with read_store(store.path) as connection:
        assert service_state.get(connection, "spotify", "app", "quota") == value


def test_accounts_and_keys_are_apart(store):
    """What one account was told says nothing of another; what is forgotten is None."""
    with open_store(store.path) as connection:
        for account, key in (("a", "x"), ("a", "y"), ("b", "x")):
            service_state.put("spotify", account, key, account + key)(connection)
        service_state.forget("spotify", "a", "x")(connection)
        found = [
            service_state.get(connection, "spotify", a, k) for a, k in (("a", "x"), ("a", "y"), ("b", "x"))
        ]
    assert found == [None, "ay", "bx"]
