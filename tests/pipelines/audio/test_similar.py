"""Lists of tracks by sound and by words, and the playlists they become."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from etl.audio.features import Mode, version_of
from etl.pipelines.audio.find import find_tracks
from etl.pipelines.audio.similar import SimilarRequest, similar_tracks
from etl.runtime.errors import EtlError
from etl.store.database import open_store

BEAT = version_of(Mode.BEAT)
NAMES = [
    ("Anna", "Blue", 0.0),
    ("Anna", "Blue River", 0.1),
    ("Anna", "BLUE", 0.15),
    ("Anna", "Réd", 0.2),
    ("Ben", "Intro", 0.3),
    ("Cleo", "Intro", 5.0),
    ("Cleo", "Night Train", 0.5),
    ("Dora", "Far Away", 9.0),
    (None, None, 0.4),
]
"""Artist, title and how far from the first track."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a store of nine tracks in a row of sounds, and twenty far away; track 0 has a copy elsewhere."""
    rng = np.random.default_rng(1)
    away = rng.normal(0, 1, 128)
    places = [place * away for *_, place in NAMES]
    places += [rng.normal(0, 12, 128) for _ in range(20)]
    names = NAMES + [("Various", f"Noise {number}", 0.0) for number in range(20)]
    numbers = list(range(len(names)))
    database = tmp_path_factory.mktemp("similar") / "s.duckdb"
    with open_store(database) as connection:
        for number, (artist, title, _), place in zip(numbers, names, places, strict=True):
            add(connection, number, artist=artist, title=title, vector=place)
        add(connection, 99, artist="Anna", title="Blue (copy)", vector=None)
    return database


@pytest.fixture
def database(made, tmp_path):
    """Give a copy of the store."""
    return Path(shutil.copy(made, tmp_path / "s.duckdb"))


def add(connection, number, *, artist, title, vector):
    """Add a track; without a vector it is a copy of the first."""
    content = f"{0 if vector is None else number:032x}"
    connection.execute(
        "INSERT INTO files (path, track_id, kind, size_bytes, mtime_ns, content_hash, first_seen) "
        "VALUES (?, ?, 'flac', 1, 1, ?, now())",
        [f"/music/{number}.flac", f"id{number:02d}", content],
    )
    connection.execute(
        "INSERT INTO tracks (track_id, artist, title, album, duration_s) VALUES (?, ?, ?, 'All of it', 12.4)",
        [f"id{number:02d}", artist, title],
    )
    if vector is None:
        return
    vectors = {
        f"vector_{part}": pl.Series([vector], dtype=pl.Array(pl.Float32, 128))
        for part in ("whole", "start", "middle", "end")
    }
    numbers = dict.fromkeys(
        ("bpm_confidence", "bpm_half_confidence", "bpm_double_confidence", "key_correlation",
         "key_confidence", "rms_db", "crest_db", "dynamic_range_db"), 0.5,
    )  # fmt: skip
    row = pl.DataFrame(
        {"content_hash": content, "version": BEAT, "mode": "beat", "duration_s": 12.4, "bpm": 120.0,
         "beat_times_s": [[0.5]], "key": 0, **numbers, **vectors}
    ).to_arrow()  # fmt: skip
    connection.register("described_row", row)
    connection.execute("INSERT INTO sonic_features BY NAME SELECT * FROM described_row")


def titles(found):
    """Give artist and title of each track."""
    return [(track.artist, track.title) for track in found.tracks]


def test_the_nearest_come_first_each_recording_once(database):
    """Neither the seed nor its copies are listed, by content or by name."""
    found = similar_tracks(database, SimilarRequest(("id00",), limit=5))
    assert [seed.path for seed in found.seeds] == ["/music/0.flac"]
    assert titles(found) == [
        ("Anna", "Blue River"),
        ("Anna", "Réd"),
        ("Ben", "Intro"),
        (None, None),
        ("Cleo", "Night Train"),
    ]
    likeness = [track.likeness or 0.0 for track in found.tracks]
    assert likeness == sorted(likeness, reverse=True)
    assert 0.5 < likeness[0] <= 1


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("id03", "id03"),
        ("/music/3.flac", "id03"),
        ("Réd", "id03"),
        ("red", "id03"),
        ("anna - red", "id03"),
        ("Ana - Red", "id03"),
        ("nihgt train", "id06"),
        ("river", "id01"),
        ("ben - intro", "id04"),
    ],
)
def test_a_track_is_named_as_people_type(database, name, meant):
    """Ids, paths, titles of any case and accents, artist and title, parts, and typing errors."""
    (seed,) = similar_tracks(database, SimilarRequest((name,), limit=1)).seeds
    assert seed.track_id == meant


