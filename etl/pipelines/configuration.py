"""The configuration: every setting there is, what it is set to and by whom, and names that are no setting."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import DEFAULT_DATABASE, config_path, configuration, setting
from etl.services.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """A setting.

    Attributes
    ----------
    table, key
        Its place in the configuration file.
    variable
        The environment variable that wins over it.
    about
        What it is for.
    default
        What holds where it is not set.
    is_secret
        Whether its value is never shown.
    """

    table: str
    key: str
    variable: str
    about: str
    default: str = ""
    is_secret: bool = False


def _of_service(name: str) -> tuple[Setting, ...]:
    prefix = f"ETL_{name.upper()}"
    own = "the service's own"
    return (
        Setting(name, "requests_per_second", f"{prefix}_PER_SECOND", "most requests per second", own),
        Setting(name, "requests_per_day", f"{prefix}_PER_DAY", "most requests in 24 hours", own),
        Setting(name, "longest_wait", f"{prefix}_LONGEST_WAIT", "longest wait, in seconds", own),
        Setting(name, "url", f"{prefix}_URL", "address of another server", own),
        Setting(name, "account", f"{prefix}_ACCOUNT", "name of the account whose limits they are"),
        Setting(name, "language", f"{prefix}_LANGUAGE", "language of names, as in Accept-Language"),
    )


_OF_CHAT: Final = tuple(
    Setting("chat", key, f"ETL_CHAT_{key.upper()}", about, default, is_secret=key == "key")
    for key, about, default in (
        ("url", "address of the model's server", "OpenRouter"),
        ("key", "its key", ""),
        ("model", "the model", ""),
        ("provider", "whose rules hold, where the address does not tell", ""),
        ("account", "name of the account whose limits they are", ""),
        ("per_minute", "most requests a minute", "the service's own"),
        ("per_day", "most requests a UTC day", "the service's own"),
        ("tokens_per_minute", "most tokens a minute", "the service's own"),
        ("tokens_per_day", "most tokens a UTC day", "the service's own"),
        ("prompt_price", "price of a million tokens sent", ""),
        ("completion_price", "price of a million tokens answered", ""),
        ("longest_wait", "longest wait, in seconds", "the service's own"),
    )
)

SETTINGS: Final = (
    Setting("store", "database", "ETL_DB", "the DuckDB file", str(DEFAULT_DATABASE)),
    Setting("services", "contact", "ETL_CONTACT", "your e-mail address or page, which services are sent"),
    Setting(
        "services", "limits", "ETL_LIMITS", "file that records requests", "in the user's folder for state"
    ),
    Setting("spotify", "client_id", "SPOTIPY_CLIENT_ID", "id of the Spotify app", is_secret=True),
    Setting("spotify", "client_secret", "SPOTIPY_CLIENT_SECRET", "its secret", is_secret=True),
    *(each for name in (*SERVICES, "lastfm") for each in _of_service(name)),
    Setting("lastfm", "api_key", "LASTFM_API_KEY", "the key for Last.fm", is_secret=True),
    *_OF_CHAT,
)
"""All settings, table by table."""


@dataclass(frozen=True)
class SettingValue:
    """What a setting is set to.

    Attributes
    ----------
    name
        ``table.key``.
    value
        The value, or the default; None for a secret, and where there is neither.
    source
        The environment variable or the file that it is from, ``default``, or ``not set``.
    variable, about, is_secret
        As of `Setting`.
    """

    name: str
    value: str | None
    source: str
    variable: str
    about: str
    is_secret: bool


@dataclass(frozen=True)
class UnknownName:
    """A table or a key of the file that is no setting.

    Attributes
    ----------
    name
        As the file has it, ``table`` or ``table.key``.
    nearest
        What may be meant, or None.
    """

    name: str
    nearest: str | None


@dataclass(frozen=True)
class Configuration:
    """The configuration.

    Attributes
    ----------
    path
        The file.
    is_there
        Whether there is one.
    settings
        All settings.
    unknown
        Names in the file that are no settings.
    """

    path: Path
    is_there: bool
    settings: tuple[SettingValue, ...]
    unknown: tuple[UnknownName, ...]


@dataclass(frozen=True)
class ConfigFile:
    """The configuration file.

    Attributes
    ----------
    path
        Where it is, or would be.
    is_there
        Whether there is one.
    """

    path: Path
    is_there: bool


def read_configuration() -> Configuration:
    """Read what is set, and by whom.

    Raises
    ------
    EtlError
        If the file cannot be read.
    """
    path = config_path()
    return Configuration(
        path, path.exists(), tuple(_value(each, path) for each in SETTINGS), tuple(_unknown())
    )


def config_file() -> ConfigFile:
    """Say where the configuration file is."""
    path = config_path()
    return ConfigFile(path, path.exists())


def write_template() -> ConfigFile:
    """Write a configuration file with all settings, each commented out.

    Raises
    ------
    EtlError
        If there is a file, or it cannot be written.
    """
    path = config_path()
    if path.exists():
        raise EtlError(
            f"{path} already exists.",
            "Edit it; `etl config show` lists all settings.",
            exit_code=ExitCode.CANNOT_WRITE,
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EtlError(
            f"cannot create the folder {path.parent}: {error.strerror or error}.",
            "Set ETL_CONFIG to a file that you can write to.",
            exit_code=ExitCode.CANNOT_WRITE,
        ) from error
    with atomic_file(path) as file:
        file.write(template().encode())
    path.chmod(0o600)  # it may come to hold a secret
    return ConfigFile(path, is_there=True)


def template() -> str:
    """Give a configuration file with all settings, each commented out, with what it is for."""
    lines = ["# Settings of music-etl. Remove a `#` to set one; environment variables win over this file."]
    table = ""
    for each in SETTINGS:
        if each.table != table:
            table = each.table
            lines += ["", f"[{table}]"]
        default = f" (default: {each.default})" if each.default else ""
        lines.append(f'#{each.key} = ""  # {each.about}{default}; {each.variable}')
    return "\n".join([*lines, ""])


def _value(each: Setting, path: Path) -> SettingValue:
    value = setting(each.variable, each.table, each.key)
    if value is None:
        source = "default" if each.default else "not set"
        value = each.default or None
    elif os.environ.get(each.variable):
        source = each.variable
    else:
        source = str(path)
    shown = None if each.is_secret else value
    return SettingValue(f"{each.table}.{each.key}", shown, source, each.variable, each.about, each.is_secret)


def _unknown() -> Iterator[UnknownName]:
    """Give the tables and keys of the file that are no settings, each with the nearest that is one."""
    tables = list(dict.fromkeys(each.table for each in SETTINGS))
    for table, values in configuration().items():
        if table not in tables:
            yield UnknownName(table, _nearest(table, tables))
        elif isinstance(values, dict):
            keys = [each.key for each in SETTINGS if each.table == table]
            for key in values:
                if key not in keys:
                    nearest = _nearest(key, keys)
                    yield UnknownName(f"{table}.{key}", nearest and f"{table}.{nearest}")


def _nearest(name: str, names: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), names, 1)), None)
