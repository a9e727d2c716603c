"""Data sets as PyTorch reads them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest

import etl
from etl.runtime.errors import EtlError
from tests.support.command_line import run_here
from tests.support.places import ROOT

needs_torch = pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Export the bundled songs."""
    path = tmp_path_factory.mktemp("set")
    sample = ROOT / "etl" / "sample" / "billboard_chordonomicon.csv"
    run_here(
        "build",
        "data3",
        sample,
        "-o",
        path / "data3.csv",
        "--db",
        path / "e.duckdb",
        "--key-method",
        "krumhansl",
    )
    run_here("export", "dataset", path / "songs", "--db", path / "e.duckdb")
    return path / "songs"


def test_songs_are_those_of_the_file(folder):
    """By number, from the end too, and by plain iteration."""
    rows = pl.read_parquet(folder / "train.parquet")
    songs = etl.SongDataset(folder, "train")
    assert len(songs) == rows.height
    assert [song["token_ids"].tolist() for song in songs] == rows["token_ids"].to_list()
    assert songs[-1]["numeral_ids"].tolist() == rows["numeral_ids"][-1].to_list()
    assert songs[3]["key"] == rows["key"][3]
    assert songs.vocabulary["tokens"]["texts"][0] == "<pad>"
    with pytest.raises(IndexError):
        songs[len(songs)]


@pytest.mark.parametrize("split", ["dev", "../songs/train"])
def test_a_split_that_there_is_not_is_refused(folder, split):
    """The message lists those that there are."""
    with pytest.raises(EtlError, match="no split") as raised:
        etl.SongDataset(folder, split)
    assert "train, validation, test" in str(raised.value.hint)


def test_reading_songs_needs_no_pytorch():
    """It is imported by `collate` alone."""
    code = "import etl, sys; etl.SongDataset, etl.collate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


@needs_torch
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_makes_padded_batches(folder, workers):
    """Every chord of every song arrives, in a batch as wide as its longest song."""
    import torch
    from torch.utils.data import DataLoader

    songs = etl.SongDataset(folder, "validation")
    loader = DataLoader(
        songs,
        batch_size=8,
        collate_fn=etl.collate,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    start = 0
    for batch in loader:
        size, width = batch["token_ids"].shape
        assert batch["token_ids"].dtype == torch.int64
        assert width == batch["lengths"].max()
        assert torch.equal(batch["mask"], batch["token_ids"] != 0)
        for offset in range(size):
            song = songs[start + offset]
            assert np.array_equal(
                batch["token_ids"][offset][batch["mask"][offset]].numpy(), song["token_ids"]
            )
            assert batch["key"][offset] == song["key"]
        start += size
    assert start == len(songs)


@needs_torch
def test_rows_of_other_readers_are_collated_too():
    """Lists as Hugging Face `datasets` gives them; columns of text are left out."""
    batch = etl.collate(
        [{"key": 3, "token_ids": [4, 5], "id": "a"}, {"key": -1, "token_ids": [6], "id": "b"}]
    )
    assert batch.keys() == {"mask", "lengths", "key", "token_ids"}
    assert batch["token_ids"].tolist() == [[4, 5], [6, 0]]
    assert batch["key"].tolist() == [3, -1]
