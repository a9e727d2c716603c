"""Where a service is and how often it is asked: from the environment or the configuration file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import setting
from etl.services.politeness.retry import Patience


@dataclass(frozen=True)
class ServiceSettings:
    """What the user has set for a service; None for what the service itself has.

    Attributes
    ----------
    url
        Base address of another server, for tests.
    per_second
        Requests per second at most.
    per_day
        Requests per rolling day at most.
    contact
        An address or a page for the User-Agent.
    patience
        How long things may take.
    """

    url: str | None = None
    per_second: float | None = None
    per_day: int | None = None
    contact: str | None = None
    patience: Patience = field(default_factory=Patience)


def service_settings(name: str) -> ServiceSettings:
    """Read the settings of a service: ``ETL_{NAME}_*``, or the table ``[name]`` of the configuration file.

    Raises
    ------
    EtlError
        When a number is none, or not above 0.
    """
    prefix = f"ETL_{name.upper()}"
    per_second = setting(f"{prefix}_PER_SECOND", name, "requests_per_second")
    per_day = setting(f"{prefix}_PER_DAY", name, "requests_per_day")
    return ServiceSettings(
        url=setting(f"{prefix}_URL", name, "url"),
        per_second=_positive(name, "per_second", per_second) if per_second else None,
        per_day=max(1, math.floor(_positive(name, "per_day", per_day))) if per_day else None,
        contact=setting("ETL_CONTACT", "services", "contact"),
    )


def _positive(service: str, key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise EtlError(
            f"requests_{key} is {text!r}; it must be a number above 0.",
            f"Correct ETL_{service.upper()}_{key.upper()} or [{service}] requests_{key}.",
            exit_code=ExitCode.USAGE,
        )
    return value
