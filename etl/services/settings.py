"""Where a service is, how often it is asked, where that is recorded: as the user has set it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

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
    account
        Whose limits they are; sets of credentials that share limits have the same.
    language
        In which names are wanted, as in Accept-Language.
    patience
        How long things may take.
    """

    url: str | None = None
    per_second: float | None = None
    per_day: int | None = None
    contact: str | None = None
    account: str | None = None
    language: str | None = None
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
    longest_wait = setting(f"{prefix}_LONGEST_WAIT", name, "longest_wait")
    url = setting(f"{prefix}_URL", name, "url")
    if url and not (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname):
        raise EtlError(
            f"{url!r} is not the address of a server.",
            f"Write {prefix}_URL, or url in [{name}], with http:// or https:// and a host.",
            exit_code=ExitCode.USAGE,
        )
    return ServiceSettings(
        url=url,
        per_second=_positive(name, "requests_per_second", per_second) if per_second else None,
        per_day=max(1, math.floor(_positive(name, "requests_per_day", per_day))) if per_day else None,
        contact=setting("ETL_CONTACT", "services", "contact"),
        account=setting(f"{prefix}_ACCOUNT", name, "account"),
        language=setting(f"{prefix}_LANGUAGE", name, "language"),
        patience=Patience(longest_wait=_positive(name, "longest_wait", longest_wait))
        if longest_wait
        else Patience(),
    )


def limits_path() -> Path:
    """Where the record of requests is kept: for the user, as services limit accounts, whichever the store.

    Raises
    ------
    EtlError
        When the user has no home folder and names no file.
    """
    chosen = setting("ETL_LIMITS", "services", "limits")
    path = Path(chosen) if chosen else platformdirs.user_state_path("music-etl") / "limits.sqlite"
    if not chosen and not path.is_absolute():
        raise EtlError("there is no home folder for the record of requests.", "Set ETL_LIMITS to a file.")
    return path


def _positive(service: str, key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise EtlError(
            f"{key} is {text!r}; it must be a number above 0.",
            f"Correct ETL_{service.upper()}_{key.removeprefix('requests_').upper()} or [{service}] {key}.",
            exit_code=ExitCode.USAGE,
        )
    return value
