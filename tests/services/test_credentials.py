"""Where the Spotify credentials come from, and where they never show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.runtime.errors import EtlError
from etl.services.credentials import spotify_credentials

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point to a configuration file that does not exist yet, in an environment without credentials."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("ETL_CONFIG", str(path))
    monkeypatch.delenv("SPOTIPY_CLIENT_ID", raising=False)
    monkeypatch.delenv("SPOTIPY_CLIENT_SECRET", raising=False)
    return path


def test_file_serves_without_environment(config: Path) -> None:
    """The [spotify] table of the configuration file holds both."""
    config.write_text('[spotify]\nclient_id = "file-id"\nclient_secret = "file-secret"\n', encoding="utf-8")
    found = spotify_credentials()
    assert (found.client_id, found.client_secret) == ("file-id", "file-secret")


def test_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sources set: the environment counts."""
    config.write_text('[spotify]\nclient_id = "file-id"\nclient_secret = "file-secret"\n', encoding="utf-8")
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "env-id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "env-secret")
    found = spotify_credentials()
    assert (found.client_id, found.client_secret) == ("env-id", "env-secret")


def test_missing_credentials_say_what_to_set() -> None:
    """The hint names both variables."""
    with pytest.raises(EtlError, match="SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET"):
        spotify_credentials()


def test_unreadable_file_is_named_and_not_quoted(config: Path) -> None:
    """A file that is not TOML may hold the secret: the message gives its path only."""
    config.write_text('[spotify]\nclient_secret = hush-hush"\n', encoding="utf-8")
    with pytest.raises(EtlError, match=r"config\.toml") as caught:
        spotify_credentials()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("secret", ["with\nline", "gehêim"])
def test_impossible_credentials_are_refused(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could break a header is refused before it gets there."""
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", secret)
    with pytest.raises(EtlError, match="characters that are not valid"):
        spotify_credentials()


def test_repr_hides_both_and_the_app_name_gives_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials may stand in a traceback's locals without showing."""
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "env-id")
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "env-secret")
    found = spotify_credentials()
    assert "env-" not in repr(found)
    assert len(found.app) == 12
    assert found.app not in {found.client_id, found.client_secret}
