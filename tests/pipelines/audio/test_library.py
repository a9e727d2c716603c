"""The library: scans, descriptions and matrices, incremental and resumable."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import mutagen
import numpy as np
import polars as pl
import pytest
import soundfile as sf

import etl
from etl.audio.sonic import FEATURE_VERSION, Mode
from etl.exports.sonic import Normalization
from etl.pipelines.audio.library import (
    LibraryRun,
    check,
    draw_overview,
    draw_track,
    make_artifacts,
    parse_stages,
    run_library,
    status,
)
from etl.runtime.errors import EtlError
from etl.store.database import open_store, read_store
from tests.support.places import ROOT

BEAT = f"{FEATURE_VERSION}.beat"


def write_track(path: Path, seed: int, seconds: float = 3.0) -> Path:
    """Write clicks and tones that differ by seed, tagged."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * 22_050)) / 22_050
    signal = 0.2 * np.sin(2 * np.pi * 110 * 2 ** (seed % 12 / 12) * time_s)
    for beat in np.arange(0.1, seconds - 0.1, 60 / (90 + seed % 60)):
        first = int(beat * 22_050)
        signal[first : first + 800] += rng.normal(0, 0.3, 800) * np.linspace(1, 0, 800)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, np.clip(signal, -1, 1).astype(np.float32), 22_050)
    file: Any = mutagen.File(path)
    file["title"], file["artist"] = f"Song {seed}", f"Artist {seed % 3}"
    file.save()
    return path


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Give a folder of six tracks, a copy, a broken file and a picture."""
    folder = tmp_path_factory.mktemp("original") / "music"
    for seed in range(6):
        write_track(folder / f"album{seed % 2}" / f"{seed}.flac", seed)
    shutil.copy(folder / "album0" / "0.flac", folder / "copy of 0.flac")
    (folder / "broken.mp3").write_bytes(b"no audio at all" * 100)
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 picture")
    return folder


@pytest.fixture
def music(original, tmp_path):
    """Give a copy of the folder without a store."""
    return Path(shutil.copytree(original, tmp_path / "music"))


@pytest.fixture(scope="module")
def described_once(original):
    """Give the store of a run over the original folder."""
    run(original)
    return original.parent / "store.duckdb"


@pytest.fixture
def described(music, original, described_once):
    """Give a copy of the folder with the store of a finished run."""
    database = Path(shutil.copy(described_once, music.parent / "store.duckdb"))
    with open_store(database) as connection:
        connection.execute("UPDATE files SET path = replace(path, ?, ?)", [str(original), str(music)])
    return music


def request(folder: Path, stages: str = "scan,sonic", **changes: object) -> LibraryRun:
    """Give a run over a folder."""
    options = {
        "sources": (folder,),
        "stages": parse_stages(stages),
        "mode": Mode.BEAT,
        "output": folder.parent / "out.npz",
        "normalization": Normalization.ROBUST,
        "force": False,
        "limit": None,
        "workers": 2,
    }
    return LibraryRun(**{**options, **changes})  # type: ignore[arg-type]


def run(folder: Path, stages: str = "scan,sonic", **changes: object) -> str:
    """Run and give what was said."""
    return "\n".join(run_library(folder.parent / "store.duckdb", request(folder, stages, **changes)))


def attempts(database: Path) -> dict[str, int]:
    """Give the attempts per recording."""
    with closing(duckdb.connect(str(database), read_only=True)) as connection:
        return dict(connection.sql("SELECT item, attempts FROM ledger WHERE task = 'sonic'").fetchall())


def test_a_run_describes_every_track_once_and_says_why_not(music):
    """Copies are described once; broken files are rejected with a reason; pictures are no tracks."""
    said = run(music)
    assert "9 new" in said
    assert "6 described" in said
    with read_store(music.parent / "store.duckdb") as connection:
        counts = status(connection)
        rejects = connection.sql("SELECT source, reason FROM rejects").fetchall()
        tracks = connection.sql("SELECT title, artist, bpm, key FROM library ORDER BY path").fetchall()
        assert check(connection) == []
    assert (counts.total, counts.analyzed, counts.pending, counts.failed) == (7, 7, 0, 0)
    assert [(Path(path).name, "content is no audio" in reason) for path, reason in rejects] == [
        ("broken.mp3", True)
    ]
    assert len(tracks) == 7
    assert tracks[0][:2] == ("Song 0", "Artist 0")


def test_second_run_does_nothing(described):
    """A run over an unchanged folder reads and describes nothing."""
    said = run(described)
    assert "9 unchanged, 0 new, 0 changed, 0 moved, 0 gone; 0 rejected" in said
    assert "6 known, 0 described" in said
    assert set(attempts(described.parent / "store.duckdb").values()) == {1}


def test_moves_and_copies_cost_nothing_and_changes_are_seen(described):
    """A moved file keeps its identity; a changed one is described anew; a deleted one is gone."""
    database = described.parent / "store.duckdb"
    with read_store(database) as connection:
        ((before,),) = connection.sql("SELECT track_id FROM library WHERE title = 'Song 1'").fetchall()
    (described / "album1" / "1.flac").rename(described / "moved.flac")
    (described / "album0" / "2.flac").unlink()
    write_track(described / "album1" / "3.flac", 33)
    said = run(described)
    assert "1 changed, 1 moved, 1 gone" in said
    assert "1 described" in said
    with read_store(database) as connection:
        ((path, after),) = connection.sql(
            "SELECT path, track_id FROM library WHERE title = 'Song 1'"
        ).fetchall()
        assert (Path(path).name, after) == ("moved.flac", before)
        assert connection.sql(
            "SELECT count(*) FROM library WHERE title IN ('Song 2', 'Song 3')"
        ).fetchall() == [(0,)]
        assert check(connection) == []


def test_a_new_file_in_the_place_of_a_moved_one_is_another_track(described):
    """Identity follows the content that moved; its old place gives a new identity."""
    (described / "album1" / "1.flac").rename(described / "moved.flac")
    run(described)
    write_track(described / "album1" / "1.flac", 41)
    run(described)
    with read_store(described.parent / "store.duckdb") as connection:
        found = connection.sql("SELECT count(*), count(DISTINCT track_id) FROM library").fetchall()
        assert found == [(8, 8)]
        assert check(connection) == []


def test_a_file_that_comes_back_is_known(described):
    """Features outlive the absence of their file."""
    away = described.parent / "4.flac"
    (described / "album0" / "4.flac").rename(away)
    assert "1 gone" in run(described)
    away.rename(described / "album0" / "4.flac")
    said = run(described)
    assert "0 described" in said
    with read_store(described.parent / "store.duckdb") as connection:
        assert status(connection).analyzed == 7


def test_inventory_file_is_a_source(music):
    """A CSV of paths scans those and only those; a missing one is rejected."""
    inventory = music.parent / "list.csv"
    inventory.write_text("path\nmusic/album0/0.flac\nmusic/nowhere.flac\n")
    said = "\n".join(run_library(music.parent / "s.duckdb", request(music, "scan", sources=(inventory,))))
    assert "1 new" in said
    assert "1 rejected" in said


def test_windowed_features_stand_beside_beat_features(described):
    """The other mode is other work, and both stay."""
    assert "6 described" in run(described, mode=Mode.WINDOW)
    assert "0 described" in run(described)
    with read_store(described.parent / "store.duckdb") as connection:
        assert connection.sql("SELECT count(*) FROM sonic_features").fetchall() == [(12,)]
        assert connection.sql("SELECT count(*) FROM library").fetchall() == [(7,)]


def test_modes_and_versions_do_not_mix_in_matrices(described):
    """A track described in windows only, or by an older version, is not in a matrix of beats."""
    run(described, mode=Mode.WINDOW)
    output = described.parent / "x.npz"
    with open_store(described.parent / "store.duckdb") as connection:
        ((one,), (two,)) = connection.sql(
            "SELECT content_hash FROM library WHERE title IN ('Song 1', 'Song 2') ORDER BY title"
        ).fetchall()
        connection.execute("DELETE FROM sonic_features WHERE content_hash = ? AND version = ?", [one, BEAT])
        connection.execute("UPDATE sonic_features SET version = '0.beat' WHERE content_hash = ?", [two])
        beats = make_artifacts(connection, output, normalization=Normalization.NONE)
        windows = make_artifacts(connection, output, normalization=Normalization.NONE, mode=Mode.WINDOW)
        assert connection.sql("SELECT count(*), count(bpm) FROM library").fetchall() == [(7, 7)]
    assert "Song 1" not in beats.columns["track_titles"]
    assert "Song 2" not in beats.columns["track_titles"]
    assert beats.manifest["mode"] == "beat"
    assert "Song 1" in windows.columns["track_titles"]
    assert windows.manifest["mode"] == "window"


def test_the_newest_description_is_shown(described):
    """Of two versions of the features the view has the newer one, by number."""
    with open_store(described.parent / "store.duckdb") as connection:
        connection.execute(
            "INSERT INTO sonic_features "
            "SELECT * REPLACE ('10.beat' AS version, 77 AS bpm) FROM sonic_features"
        )
        assert connection.sql("SELECT DISTINCT bpm FROM library").fetchall() == [(77.0,)]
        assert connection.sql("SELECT count(*) FROM library").fetchall() == [(7,)]


def test_tracks_that_wait_are_in_the_view_too(described):
    """A scanned track without a description stands beside the others, and pictures and queries work."""
    write_track(described / "new.flac", 50)
    run(described, "scan")
    with read_store(described.parent / "store.duckdb") as connection:
        rows = connection.sql("SELECT * FROM library").pl()
        assert (rows.height, rows["vector_whole"].null_count()) == (8, 1)
        assert draw_overview(connection, described.parent / "o.png", colour="key") == 7
        draw_track(connection, "Song 1", described.parent / "t.png")
        made = make_artifacts(connection, described.parent / "x.npz", normalization=Normalization.NONE)
        assert len(made.track_ids) == 7


def test_durations_are_those_of_the_sound(described):
    """Where the tags say something else, the decoded length counts."""
    with open_store(described.parent / "store.duckdb") as connection:
        connection.execute("UPDATE tracks SET duration_s = NULL WHERE title = 'Song 1'")
        connection.execute("UPDATE tracks SET duration_s = 999 WHERE title = 'Song 2'")
        made = make_artifacts(connection, described.parent / "x.npz", normalization=Normalization.NONE)
    assert set(made.columns["durations_ms"]) == {3000}


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("artist = 'Artist 0' AND title <> 'Song 3'", 2),
        ("bpm BETWEEN 40 AND 240 AND key >= 0", 7),
        ("path LIKE '%/album1/%' AND year IS NULL", 3),
        ("first_seen > now() - INTERVAL 1 DAY", 7),
        ("mode = 'beat' OR fallback IS NOT NULL", 7),
        ("bpm > (SELECT min(bpm) FROM library)", 5),
    ],
)
def test_any_column_of_the_library_selects_tracks(described, condition, count):
    """Tempo, key, tags, place, time of arrival and sub-queries can choose the rows."""
    with read_store(described.parent / "store.duckdb") as connection:
        made = make_artifacts(
            connection, described.parent / "x.npz", normalization=Normalization.NONE, where=condition
        )
    assert len(made.track_ids) >= 1
    assert len(made.track_ids) == count or condition.startswith("bpm >")


@pytest.mark.parametrize(
    "condition",
    [
        "artist = Beatles",
        "title LIKE",
        "count(*) > 1",
        "1 = 1; DROP TABLE files",
        "1 = 1) OR (SELECT 1",
        "title",
        "nonsense(artist)",
        "genre = 'Rock' ORDER BY 1",
    ],
)
def test_a_wrong_condition_is_told_with_the_columns(described, condition):
    """Typing errors and attempts at more than a condition change nothing and name the columns."""
    database = described.parent / "store.duckdb"
    before = database.read_bytes()
    with (
        read_store(database) as connection,
        pytest.raises(EtlError, match="--where is no condition over tracks") as caught,
    ):
        make_artifacts(
            connection, described.parent / "x.npz", normalization=Normalization.NONE, where=condition
        )
    assert "key_name" in caught.value.hint
    assert "vector" not in caught.value.hint
    assert database.read_bytes() == before


def test_an_unwritable_target_is_known_at_the_start(music):
    """A run says so before it has worked for hours."""
    with pytest.raises(EtlError, match="is a folder"):
        run(music, "scan,sonic,artifacts", output=music)
    assert not (music.parent / "store.duckdb").exists()


def test_a_run_leaves_a_log(music):
    """Stages, the reject and the end are in the log beside the store, and nothing else is."""
    (music / "hostile\nname.mp3").write_bytes(b"no audio")
    run(music, "scan")
    text = (music.parent / "store.duckdb.log").read_text()
    assert "scan started" in text
    assert "warning" in text
    assert "hostile\\nname.mp3: the name says mp3, the content is no audio" in text
    assert "scan: 0 unchanged, 10 new" in text
    assert text.splitlines()[-1].endswith("2 rejects")


def test_artifacts_are_aligned_sorted_and_reproducible(described):
    """Rows are sorted by track id, tags and features are those of that track, bytes repeat."""
    run(described, "artifacts")
    output = described.parent / "out.npz"
    first = output.read_bytes()
    run(described, "artifacts")
    assert output.read_bytes() == first
    loaded = etl.load_artifacts(output)
    assert list(loaded.track_ids) == sorted(loaded.track_ids)
    with read_store(described.parent / "store.duckdb") as connection:
        rows = connection.sql("SELECT track_id, title, bpm, key FROM library ORDER BY track_id").fetchall()
        made = make_artifacts(connection, output, normalization=Normalization.NONE)
        vectors = connection.sql("SELECT vector_end FROM library ORDER BY track_id").fetchnumpy()[
            "vector_end"
        ]
    assert list(zip(loaded.track_ids, loaded.columns["track_titles"], strict=True)) == [
        row[:2] for row in rows
    ]
    np.testing.assert_allclose(loaded.columns["bpm"], [row[2] for row in rows])
    np.testing.assert_array_equal(made.matrices["X_sonic_end"], np.stack(list(vectors)))
    scaled = made.matrices["X_sonic"] - loaded.parameters["centre"]
    np.testing.assert_allclose(loaded.matrices["X_sonic"], scaled / loaded.parameters["scale"], atol=1e-4)


@pytest.mark.parametrize("method", list(Normalization))
def test_normalizations_are_finite_and_named(described, method):
    """Every normalisation gives finite columns with a name and a unit each."""
    with read_store(described.parent / "store.duckdb") as connection:
        made = make_artifacts(
            connection,
            described.parent / "x.npz",
            normalization=method,
            include="mfcc",
            where="title <> 'Song 5'",
        )
    matrix = made.matrices["X_sonic"]
    assert matrix.shape == (6, len(made.feature_names)) == (6, len(made.feature_units))
    assert np.isfinite(matrix).all()
    if method is Normalization.ZSCORE:
        np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-4)
    if method is Normalization.PCA:
        scores = matrix - matrix.mean(axis=0)
        covariance = scores.T @ scores / len(scores)
        np.testing.assert_allclose(covariance, np.diag(made.parameters["variance"]), atol=1e-3)


def test_parquet_holds_the_same(described):
    """The Parquet form has the same rows, numbers, names and parameters, and loads the same way."""
    run(described, "artifacts")
    run(described, "artifacts", output=described.parent / "out.parquet")
    by_npz = etl.load_artifacts(described.parent / "out.npz")
    by_parquet = etl.load_artifacts(described.parent / "out.parquet")
    assert by_npz.manifest == by_parquet.manifest
    for group in ("matrices", "columns", "parameters"):
        ours, theirs = getattr(by_npz, group), getattr(by_parquet, group)
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])
            assert values.dtype.kind == theirs[name].dtype.kind
    np.testing.assert_array_equal(by_npz.feature_units, by_parquet.feature_units)
    data = (described.parent / "out.parquet").read_bytes()
    for damage in (b"", b"PAR1", data[:-5], data[: len(data) // 2]):
        (described.parent / "bad.parquet").write_bytes(damage)
        with pytest.raises(EtlError, match="no file of sonic matrices"):
            etl.load_artifacts(described.parent / "bad.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(described.parent / "bad.parquet")
    with pytest.raises(EtlError, match="no file of sonic matrices"):
        etl.load_artifacts(described.parent / "bad.parquet")


def test_loader_refuses_what_does_not_belong_together(described):
    """Short, repeated, unordered or foreign files are refused with the reason."""
    run(described, "artifacts")
    path = described.parent / "out.npz"
    with np.load(path, allow_pickle=False) as archive:
        members = dict(archive.items())
    ids = members["track_ids"]
    damages = {
        "bpm has shape": {"bpm": members["bpm"][:6]},
        "occurs twice": {"track_ids": np.array([ids[0], *ids[:-1]])},
        "out of order": {"track_ids": ids[::-1]},
        "for 128 features": {"X_sonic": members["X_sonic"][:, :5]},
        "not finite": {"X_sonic_mid": np.full_like(members["X_sonic_mid"], np.nan)},
    }
    for words, damage in damages.items():
        bad = described.parent / "bad.npz"
        np.savez(bad, **{**members, **damage})
        with pytest.raises(EtlError, match=words):
            etl.load_artifacts(bad)


def test_loader_refuses_damaged_files(described):
    """A file cut, emptied, of another kind or with members of the wrong shape is refused in words."""
    run(described, "artifacts")
    good = (described.parent / "out.npz").read_bytes()
    bad = described.parent / "bad.npz"
    damages = [
        b"",
        b"no zip",
        good[:100],
        good[: len(good) // 2],
        good[:-10],
        good[:200] + bytes(300) + good[500:],
    ]
    for data in damages:
        bad.write_bytes(data)
        with pytest.raises(EtlError, match="no file of sonic matrices"):
            etl.load_artifacts(bad)
    with bad.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(EtlError, match="no file of sonic matrices"):
        etl.load_artifacts(bad)
    with np.load(described.parent / "out.npz", allow_pickle=False) as archive:
        members = dict(archive.items())
    for name in ("track_ids", "bpm", "X_sonic", "feature_names"):
        np.savez(bad, **{**members, name: np.array(5)})
        with pytest.raises(EtlError, match=r"shape|units"):
            etl.load_artifacts(bad)
    np.savez(bad, **{**members, "X_sonic": np.full(members["X_sonic"].shape, "x")})
    with pytest.raises(EtlError, match="not finite numbers"):
        etl.load_artifacts(bad)
    with pytest.raises(EtlError, match="no file of sonic matrices"):
        etl.load_artifacts(described.parent / "missing.npz")


def test_check_finds_damage(described):
    """A vector that is not finite, an orphan and a missing file are named."""
    database = described.parent / "store.duckdb"
    with open_store(database) as connection:
        connection.execute(
            "UPDATE sonic_features SET "
            "vector_whole = list_transform(vector_whole, lambda x: 'nan'::FLOAT)::FLOAT[128] "
            "WHERE content_hash = (SELECT min(content_hash) FROM sonic_features)"
        )
        connection.execute("DELETE FROM tracks WHERE title = 'Song 3'")
    (described / "album0" / "2.flac").unlink()
    with read_store(database) as connection:
        problems = "\n".join(check(connection))
    assert "vector_whole is not finite" in problems
    assert "file without track" in problems
    assert "gone since the last scan" in problems


def test_stages_keep_their_order_and_unknown_ones_are_named():
    """Stages run in their own order; a typing error lists what there is."""
    assert parse_stages("artifacts, scan") == ("scan", "artifacts")
    with pytest.raises(EtlError, match="no stage `sonik`"):
        parse_stages("scan,sonik")


def test_killed_run_resumes_without_doing_work_twice(tmp_path):
    """After SIGKILL only unfinished tracks are done, and the matrices are those of an unbroken run."""
    folder = tmp_path / "music"
    for seed in range(14):
        write_track(folder / f"{seed:02d}.flac", seed, seconds=6.0)
    run_library(
        tmp_path / "whole.duckdb", request(folder, "scan,sonic,artifacts", output=tmp_path / "whole.npz")
    )
    database, output = tmp_path / "killed.duckdb", tmp_path / "killed.npz"
    command = [
        sys.executable,
        "-m",
        "etl",
        "library",
        "run",
        str(folder),
        "--db",
        str(database),
        "-o",
        str(output),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished: set[str] = set()
    for delay in (3.5, 4.0):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
        )
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if database.exists():
            with open_store(database) as connection:
                done = connection.sql("SELECT item FROM ledger WHERE task = 'sonic'").fetchall()
            finished |= {item for (item,) in done}
    subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    tries = attempts(database)
    assert len(tries) == 14
    assert {tries[item] for item in finished} <= {1}
    assert output.read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_second_writer_is_told_who_holds_the_store(tmp_path, music):
    """A run on a store in use says which process holds it and what to do."""
    database = tmp_path / "held.duckdb"
    with open_store(database):
        done = subprocess.run(
            [sys.executable, "-m", "etl", "library", "scan", str(music), "--db", str(database)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"locked by process {os.getpid()}, started at" in done.stderr


def test_files_that_vanish_before_they_are_hashed_wait(music):
    """A whole batch that cannot be read gives rejects, no crash, and is tried again."""
    run(music, "scan")
    away = music.rename(music.parent / "away")
    said = run(music, "sonic")
    assert "0 described" in said
    with read_store(music.parent / "store.duckdb") as connection:
        assert status(connection).pending == 7
        reasons = connection.sql("SELECT DISTINCT reason FROM rejects WHERE stage = 'sonic'").fetchall()
    assert reasons == [("cannot read the file: No such file or directory",)]
    away.rename(music)
    assert "6 described" in run(music, "sonic")
