"""Genres of a store from end to end: songs in, one name each, neighbors, files that load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from etl.pipelines.genres.export import export_genres
from etl.pipelines.genres.fetch import fetch_genres
from etl.pipelines.genres.show import genre_stats, show_genre
from etl.runtime.errors import EtlError, ExitCode
from etl.store.database import open_store, read_store
from tests.support.command_line import run_here
from tests.support.empty_store import empty_store
from tests.support.tracks import write_track

if TYPE_CHECKING:
    from etl.pipelines.genres.refresh import GenresResult

SONGS = (
    "id,chords,genres,main_genre\n"
    'a,C F G C,"\'hip hop\' \'rap\' ""children\'s music""",rap\n'
    "b,C F G C,\"['alt rock', 'indie rock']\",rock\n"
    "c,A D E A,rock'n'roll,rock\n"
    "d,A D E A,\"'swedish indie pop' 'indie pop' 'seen live' '90s'\",pop\n"
    "e,A D E A,\"'indie pop' 'alt rock'\",\n"
    "f,A D E A,,\n"
)


def refresh_genres(database: Path) -> GenresResult:
    """Bring the genres up to date; no service can be asked."""
    result = fetch_genres(database)
    assert all(source.skipped for source in result.sources)
    assert result.genres is not None
    return result.genres


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store of six songs; not to be changed."""
    folder: Path = tmp_path_factory.mktemp("built")
    (folder / "songs.csv").write_text(SONGS, encoding="utf-8")
    path = empty_store(folder / "music.duckdb")
    outputs = ("-o", str(folder / "data3.csv"), "--npz", str(folder / "m.npz"))
    run_here("build", "data3", str(folder / "songs.csv"), "--db", str(path), *outputs)
    return path


@pytest.fixture(scope="module")
def refreshed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bring the genres of such a store up to date; not to be changed."""
    database: Path = tmp_path_factory.mktemp("refreshed") / built.name
    shutil.copy(built, database)
    refresh_genres(database)
    return database


@pytest.fixture
def database(built: Path, tmp_path: Path) -> Path:
    """Give a store of six songs."""
    return Path(shutil.copy(built, tmp_path))


@pytest.fixture
def known(refreshed: Path, tmp_path: Path) -> Path:
    """Give one whose genres are up to date, with the file of pairs beside it."""
    for name in (refreshed.name, "genre_similarity.yaml"):
        shutil.copy(refreshed.parent / name, tmp_path)
    return tmp_path / refreshed.name


def genres_by_song(database: Path) -> dict[str, list[str]]:
    """Read view ``song_genres``."""
    with read_store(database) as connection:
        rows = connection.sql("SELECT id, list(name ORDER BY name) FROM song_genres GROUP BY id").fetchall()
    return dict(rows)


def test_songs_have_their_genres_by_one_name_each(database: Path) -> None:
    """From lists of quoted names, single values and the main genre; remarks and decades are none."""
    result = refresh_genres(database)
    assert genres_by_song(database) == {
        "a": ["children's music", "hip hop"],
        "b": ["alternative rock", "indie rock", "rock"],
        "c": ["rock", "rock and roll"],
        "d": ["indie pop", "pop", "swedish indie"],
        "e": ["alternative rock", "indie pop"],
    }
    assert (result.genres, result.unknown, result.facets, result.rejects) == (9, 0, 1, 1)
    stats = genre_stats(database, 2)
    assert stats.coverage.rows() == [("song", "genres", "song", 5, 5), ("song", "main_genre", "song", 4, 4)]
    assert stats.top["name"].to_list() == ["alternative rock", "indie pop"]


def test_second_run_changes_nothing(database: Path) -> None:
    """The file of pairs keeps its bytes, the store its rows."""
    first = refresh_genres(database)
    written = first.similarity.read_bytes()
    assert refresh_genres(database) == first
    assert first.similarity.read_bytes() == written


def test_numbers_that_the_user_changed_stay(known: Path) -> None:
    """So do pairs that only the user has; the others follow the counts."""
    path = known.parent / "genre_similarity.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = [
        line.replace(line.split(": ")[1].split()[0], "0.9")
        if line.startswith("alternative rock | rock:")
        else line
        for line in lines
    ]
    path.write_text("\n".join([*changed, "'hip hop | it''s: odd': 0.25", ""]), encoding="utf-8")
    for _ in range(2):
        assert refresh_genres(known).by_user == 2
        near = {each.name: each for each in show_genre(known, "Alternative").neighbours}
        assert near["rock"].weight == pytest.approx(0.9)
        assert near["rock"].by_user
        assert not near["indie rock"].by_user
        assert "'hip hop | it''s: odd': 0.2500" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["rock | pop: 2", "rock | pop: high", "rock: 0.5", "nonsense"])
def test_line_that_is_no_pair_is_named_and_nothing_is_written(known: Path, line: str) -> None:
    """A correction that cannot be read must not be lost by writing the file again."""
    path = known.parent / "genre_similarity.yaml"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(EtlError, match="is not a pair of genres") as caught:
        refresh_genres(known)
    assert caught.value.exit_code == ExitCode.BAD_DATA
    assert path.read_bytes() == before


def test_own_vocabulary_beside_the_store_wins(database: Path) -> None:
    """Aliases, rejects and new genres; its faults are told with its name."""
    own = database.parent / "genres.yaml"
    own.write_text("genres: {swede pop: {of: [pop], also: [swedish indie pop]}}", encoding="utf-8")
    refresh_genres(database)
    assert genres_by_song(database)["d"] == ["indie pop", "pop", "swede pop"]
    assert show_genre(database, "Swede-Pop").parents == ("pop",)
    own.write_text("genres: {x: {of: [nothing]}}", encoding="utf-8")
    with pytest.raises(EtlError, match=r"genres\.yaml"):
        refresh_genres(database)


