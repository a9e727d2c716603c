"""`etl config`: what is set, where, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from etl.cli.options import AsJson
from etl.cli.output import show
from etl.cli.tables import Full, table
from etl.runtime.errors import ExitCode

if TYPE_CHECKING:
    from etl.pipelines.configuration import Configuration, SettingValue

app = typer.Typer(help="Show or create the configuration file.", no_args_is_help=True)


@app.command("show", epilog="Example: etl config show --json")
def show_(full: Full = False, as_json: AsJson = False) -> int:
    """List every setting, its value and its source; secrets are hidden.

    Unknown names in the file are listed too; the exit code is then 1.
    """
    from etl.pipelines.configuration import read_configuration

    found = read_configuration()
    show(found, lambda found: _settings(found, full=full), as_json=as_json)
    return ExitCode.FAILURE if found.unknown else ExitCode.OK


@app.command(epilog="Example: etl config path --json")
def path(as_json: AsJson = False) -> None:
    """Print where the configuration file is, or would be; ETL_CONFIG names another one."""
    from etl.pipelines.configuration import config_file

    show(config_file(), lambda found: str(found.path), as_json=as_json)


@app.command(epilog="Example: etl config init && nano $(etl config path)")
def init(as_json: AsJson = False) -> None:
    """Write a configuration file that holds every setting, each commented out."""
    from etl.pipelines.configuration import write_template

    show(write_template(), lambda written: f"written: {written.path}", as_json=as_json)


def _settings(found: Configuration, *, full: bool) -> str:
    rows = [(each.name, _shown(each), each.source) for each in found.settings]
    missing = "" if found.is_there else " (does not exist; `etl config init` writes one)"
    lines = [table(("setting", "value", "from"), rows, full=full), f"file: {found.path}{missing}"]
    lines += [
        f"unknown setting: {each.name}" + (f"; did you mean {each.nearest}?" if each.nearest else "")
        for each in found.unknown
    ]
    return "\n".join(lines)


def _shown(each: SettingValue) -> str:
    if each.is_secret and each.source != "not set":
        return "(not shown)"
    return each.value or ""
