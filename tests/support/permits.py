"""Permits for rates of a service that does not exist."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from etl.services.politeness.rates import Permits

if TYPE_CHECKING:
    from pathlib import Path

    from etl.services.contract import Service
    from etl.services.politeness.rates import Rates


@dataclass
class _Named:
    rates: Rates
    account: str
    name: str = "test"
    title: str = "Test"


def permits(rates: Rates, path: Path | None = None, *, account: str = "somebody") -> Permits:
    """Grant permits within these rates."""
    return permits_of(cast("Any", _Named(rates, account)), path)


def permits_of(service: Service, path: Path | None = None) -> Permits:
    """Grant permits of a service; their record is closed when nobody holds them any more."""
    made = Permits(path, service)
    weakref.finalize(made, made._connection.close)
    return made