def test_genre_is_shown_by_any_spelling(known: Path) -> None:
    """With its songs, spellings and keys; one that is not there is an error with near names."""
    card = show_genre(known, "Alt. Rock")
    assert (card.name, card.songs, card.spellings) == ("alternative rock", 2, ["alt rock"])
    assert sum(count for _, count in card.keys) == 2
    assert card.some_songs == ["b", "e"]
    assert card.progressions == [("I IV V I", 2)]
    with pytest.raises(EtlError, match="'polka'"):
        show_genre(known, "polka")
    with pytest.raises(EtlError) as caught:
        show_genre(known, "rokc")
    assert "rock" in caught.value.hint


def test_matrices_load_without_pickle_and_say_the_same(known: Path, tmp_path: Path) -> None:
    """Equal stores give equal bytes; rows are songs in order of their ids, columns genres."""
    made = export_genres(known, tmp_path / "genres.npz", item="songs")
    again = export_genres(known, tmp_path / "again.npz", item="songs")
    assert made.output.read_bytes() == again.output.read_bytes()
    with np.load(made.output, allow_pickle=False) as file:
        arrays = dict(file)
    shape = (len(arrays["ids"]), len(arrays["genre_vocab"]))
    assert shape == (made.rows, made.genres) == (5, 9)
    raw, near = (
        sparse.csr_array(
            tuple(arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr")), shape=shape
        )
        for name in ("X_genre_raw", "X_genre_smoothed")
    )
    found = {
        str(song): [str(arrays["genre_vocab"][at]) for at in np.flatnonzero(row)]
        for song, row in zip(arrays["ids"], raw.toarray(), strict=True)
    }
    assert found == genres_by_song(known)
    assert np.linalg.norm(near.toarray(), axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert (near.toarray() > 0).sum() > (raw.toarray() > 0).sum()
    assert json.loads(str(arrays["manifest"]))["rows"] == "songs"


def test_rows_are_written_by_the_ending(known: Path, tmp_path: Path) -> None:
    """CSV and Parquet hold the same rows; without tracks there is nothing to write of them."""
    for ending, read in ((".csv", pl.read_csv), (".parquet", pl.read_parquet)):
        export_genres(known, tmp_path / f"genres{ending}", item="songs")
        assert read(tmp_path / f"genres{ending}").height == 12
    with pytest.raises(EtlError, match="no genres of tracks"):
        export_genres(known, tmp_path / "tracks.csv", item="tracks")
    assert not (tmp_path / "tracks.csv").exists()


def test_store_without_tags_says_what_to_do(tmp_path: Path) -> None:
    """An empty result would look like an answer."""
    with pytest.raises(EtlError, match="neither songs nor tracks"):
        refresh_genres(empty_store(tmp_path / "music.duckdb"))
    assert not (tmp_path / "genre_similarity.yaml").exists()


def test_tracks_have_the_genres_of_their_tags(tmp_path: Path) -> None:
    """All values of a tag count; a track's own artist is not its genre."""
    from mutagen.flac import FLAC

    for number, genres in enumerate((["Hip-Hop/Rap", "Trip Hop"], ["Dub; Reggae", "Somebody"], [])):
        path = write_track(tmp_path / "music" / f"{number}.flac", seed=number)
        tags = FLAC(path)
        tags["artist"], tags["genre"] = "Somebody", genres
        tags.save()
    database = empty_store(tmp_path / "music.duckdb")
    run_here("library", "scan", str(tmp_path / "music"), "--db", str(database))
    refresh_genres(database)
    with read_store(database) as connection:
        rows = connection.sql(
            "SELECT path, name FROM track_genres JOIN library USING (track_id) ORDER BY ALL"
        ).fetchall()
    assert [(path[-6:], name) for path, name in rows] == [
        ("0.flac", "hip hop"),
        ("0.flac", "trip hop"),
        ("1.flac", "dub"),
        ("1.flac", "reggae"),
    ]


def test_genres_of_artists_from_listenbrainz_count_half(tmp_path: Path) -> None:
    """Only what it calls a genre; of no weight where the song says the same itself."""
    artist = "a" * 22
    songs = tmp_path / "songs.csv"
    songs.write_text(f"id,chords,genres,spotify_artist_id\n1,C G,rock,{artist}\n", encoding="utf-8")
    database = empty_store(tmp_path / "music.duckdb")
    outputs = ("-o", str(tmp_path / "data3.csv"), "--npz", str(tmp_path / "m.npz"))
    run_here("build", "data3", str(songs), "--db", str(database), *outputs)
    with open_store(database) as connection:
        asked = "status, reason, failures, refresh_wanted, fetched_at"
        connection.execute(
            f"INSERT INTO musicbrainz_artists (id, {asked}, mbid) "
            "VALUES (?, 'found', '', 0, false, now(), 'm')",
            [artist],
        )
        connection.execute(
            f"INSERT INTO listenbrainz_artists (id, {asked}, tags, votes, are_genres) VALUES "
            "('m', 'found', '', 0, false, now(), "
            "['Rock', 'dub', 'seen live'], [3, 2, 9], [true, true, false])"
        )
    refresh_genres(database)
    with read_store(database) as connection:
        rows = connection.sql("SELECT name, weight FROM song_genres ORDER BY name").fetchall()
    assert rows == [("dub", 0.5), ("rock", 1.0)]
