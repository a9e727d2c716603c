"""Permits for rates of a service that does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from etl.services.politeness.rates import Permits

if TYPE_CHECKING:
    from pathlib import Path

    from etl.services.politeness.rates import Rates


@dataclass
class _Named:
    rates: Rates
    account: str
    name: str = "test"
    title: str = "Test"


def permits(rates: Rates, path: Path | None = None, *, account: str = "somebody") -> Permits:
    """Grant permits within these rates."""
    return Permits(path, cast("Any", _Named(rates, account)))
