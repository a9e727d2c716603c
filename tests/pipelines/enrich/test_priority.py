"""Songs to do first: what no song has is said before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from etl.pipelines.enrich.plan import check_priority
from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import open_store, read_store
from tests.support.command_line import ended_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@pytest.mark.parametrize(
    "priority",
    [
        {},
        {"genre": ["jazz"]},
        {"genre": ["vocal"]},  # of `genres` alone
        {"main_genre": ["JAZZ", "rock"], "decade": ["1970"]},
        {"decade": ["1970.0"]},
    ],
)
def test_what_songs_have_can_be_preferred(sixty_songs: Path, priority: Mapping[str, Sequence[str]]) -> None:
    """In any case of letters; a genre also as a part of all genres, a decade as a number."""
    with read_store(sixty_songs) as connection:
        check_priority(connection, priority)


@pytest.mark.parametrize(
    ("priority", "message"),
    [
        ({"genre": ["jaz z"]}, "no song has genre=jaz z.\nThe commonest are: jazz, pop, rock."),
        ({"genre": ["jazz", "fado"]}, "no song has genre=fado.\n"),
        ({"main_genre": ["vocal"]}, "no song has main_genre=vocal.\n"),
        (
            {"decade": ["1975"]},
            "no song has decade=1975.\nThe commonest are: 1950, 1960, 1970, 1980, 1990, 2000, 2010.",
        ),
        ({"decade": ["seventies"]}, "no song has decade=seventies.\n"),
        ({"rock_genre": ["punk"]}, "no song has rock_genre=punk.\nThe songs have no rock_genre at all."),
    ],
)
def test_a_value_that_no_song_has_is_an_error_with_those_there_are(
    sixty_songs: Path, priority: Mapping[str, Sequence[str]], message: str
) -> None:
    """Each alternative counts; the commonest values come first, equally common ones by name."""
    with read_store(sixty_songs) as connection, pytest.raises(EtlError) as raised:
        check_priority(connection, priority)
    assert str(raised.value).startswith(f"--priority prefers nothing: {message}")
    assert raised.value.exit_code == ExitCode.USAGE


def test_values_that_no_song_has_together_are_an_error(sixty_songs: Path) -> None:
    """Where different keys must all hold, and each does somewhere."""
    with open_store(sixty_songs) as store:
        store.execute("UPDATE songs SET rock_genre = 'punk' WHERE main_genre = 'rock'")
        check_priority(store, {"genre": ["rock"], "rock_genre": ["punk"]})
        with pytest.raises(EtlError, match="no song has genre and rock_genre as wanted at once"):
            check_priority(store, {"genre": ["pop"], "rock_genre": ["punk"]})


@pytest.mark.parametrize("options", [["--estimate"], []])
def test_nothing_is_asked_for_what_no_song_has(
    sixty_songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Neither by a run nor for its forecast."""
    monkeypatch.setenv("ETL_CONTACT", "tests@example.com")
    command = ("enrich", "musicbrainz", "--priority", "genre=fado", *options)
    done = ended_here(*command, "--db", sixty_songs, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no song has genre=fado." in done.stderr