def test_a_name_of_several_recordings_is_refused_with_what_it_may_be(database):
    """Two intros are two songs; two copies of one recording are one."""
    with pytest.raises(EtlError, match="Intro may be Ben - Intro; Cleo - Intro"):
        similar_tracks(database, SimilarRequest(("Intro",)))
    assert similar_tracks(database, SimilarRequest(("Blue",))).seeds[0].track_id == "id00"


def test_a_name_of_nothing_is_refused(database):
    """What is no track and like none is said, with how to look for one."""
    with pytest.raises(EtlError, match="no analyzed track is called xylophone") as caught:
        similar_tracks(database, SimilarRequest(("xylophone",)))
    assert "etl library find" in caught.value.hint


def test_several_seeds_are_all_left_out(database):
    """A list to two tracks goes by the mean likeness to both."""
    found = similar_tracks(database, SimilarRequest(("id00", "id06"), limit=3))
    assert [seed.track_id for seed in found.seeds] == ["id00", "id06"]
    assert ("Cleo", "Night Train") not in titles(found)
    between = {("Anna", "Blue River"), ("Anna", "Réd"), ("Ben", "Intro"), (None, None)}
    assert set(titles(found)) < between


def test_an_artist_can_be_capped(database):
    """One track of each artist; tracks without one are not one artist's."""
    found = similar_tracks(database, SimilarRequest(("id03",), limit=4, per_artist=1))
    artists = [track.artist for track in found.tracks]
    assert artists[:4] == ["Anna", "Ben", None, "Cleo"]


def test_a_list_goes_on_until_it_is_full(database):
    """However many are left out on the way, the list has its length while there are tracks."""
    assert len(similar_tracks(database, SimilarRequest(("id00",), limit=1000)).tracks) == 27


def test_the_list_becomes_a_playlist(database, tmp_path):
    """M3U8 with durations, names and paths, in order."""
    output = tmp_path / "like.m3u8"
    found = similar_tracks(database, SimilarRequest(("id00",), limit=3, output=output))
    assert found.output == output
    assert output.read_text(encoding="utf-8").splitlines() == [
        "#EXTM3U",
        "#EXTINF:12,Anna - Blue River",
        "/music/1.flac",
        "#EXTINF:12,Anna - Réd",
        "/music/3.flac",
        "#EXTINF:12,Ben - Intro",
        "/music/4.flac",
    ]


def test_names_are_the_same_whatever_their_accents_are_made_of(database):
    """Composed or not, capital or not."""
    for name in ("re\u0301d", "RÉD", "Réd"):
        assert similar_tracks(database, SimilarRequest((name,), limit=1)).seeds[0].track_id == "id03"


def test_words_find_tracks(database, tmp_path):
    """All words, in any field, of any case and accents; nothing found is an empty list."""
    output = tmp_path / "found.m3u8"
    found = find_tracks(database, ["anna", "red"], limit=10, output=output)
    assert titles(found) == [("Anna", "Réd")]
    assert "/music/3.flac" in output.read_text(encoding="utf-8")
    assert len(find_tracks(database, ["all of it"], limit=100, output=None).tracks) == 30
    assert not find_tracks(database, ["anna", "zither"], limit=10, output=None).tracks


def test_a_playlist_never_takes_the_place_of_a_track(database, tmp_path):
    """A track of the library that exists stays."""
    track = tmp_path / "song.m3u8"
    track.write_bytes(b"sound")
    with open_store(database) as connection:
        connection.execute("UPDATE files SET path = ? WHERE track_id = 'id05'", [str(track)])
    with pytest.raises(EtlError, match="source of the store"):
        similar_tracks(database, SimilarRequest(("id00",), output=track))
    assert track.read_bytes() == b"sound"


def test_genres_count_for_the_share_that_is_asked_for(database):
    """A far track of a near genre comes first, one of a far genre last; by sound alone nothing changes."""
    with open_store(database) as connection:
        for track, genre in (("id00", "Dub"), ("id07", "Reggae"), ("id06", "Opera")):
            connection.execute("INSERT INTO track_tags VALUES (?, 'genre', 1, ?)", [track, genre])
            connection.execute(
                "INSERT INTO genre_tags VALUES ($g, 0, lower($g), 'genre', NULL, true)", {"g": genre}
            )
        connection.execute("INSERT INTO genre_similarity VALUES ('dub', 'reggae', 0, 0, 0, 0, 0, 0.9, false)")
    orders = [
        [
            track.track_id
            for track in similar_tracks(database, SimilarRequest(("id00",), 40, genres=share)).tracks
        ]
        for share in (0.0, 1.0)
    ]
    assert orders[0].index("id06") < orders[0].index("id07")
    assert (orders[1][0], orders[1][-1]) == ("id07", "id06")
    assert sorted(orders[0]) == sorted(orders[1])
