"""Matrices of a library: which tracks they hold, that they are sound, and that damaged ones are refused."""

from __future__ import annotations

import mutagen
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import etl
from etl.audio.bpm_range import BpmRange
from etl.audio.features import Mode, version_of
from etl.cli.main import app
from etl.exports.normalization import Normalization
from etl.pipelines.audio.run import LibraryStage
from etl.runtime.errors import EtlError
from etl.store.database import open_store, read_store
from tests.support.tracks import matrices, run, store_of, write_track


def test_modes_and_versions_do_not_mix_in_matrices(described):
    """A track described in windows only, or by an older version, is not in a matrix of beats."""
    run(described, mode=Mode.WINDOW)
    database, output = store_of(described), described.parent / "x.npz"
    with open_store(database) as connection:
        ((one,), (two,)) = connection.sql(
            "SELECT content_hash FROM library WHERE title IN ('Song 1', 'Song 2') ORDER BY title"
        ).fetchall()
        beat = version_of(Mode.BEAT)
        connection.execute("DELETE FROM sonic_features WHERE content_hash = ? AND version = ?", [one, beat])
        connection.execute("UPDATE sonic_features SET version = '0.beat' WHERE content_hash = ?", [two])
        assert connection.sql("SELECT count(*), count(bpm) FROM library").fetchall() == [(7, 7)]
    beats = matrices(database, output)
    windows = matrices(database, output, mode=Mode.WINDOW)
    assert "Song 1" not in beats.columns["track_titles"]
    assert "Song 2" not in beats.columns["track_titles"]
    assert beats.manifest["mode"] == "beat"
    assert "Song 1" in windows.columns["track_titles"]
    assert windows.manifest["mode"] == "window"


def test_where_all_descriptions_are_of_the_other_mode_the_hint_says_so(described):
    """Nothing to export, and the option that helps."""
    with pytest.raises(EtlError, match="no described track") as caught:
        matrices(store_of(described), described.parent / "x.npz", mode=Mode.WINDOW)
    assert "leave --windowed out" in caught.value.hint


def test_durations_are_those_of_the_sound(described):
    """Where the tags say something else, the decoded length counts."""
    with open_store(store_of(described)) as connection:
        connection.execute("UPDATE tracks SET duration_s = NULL WHERE title = 'Song 1'")
        connection.execute("UPDATE tracks SET duration_s = 999 WHERE title = 'Song 2'")
    assert set(matrices(store_of(described), described.parent / "x.npz").columns["durations_ms"]) == {3000}


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
    made = matrices(store_of(described), described.parent / "x.npz", where=condition)
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
    database = store_of(described)
    before = database.read_bytes()
    with pytest.raises(EtlError, match="--where is not a valid condition on tracks") as caught:
        matrices(database, described.parent / "x.npz", where=condition)
    assert "key_name" in caught.value.hint
    assert "vector" not in caught.value.hint
    assert database.read_bytes() == before


def test_tempi_fold_into_a_range_without_another_analysis(described):
    """What is written lies in the range by octaves; a missing tempo stays missing, the store as it was."""
    database, output = store_of(described), described.parent / "x.npz"
    with open_store(database) as connection:
        connection.execute("UPDATE sonic_features SET bpm = 174 WHERE content_hash IN "
                           "(SELECT content_hash FROM library WHERE title = 'Song 1')")  # fmt: skip
        connection.execute("UPDATE sonic_features SET bpm = NULL WHERE content_hash IN "
                           "(SELECT content_hash FROM library WHERE title = 'Song 2')")  # fmt: skip
    plain = matrices(database, output)
    folded = matrices(database, output, bpm_range=BpmRange(60, 120))
    titles = plain.columns["track_titles"]
    assert plain.columns["bpm"][titles == "Song 1"] == 174
    assert folded.columns["bpm"][titles == "Song 1"] == 87
    assert np.isnan(folded.columns["bpm"][titles == "Song 2"]).all()
    assert folded.manifest["bpm_range"] == [60, 120]
    kept = folded.columns["bpm"][~np.isnan(folded.columns["bpm"])]
    assert ((kept >= 60) & (kept <= 120)).all()


