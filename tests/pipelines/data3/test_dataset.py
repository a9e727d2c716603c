"""The data set export: splits without leaks, loaded with what its users use."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml

from tests.support.command_line import run_here

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "validation", "test")
CHORDS = ("C", "G", "Amin", "F", "Dmin", "Emin", "D", "Bb", "A7", "E")
HEADER = (
    "id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id"
)


def song_lines() -> list[str]:
    """600 songs of 60 artists, some without one; every tenth repeats a song, some transposed."""
    random = np.random.default_rng(7)
    lines = [HEADER]
    for number in range(600):
        chords = " ".join(random.choice(CHORDS, 24))
        artist = "" if number % 7 == 0 else f"artist_{random.integers(60)}"
        genre = ("pop", "rock", "")[number % 3]
        lines.append(f"s{number},<verse_1> {chords},,,1990.0,,{artist},{genre},,")
    lines += [
        "same,<intro_1> C G F Bb C,,,,,artist_1,pop,,",
        "again,C G F Bb C,,,,,,rock,,",  # the same chords under other sections
        "higher,D A G C D,,,,,artist_2,,,",  # the same a tone up
        "mute,,,,,,artist_3,,,",
        "odd,C ?? G,,,,,,,,",
        "spotify1,E A E B,,,,,artist_9,,,0123456789ABCDEFGHIJkl",
        "spotify2,B E B E B,,,,,,,,0123456789ABCDEFGHIJkl",
    ]
    return lines


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Build a store of the songs."""
    folder: Path = tmp_path_factory.mktemp("store")
    (folder / "songs.csv").write_text("\n".join(song_lines()) + "\n", encoding="utf-8")
    run_here(
        *("build", "data3", folder / "songs.csv", "-o", folder / "data3.csv"),
        *("--db", folder / "e.duckdb", "--key-method", "krumhansl"),
    )
    return folder / "e.duckdb"


@pytest.fixture(scope="module")
def dataset(store):
    """Export a data set of the store's songs."""
    text = run_here("export", "dataset", store.parent / "set", "--db", store, "--seed", "3")
    assert "left out: 1 song without a known chord" in text
    return store.parent / "set"


@pytest.fixture(scope="module")
def songs(dataset) -> pl.DataFrame:
    """All rows with their split."""
    return pl.concat(
        pl.read_parquet(dataset / f"{split}.parquet").with_columns(split=pl.lit(split)) for split in SPLITS
    ).sort("row")


def test_every_song_is_in_one_split(songs):
    """Rows are numbered without a gap, in input order; only the song without chords is left out."""
    assert songs["row"].to_list() == list(range(606))
    assert songs["id"].to_list()[:3] == ["s0", "s1", "s2"]
    assert "mute" not in songs["id"]


def test_no_artist_and_no_progression_is_in_two_splits(songs):
    """An independent check of the leak guarantee, from texts rather than hashes."""
    artists = songs.drop_nulls("artist_id").group_by("artist_id").agg(pl.col("split").n_unique())
    assert artists["split"].max() == 1
    chords = songs.with_columns(pl.col("chords").str.replace_all(r"<\w+> ", ""))
    assert chords.group_by("chords").agg(pl.col("split").n_unique())["split"].max() == 1
    assert songs.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    split_of = dict(songs.select("id", "split").iter_rows())
    assert split_of["same"] == split_of["again"] == split_of["higher"]
    assert split_of["spotify1"] == split_of["spotify2"]


def test_splits_are_near_their_shares_in_each_genre(songs):
    """The shares hold for the whole, and roughly for each genre."""
    shares = songs["split"].value_counts(normalize=True)
    assert dict(shares.iter_rows()) == pytest.approx(
        {"train": 0.8, "validation": 0.1, "test": 0.1}, abs=0.025
    )
    by_genre = songs.group_by("main_genre").agg((pl.col("split") == "train").mean())
    assert by_genre["split"].to_list() == pytest.approx([0.8] * 3, abs=0.1)


def test_repeated_progressions_are_flagged(songs):
    """`duplicate_of` and `transposition_of` name the row of the first such song."""
    row = dict(songs.select("id", "row").iter_rows())
    flags = {name: rest for name, *rest in songs.select("id", "duplicate_of", "transposition_of").iter_rows()}
    assert flags["same"] == [None, None]
    assert flags["again"] == [row["same"], row["same"]]
    assert flags["higher"] == [None, row["same"]]


def test_ids_spell_the_songs(dataset, songs):
    """Tokens, numerals and sections come back from the vocabulary."""
    vocabulary = json.loads((dataset / "vocabulary.json").read_text(encoding="utf-8"))
    same = songs.filter(pl.col("id") == "same").to_dicts()[0]

    def spell(kind: str, ids: list[int]) -> list[str]:
        return [vocabulary[kind]["texts"][number] for number in ids]

    assert spell("tokens", same["token_ids"]) == ["C", "G", "F", "Bb", "C"]
    assert spell("sections", same["section_ids"]) == ["<intro_1>"] * 5
    assert len(same["numeral_ids"]) == 5
    assert vocabulary["keys"][same["key"]] == same["key_name"]
    odd = songs.filter(pl.col("id") == "odd").to_dicts()[0]
    assert spell("tokens", odd["token_ids"]) == ["C", "<unk>", "G"]
    assert odd["numeral_ids"][1] == 1
    assert odd["section_ids"] == [1, 1, 1]


def test_vocabulary_counts_are_those_of_train(dataset):
    """Ids fall in frequency, counted anew from the train file."""
    tokens = json.loads((dataset / "vocabulary.json").read_text(encoding="utf-8"))["tokens"]
    found = pl.read_parquet(dataset / "train.parquet")["token_ids"].explode().to_numpy()
    assert np.bincount(found, minlength=len(tokens["texts"])).tolist() == tokens["train_counts"]
    assert tokens["texts"][:2] == ["<pad>", "<unk>"]
    assert sorted(tokens["train_counts"][2:], reverse=True) == tokens["train_counts"][2:]


