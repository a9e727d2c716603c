"""What links songs of a data set: none of it is in two splits, and the links are told by kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl
import pytest

from etl.exports.data3 import SOURCE_COLUMNS
from tests.support.command_line import run_here

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHORDS = ("C", "G", "Amin", "F", "Dmin", "Emin", "D", "Bb", "A7", "E7")
HIGHER = dict(zip(CHORDS, ("D", "A", "Bmin", "G", "Emin", "Fsmin", "E", "C", "B7", "Fs7"), strict=True))
PLAIN = {"A7": "A", "E7": "E", "Amin": "Amin7", "C": "Cmaj7"}
SPLITS = ("train", "validation", "test")

VERSIONS: dict[str, Callable[[list[str]], list[str]]] = {
    "missing": lambda song: song[:20] + song[21:],
    "added": lambda song: [*song[:20], "Eb", *song[20:]],
    "unknown": lambda song: [*song[:20], "xx", *song[20:]],
    "twice": lambda song: song + song,
    "higher": lambda song: [HIGHER[chord] for chord in song],
    "tags": lambda song: ["<verse_1>", *song[:30], "<chorus_1>", *song[30:]],
    "detail": lambda song: [PLAIN.get(chord, chord) for chord in song],
    "cut": lambda song: song[:40],
}


def store_of(folder: Path, songs: list[dict[str, str]]) -> Path:
    """Build a store of songs; columns that they lack are empty."""
    columns = tuple(dict.fromkeys((*SOURCE_COLUMNS, *songs[0])))
    rows = [{name: song.get(name) for name in columns} for song in songs]
    pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)).write_csv(folder / "songs.csv")
    outputs = ("-o", folder / "data3.csv", "--db", folder / "e.duckdb", "--force")
    run_here("build", "data3", folder / "songs.csv", *outputs, "--key-method", "krumhansl")
    return folder / "e.duckdb"


def exported(store: Path, *options: str) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Export a data set; gives the split of each song by its id, and what `--json` says of the links."""
    folder = store.with_name("set")
    printed = run_here("export", "dataset", folder, "--db", store, "--json", *options)
    facts = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])["facts"]
    split_of = {
        song: split
        for split in SPLITS
        for song in pl.read_parquet(folder / f"{split}.parquet")["id"].to_list()
    }
    return split_of, facts["links"]


