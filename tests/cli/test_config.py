"""`etl config`: every setting has a value and a source, secrets are never shown, misspelt names are told."""

from __future__ import annotations

import ast
import json
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from etl.pipelines.configuration import SETTINGS, template
from etl.runtime.errors import ExitCode
from tests.support.command_line import ROOT, ended_here, run_here

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.usefixtures("config")
def test_without_a_file_the_store_has_its_default():
    """Which is a path from the folder at hand."""
    found = shown()["store.database"]
    assert (found["value"], found["source"]) == (str(Path("data/music.duckdb")), "default")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a configuration file, and unset everything."""
    for each in SETTINGS:
        monkeypatch.delenv(each.variable, raising=False)
    monkeypatch.setenv("ETL_CONFIG", str(tmp_path / "etl" / "config.toml"))
    return tmp_path / "etl" / "config.toml"


def shown(*, expect: int = 0) -> dict[str, Any]:
    """Give the settings by name."""
    done = ended_here("config", "show", "--json")
    assert done.returncode == expect, done.stdout
    document = json.loads(done.stdout)
    return {"unknown": document["unknown"], **{each["name"]: each for each in document["settings"]}}


def test_a_setting_is_from_the_environment_the_file_or_a_default(config, monkeypatch):
    """The environment wins, and the source is named."""
    config.parent.mkdir()
    config.write_text('[store]\ndatabase = "/x.duckdb"\n[services]\ncontact = "me"\n')
    monkeypatch.setenv("ETL_CONTACT", "you")
    values = {name: (each["value"], each["source"]) for name, each in shown().items() if name != "unknown"}
    assert values["store.database"] == ("/x.duckdb", str(config))
    assert values["services.contact"] == ("you", "ETL_CONTACT")
    assert values["spotify.requests_per_day"] == ("the service's own", "default")
    assert values["spotify.account"] == (None, "not set")


def test_secrets_are_never_shown(config, monkeypatch):
    """Neither as text nor as JSON, wherever they are from; that they are set is."""
    config.parent.mkdir()
    config.write_text('[spotify]\nclient_secret = "hidden-in-file"\n')
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "hidden-in-environment")
    for words in (("config", "show"), ("config", "show", "--json"), ("doctor",), ("doctor", "--json")):
        assert "hidden" not in ended_here(*words).stdout
    assert shown()["spotify.client_secret"]["source"] == str(config)
    assert "set by SPOTIPY_CLIENT_ID" in ended_here("doctor").stdout


def test_misspelt_names_are_told_with_the_nearest(config):
    """A table, a key, and one that is like nothing; the exit code is that of findings."""
    config.parent.mkdir()
    config.write_text("[stor]\nx = 1\n[spotify]\nclient_secert = 's'\nrequests_per_second = 1\n[zzz]\n")
    unknown = {each["name"]: each["nearest"] for each in shown(expect=1)["unknown"]}
    assert unknown == {"stor": "store", "spotify.client_secert": "spotify.client_secret", "zzz": None}
    text = ended_here("config", "show").stdout
    assert "unknown setting: spotify.client_secert; did you mean spotify.client_secret?" in text
    assert "did you mean store?" in ended_here("doctor").stdout


def test_a_file_is_begun_once_and_is_the_users_alone(config):
    """With all settings commented out; one that is there stays."""
    assert run_here("config", "path").strip() == str(config)
    run_here("config", "init")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert {table: values for table, values in tomllib.loads(config.read_text()).items() if values} == {}
    assert not shown()["unknown"]
    config.write_text("# mine")
    assert "already exists" in run_here("config", "init", expect=ExitCode.CANNOT_WRITE)
    assert config.read_text() == "# mine"


def test_the_template_sets_what_its_comments_name():
    """Every line without its `#` is a setting."""
    lines = [
        line.removeprefix("#") if line.startswith("#") and "=" in line else line
        for line in template().splitlines()
    ]
    tables = tomllib.loads("\n".join(lines))
    assert {(table, key) for table, values in tables.items() for key in values} == {
        (each.table, each.key) for each in SETTINGS
    }


def _keys_read() -> Iterator[str]:
    """Give the key in every call of `setting` in the package."""
    for path in (ROOT / "etl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setting":
                keys = [each.value for each in node.args[2:] if isinstance(each, ast.Constant)]
                yield from map(str, keys)


def test_every_setting_that_is_read_is_listed():
    """One that nobody can find is none."""
    known = {each.key for each in SETTINGS}
    read = set(_keys_read())
    assert read
    assert read <= known
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(each.key in page for each in SETTINGS)