def test_same_seed_same_bytes(store, dataset, tmp_path):
    """An export is repeatable to the byte, and another seed gives another split."""
    run_here("export", "dataset", tmp_path / "set", "--db", store, "--seed", "3")
    run_here("export", "dataset", tmp_path / "other", "--db", store, "--seed", "4")
    for file in dataset.iterdir():
        assert (tmp_path / "set" / file.name).read_bytes() == file.read_bytes(), file.name
    assert (tmp_path / "other" / "test.parquet").read_bytes() != (dataset / "test.parquet").read_bytes()


def test_pandas_and_duckdb_load_the_splits(dataset):
    """Both see typed columns: nullable flags, lists of numbers."""
    frame = pd.read_parquet(dataset / "train.parquet")
    assert frame["token_ids"].iloc[0].dtype == np.int32
    counted = duckdb.read_parquet(f"{dataset}/*.parquet").aggregate("sum(len(token_ids))")
    assert counted.fetchall()[0][0] == 600 * 24 + 5 * 3 + 3 + 4 + 5


def test_croissant_is_valid_and_loads(dataset):
    """`mlcroissant` finds no error and reads records by the metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own dependencies
        import mlcroissant

        metadata = mlcroissant.Dataset(jsonld=dataset / "croissant.json")
        record = next(iter(metadata.records("validation")))
    assert not metadata.metadata.ctx.issues.errors
    assert not metadata.metadata.ctx.issues.warnings
    first = pl.read_parquet(dataset / "validation.parquet").to_dicts()[0]
    assert record["validation/id"].decode() == first["id"]
    assert list(record["validation/token_ids"]) == first["token_ids"]


def test_card_has_front_matter_and_every_column(dataset, songs):
    """The card opens with YAML and documents all columns with their counts."""
    card = (dataset / "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    assert "  - split: validation\n    path: validation.parquet" in front
    assert all(f"| `{name}` |" in body for name in songs.columns if name != "split")
    assert f"| train | {songs.filter(split='train').height} |" in body
    assert "songs.csv" in body


def test_foreign_folder_is_refused_and_force_keeps_it(store, dataset, tmp_path):
    """A folder with other files is never lost: refused, or with `--force` set aside."""
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work", encoding="utf-8")
    text = run_here("export", "dataset", target, "--db", store, expect=73)
    assert "--force" in text
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]
    run_here("export", "dataset", target, "--db", store, "--force")
    assert (tmp_path / "mine.before-1" / "thesis.txt").read_text(encoding="utf-8") == "years of work"
    run_here("export", "dataset", target, "--db", store)  # a former export is replaced without asking
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"mine", "mine.before-1"}
    assert {path.name for path in target.iterdir()} == {path.name for path in dataset.iterdir()}


@pytest.mark.parametrize(
    "text", ["0.8,0.1", "0.8,0.1,0.2", "0,0.5,0.5", "a,b,c", "1.1,-0.1,0", "nan,nan,nan", "0.8,nan,0.2"]
)
def test_bad_fractions_are_refused(store, tmp_path, text):
    """Shares that make no sense stop before anything is read."""
    said = run_here("export", "dataset", tmp_path / "x", "--db", store, "--fractions", text, expect=2)
    assert "0.8,0.1,0.1" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "fractions", "splits"),
    [
        ("plain", "0.8,0.1,0.1", {"train", "validation", "test"}),
        ("no test", "0.8,0.2,0", {"train", "validation"}),
        ("only train", "1,0,0", {"train"}),
        ('it\'s "so": #1', "0.8,0.1,0.1", {"train", "validation", "test"}),
        ("two\nlines", "0.8,0.1,0.1", {"train", "validation", "test"}),
    ],
)
def test_any_name_and_empty_splits_load_with_datasets(store, tmp_path, name, fractions, splits):
    """The card names the splits that have songs, in YAML that reads back; all files are there to be read."""
    folder = tmp_path / name
    run_here("export", "dataset", folder, "--db", store, "--fractions", fractions)
    front = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert {file["split"] for file in front["configs"][0]["data_files"]} == splits
    assert front["pretty_name"].splitlines() == [name.replace("\n", "\\n")]
    assert {split for split in SPLITS if pl.read_parquet(folder / f"{split}.parquet").height} == splits
    if find_spec("datasets"):
        import datasets

        loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert {split: rows.num_rows for split, rows in loaded.items()} == {
            split: pl.read_parquet(folder / f"{split}.parquet").height for split in splits
        }
        assert (
            loaded["train"][0]["token_ids"]
            == pl.read_parquet(folder / "train.parquet")["token_ids"][0].to_list()
        )


def test_decade_has_one_type(store, dataset, tmp_path):
    """A whole number in both Parquet exports and in the view; the CSV keeps the source's own text."""
    run_here("export", "parquet", "-o", tmp_path / "songs.parquet", "--db", store)
    for path in (tmp_path / "songs.parquet", dataset / "*.parquet"):
        decades = pl.read_parquet(path)["decade"]
        assert decades.dtype == pl.Int16
        assert set(decades.to_list()) == {1990, None}
    with duckdb.connect(store, read_only=True) as connection:
        assert connection.sql("SELECT DISTINCT decade FROM song_overview ORDER BY ALL").fetchall() == [
            (1990,),
            (None,),
        ]
    assert set(pl.read_csv(store.with_name("data3.csv"), infer_schema=False)["decade"]) == {"1990.0", None}