def drawn(count: int) -> list[list[str]]:
    """Songs of sixty chords drawn at random, the same every time."""
    random = np.random.default_rng(1)
    return [random.choice(CHORDS, 60).tolist() for _ in range(count)]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Sixty songs and a version of each kind of each, all by different artists."""
    songs = [
        {"id": f"{number} {kind}", "chords": " ".join(version(song)), "artist_id": f"{number} {kind}"}
        for number, song in enumerate(drawn(60))
        for kind, version in ({"original": list} | VERSIONS).items()
    ]
    return store_of(tmp_path_factory.mktemp("versions"), songs)


def test_no_near_version_is_in_another_split(versions):
    """A chord more or less, an unknown one, played twice, transposed, other tags, other detail, cut."""
    split_of, links = exported(versions)
    parted = [song for song, split in split_of.items() if split != split_of[f"{song.split()[0]} original"]]
    assert not parted
    assert len(split_of) == 60 * (1 + len(VERSIONS))
    assert links["near_version"] == {"songs": 540, "shared": 60, "largest": 9, "left_out": 0}
    assert links["progression"]["shared"] == 60
    assert set(split_of.values()) == set(SPLITS)


def test_links_are_told_in_summary_card_and_manifest(versions):
    """The same figures in all of them."""
    text = run_here("export", "dataset", versions.with_name("told"), "--db", versions)
    assert ["near", "version", "540", "60", "9", "0"] in [line.split() for line in text.splitlines()]
    folder = versions.with_name("told")
    assert "| near version | 540 | 60 | 9 | 0 |" in (folder / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["links"]["near_version"]["songs"] == 540
    assert manifest["songs"].keys() == set(SPLITS)
    assert manifest["fractions"] == [0.8, 0.1, 0.1]


def test_a_recording_is_in_one_split(tmp_path):
    """Whoever it is filed under, and whatever chords were written down; what is no such id links nothing."""
    songs = [
        {
            "id": f"{n} {side}",
            "chords": " ".join(chords),
            "artist_id": f"{n} {side}",
            "spotify_song_id": recording,
        }
        for side, of_side in (("a", drawn(60)[:30]), ("b", drawn(60)[30:]))
        for n, chords in enumerate(of_side)
        for recording in [f"recording{n:013d}" if n < 28 else "unknown"]
    ]
    split_of, links = exported(store_of(tmp_path, songs))
    assert all(split_of[f"{n} a"] == split_of[f"{n} b"] for n in range(28))
    assert links["recording"] == {"songs": 56, "shared": 28, "largest": 2, "left_out": 0}


def test_a_title_of_an_artist_is_in_one_split(tmp_path):
    """One name under two ids of Spotify's, the title with and without what it says of the recording."""
    names = ("Blue Moon", "blue moon (Remastered 2011)", "Blue Moon - Live", "Blue Moon")
    singers = ("The One", "the one", "The One", "Another")
    songs = [
        {
            "id": f"{n}",
            "chords": " ".join(chords),
            "spotify_song_id": f"track{n:017d}",
            "spotify_artist_id": f"artist{n:016d}",
        }
        for n, chords in enumerate(drawn(40))
    ]
    store = store_of(tmp_path, songs)
    with duckdb.connect(store) as connection:
        for n, (name, singer) in enumerate(zip(names, singers, strict=True)):
            for table, spotify_id, value in (
                ("tracks", songs[n]["spotify_song_id"], name),
                ("artists", songs[n]["spotify_artist_id"], singer),
            ):
                connection.execute(
                    f"INSERT INTO spotify_{table} BY NAME SELECT ? AS id, 'found' AS status, '' AS reason, "
                    "0 AS failures, false AS refresh_wanted, now() AS fetched_at, ? AS name",
                    [spotify_id, value],
                )
    split_of, links = exported(store)
    assert links["title"] == {"songs": 3, "shared": 1, "largest": 3, "left_out": 0}
    assert split_of["0"] == split_of["1"] == split_of["2"]


def test_either_id_tells_an_artist(tmp_path):
    """Songs of one Spotify artist are in one split, whatever artist ids they have."""
    songs = [
        {
            "id": f"{n}",
            "chords": " ".join(chords),
            "artist_id": f"a{n}" if n % 3 else "",
            "spotify_artist_id": f"artist{n % 20:016d}",
        }
        for n, chords in enumerate(drawn(60))
    ]
    split_of, links = exported(store_of(tmp_path, songs))
    assert all(split_of[f"{n}"] == split_of[f"{n % 20}"] for n in range(60))
    assert links["spotify_artist"]["shared"] == 20


def test_names_tell_artists_and_titles_where_there_are_no_ids(tmp_path):
    """The source's own: songs of one artist are in one split, whatever the case of the letters."""
    songs = [
        {"id": f"{n}", "chords": " ".join(chords), "artist": "The Band" if n < 20 else f"Band {n % 20}"}
        for n, chords in enumerate(drawn(60))
    ]
    songs[3]["artist"] = "the band "
    split_of, links = exported(store_of(tmp_path, songs))
    assert len({split_of[f"{n}"] for n in range(20)}) == 1
    assert all(split_of[f"{n}"] == split_of[f"{n + 20}"] for n in range(20, 40))
    assert links["artist"]["shared"] == 21


def test_songs_keep_their_splits_when_others_are_added(tmp_path):
    """At least 95 of 100, whatever the order in which they are read."""
    songs = [
        {"id": f"{n}", "chords": " ".join(chords), "artist_id": f"a{n // 2}"}
        for n, chords in enumerate(drawn(600))
    ]
    before = exported(store_of(tmp_path, songs[30:]))[0]
    after = exported(store_of(tmp_path, songs))[0]
    assert sum(after[song] == split for song, split in before.items()) >= 0.95 * len(before)
