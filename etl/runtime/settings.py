"""Settings: where the store is, from option, environment or configuration file, in that order."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from etl.runtime.errors import EtlError, ExitCode

DEFAULT_DATABASE: Final = Path("data/music.duckdb")


def config_path() -> Path:
    """Path of the configuration file: ``ETL_CONFIG``, else ``config.toml`` in the user's config folder."""
    override = os.environ.get("ETL_CONFIG")
    if override:
        return Path(override)
    import platformdirs  # noqa: PLC0415 - commands that read no settings start sooner

    return platformdirs.user_config_path("music-etl") / "config.toml"


@lru_cache(maxsize=4)
def _read_config(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - the same

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EtlError(
            f"cannot read the configuration {path}: {error}", "Fix or remove it.", exit_code=ExitCode.USAGE
        ) from error


def configuration() -> dict[str, Any]:
    """Read the configuration file: tables by name; empty where there is none.

    Raises
    ------
    EtlError
        If it cannot be read.
    """
    return _read_config(config_path())


def setting(variable: str, table: str, name: str) -> str | None:
    """Read one setting: the environment variable, else ``name`` in ``[table]`` of the configuration file."""
    from_environment = os.environ.get(variable)
    if from_environment:
        return from_environment
    path = config_path()
    values = _read_config(path).get(table, {})
    if not isinstance(values, dict):
        lines = path.read_text(encoding="utf-8").splitlines()
        number = next(
            (n for n, line in enumerate(lines, 1) if line.split("=")[0].strip(" \t\"'") == table), 1
        )
        raise EtlError(
            f"line {number} of {path} makes `{table}` a value; it is a table.",
            f"Write a line `[{table}]`, and below it lines such as `{name} = ...`.",
            exit_code=ExitCode.USAGE,
        )
    value = values.get(name)
    return None if value is None else str(value)


def database_path(option: Path | None = None) -> Path:
    """Path of the store: the ``--db`` option, else ``ETL_DB`` or the configuration, else the default."""
    if option is not None:
        return option
    configured = setting("ETL_DB", "store", "database")
    return Path(configured) if configured else DEFAULT_DATABASE