def test_artifacts_are_aligned_sorted_and_reproducible(described):
    """Rows are sorted by track id, tags and features are those of that track, bytes repeat."""
    run(described, LibraryStage.ARTIFACTS)
    output = described.parent / "out.npz"
    first = output.read_bytes()
    run(described, LibraryStage.ARTIFACTS)
    assert output.read_bytes() == first
    loaded = etl.load_artifacts(output)
    assert list(loaded.track_ids) == sorted(loaded.track_ids)
    with read_store(store_of(described)) as connection:
        rows = connection.sql("SELECT track_id, title, bpm, key FROM library ORDER BY track_id").fetchall()
        vectors = connection.sql("SELECT vector_end FROM library ORDER BY track_id").fetchnumpy()[
            "vector_end"
        ]
    made = matrices(store_of(described), output)
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
    made = matrices(
        store_of(described),
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


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_rows_of_length_one_are_z_scores_and_keep_their_lengths(described, ending):
    """Hertz do not drown what is counted in ones; lengths give the z-scores back."""
    database, folder = store_of(described), described.parent
    z_scores = matrices(database, folder / f"z.{ending}", normalization=Normalization.ZSCORE)
    unit = matrices(database, folder / f"l2.{ending}", normalization=Normalization.L2)
    assert unit.columns["lengths"].shape == (7, 4)
    for at, (name, values) in enumerate(unit.matrices.items()):
        np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1.0, rtol=1e-5)
        again = values * unit.columns["lengths"][:, [at]]
        np.testing.assert_allclose(again, z_scores.matrices[name], rtol=1e-4, atol=1e-4)
    assert set(unit.feature_units) == {"1"}
    assert "lengths" not in z_scores.columns


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_tracks_without_a_beat_are_marked_and_all_have_their_path(described, ending):
    """Where half seconds stood in for beats the reason is beside the row; the path leads to the file."""
    database = store_of(described)
    with open_store(database) as connection:
        connection.execute(
            "UPDATE sonic_features SET fallback = NULL; "
            "UPDATE sonic_features SET fallback = 'no onsets' WHERE content_hash = "
            "(SELECT content_hash FROM library WHERE title = 'Song 3')"
        )
        assert connection.sql("SELECT title FROM library WHERE fallback = 'no onsets'").fetchall() == [
            ("Song 3",)
        ]
    columns = matrices(database, described.parent / f"x.{ending}").columns
    marks = dict(zip(columns["track_titles"], columns["fallback"], strict=True))
    assert marks.pop("Song 3") == "no onsets"
    assert set(marks.values()) == {""}
    for title, path in zip(columns["track_titles"], columns["paths"], strict=True):
        assert mutagen.File(path)["title"] == [title]


def test_parquet_holds_the_same(described):
    """The Parquet form has the same rows, numbers, names and parameters, and loads the same way."""
    run(described, LibraryStage.ARTIFACTS)
    run(described, LibraryStage.ARTIFACTS, output=described.parent / "out.parquet")
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
        with pytest.raises(EtlError, match="not a file of sonic matrices"):
            etl.load_artifacts(described.parent / "bad.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(described.parent / "bad.parquet")
    with pytest.raises(EtlError, match="not a file of sonic matrices"):
        etl.load_artifacts(described.parent / "bad.parquet")


def test_loader_refuses_what_does_not_belong_together(described):
    """Short, repeated, unordered or foreign files are refused with the reason."""
    run(described, LibraryStage.ARTIFACTS)
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
    run(described, LibraryStage.ARTIFACTS)
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
        with pytest.raises(EtlError, match="not a file of sonic matrices"):
            etl.load_artifacts(bad)
    with bad.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(EtlError, match="not a file of sonic matrices"):
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
    with pytest.raises(EtlError, match="not a file of sonic matrices"):
        etl.load_artifacts(described.parent / "missing.npz")


def test_tracks_that_wait_for_a_description_are_told(described):
    """A scan that finds new tracks, then matrices: they are not in them, and that is said."""
    write_track(described / "new.flac", 77)
    done = run(described, LibraryStage.SCAN, LibraryStage.ARTIFACTS)
    assert done.artifacts is not None
    assert (done.artifacts.tracks, done.artifacts.pending) == (7, 1)
    arguments = [
        "library",
        "artifacts",
        "-o",
        str(described.parent / "x.npz"),
        "--db",
        str(store_of(described)),
    ]
    output = CliRunner().invoke(app, arguments).output
    assert "7 tracks" in output
    assert "; 1 track still to describe with `etl library sonic`" in output
