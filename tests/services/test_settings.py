"""Settings of services: what is wrong is named with its place, and never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.runtime.errors import EtlError, ExitCode
from etl.services.settings import service_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a configuration file."""
    monkeypatch.setenv("ETL_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "config.toml"


@pytest.mark.parametrize("line", ['spotify = "x"', "spotify = 7", '"spotify" = []'])
def test_value_in_place_of_a_table_is_named_with_its_line(config: Path, line: str) -> None:
    """With what to write there."""
    config.write_text(f"# settings\n\n{line}\n")
    with pytest.raises(EtlError, match=r"line 3 of .*config\.toml makes `spotify` a value") as caught:
        service_settings("spotify")
    assert "`[spotify]`" in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


def test_syntax_error_is_named_with_its_line(config: Path) -> None:
    """As the parser tells it."""
    config.write_text("[spotify]\nclient_id =\n")
    with pytest.raises(EtlError, match="line 2"):
        service_settings("spotify")


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://127.0.0.1", "http://", "spotify"])
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Before anything is sent."""
    monkeypatch.setenv("ETL_SPOTIFY_URL", address)
    with pytest.raises(EtlError, match="not the address of a server") as caught:
        service_settings("spotify")
    assert "ETL_SPOTIFY_URL" in str(caught.value)


def test_account_and_language_are_read(config: Path) -> None:
    """From the table of the service."""
    config.write_text('[spotify]\naccount = "mine"\nlanguage = "ja"\n')
    settings = service_settings("spotify")
    assert (settings.account, settings.language) == ("mine", "ja")


def test_bound_of_waiting_is_read(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds; what is no number above 0 is named with its place."""
    config.write_text("[musicbrainz]\nlongest_wait = 120\n")
    assert service_settings("musicbrainz").patience.longest_wait == 120.0
    assert service_settings("spotify").patience.longest_wait == 30.0
    monkeypatch.setenv("ETL_SPOTIFY_LONGEST_WAIT", "-1")
    with pytest.raises(EtlError, match="longest_wait is '-1'") as caught:
        service_settings("spotify")
    assert "ETL_SPOTIFY_LONGEST_WAIT or [spotify] longest_wait" in str(caught.value)
