"""Matrices of songs: what goes in comes out, whatever the batches, and equal songs are equal bytes."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import polars as pl
import pytest

from etl.exports.npz import UNKNOWN, SongMatrices
from etl.exports.npz_file import Pieces, write_npz

SYMBOLS = pl.DataFrame(
    {"symbol": ["C", "G7", "H", "Amin", "?!", *(f"c{number}" for number in range(40_000))]}
).with_columns(is_known=~pl.col("symbol").is_in(["H", "?!"]))
"""More symbols than 16 bits number; two are no chord."""

SECTIONS = pl.DataFrame({"tag": ["verse", "chorus", "bridge"]})


def songs(*rows: tuple[str, int, list[int], list[int], list[int]]) -> pl.DataFrame:
    """Make songs of an id, a key, chords, and where which sections begin."""
    schema: dict[str, Any] = {
        "id": pl.String, "key": pl.Int8, "chord_ids": pl.List(pl.Int32), "section_starts": pl.List(pl.Int32),
        "section_ids": pl.List(pl.Int32),
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    numbers = pl.int_range(len(rows)).cast(pl.Float64)
    return frame.with_columns(
        key_posterior=pl.concat_list([numbers / 100] * 24).list.to_array(24),
        pitch_class_profile=pl.concat_list([numbers / 10] * 12).list.to_array(12),
        fingerprint_mean=pl.concat_list([numbers] * 12).list.to_array(12),
        category_counts=pl.concat_list([numbers.cast(pl.Int64) * 40_000] * 49).list.to_array(49),
    )


ROWS: tuple[tuple[str, int, list[int], list[int], list[int]], ...] = (
    ("b\0a", 0, [1, 0, 1], [0, 2], [0, 1]),
    ("é", 23, [], [], []),
    ("c", -1, [32_767, 32_768, 2, 4, 40_000], [1], [2]),
)


def written(*batches: pl.DataFrame) -> bytes:
    """Write batches of songs."""
    matrices = SongMatrices()
    for batch in batches:
        matrices.add(batch)
    file = io.BytesIO()
    matrices.write_to(file, chords=SYMBOLS, sections=SECTIONS, manifest={"made": "here"})  # type: ignore[arg-type]
    return file.getvalue()


def test_songs_come_out_as_they_went_in():
    """Chords as symbols through the vocabulary, all unknown ones as one, sections as they are open."""
    with np.load(io.BytesIO(written(songs(*ROWS))), allow_pickle=False) as npz:
        arrays = dict(npz)
    assert arrays["ids"].tolist() == ["b\\0a", "é", "c"]
    assert (arrays["key"].dtype, arrays["key"].tolist()) == (np.int8, [0, 23, -1])
    assert arrays["token_offsets"].tolist() == [0, 3, 3, 8]
    assert arrays["vocabulary"][arrays["token_ids"]].tolist() == [
        "G7", "C", "G7", "c32762", "c32763", UNKNOWN, UNKNOWN, "c39995",
    ]  # fmt: skip
    assert arrays["vocabulary"].tolist() == sorted({"G7", "C", "c32762", "c32763", UNKNOWN, "c39995"})
    names = np.append(arrays["section_names"], "")
    assert names[arrays["section_ids"]].tolist() == ["verse", "verse", "chorus", "", *["bridge"] * 4]
    assert [arrays[name].dtype for name in ("token_ids", "section_ids", "token_offsets")] == [
        np.int32, np.int32, np.int64,
    ]  # fmt: skip
    shapes = {"key_posterior": 24, "pitch_class_profile": 12, "fingerprint_mean": 12}
    for name, width in shapes.items():
        assert (arrays[name].dtype, arrays[name].shape) == (np.float32, (3, width))
    assert arrays["pitch_class_profile"][2, 5] == np.float32(0.2)
    assert (arrays["category_counts"].dtype, arrays["category_counts"].shape) == (np.int32, (3, 49))
    assert arrays["category_counts"][2].tolist() == [80_000] * 49
    assert len(arrays["category_names"]) == 49
    assert json.loads(str(arrays["manifest"])) == {"made": "here", "songs": 3}


def test_the_bytes_depend_on_the_songs_alone():
    """Not on the batches they came in, the time, or what becomes of a batch after it was added."""
    whole = written(songs(*ROWS, *ROWS))
    frame = songs(*ROWS, *ROWS)
    assert written(frame[:2], frame[2:5], frame[5:]) == whole
    dates = {entry.date_time for entry in zipfile.ZipFile(io.BytesIO(whole)).infolist()}
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_no_songs_are_empty_matrices_of_the_same_shape():
    """Whoever reads them needs no special case."""
    with np.load(io.BytesIO(written()), allow_pickle=False) as npz:
        assert npz["key_posterior"].shape == (0, 24)
        assert npz["category_counts"].shape == (0, 49)
        assert npz["token_offsets"].tolist() == [0]
        assert npz["token_ids"].size == npz["vocabulary"].size == npz["ids"].size == 0


@pytest.mark.parametrize("lookup", [None, np.array([7, 8, 9, -1], np.int32)])
def test_an_array_in_pieces_is_the_array(lookup):
    """Byte for byte, through a look-up or not; -1 is its last entry, which stays -1."""
    pieces: list[Any] = [
        np.array([[0, 1], [2, -1]], np.int16),
        np.zeros((0, 2), np.int16),
        np.array([[1, 0]], np.int8),
    ]
    values = np.array([[0, 1], [2, -1], [1, 0]], np.int32)
    whole, apart = io.BytesIO(), io.BytesIO()
    write_npz(whole, {"x": values if lookup is None else lookup[values]})
    write_npz(apart, {"x": Pieces(pieces, np.dtype(np.int32), (3, 2), lookup)})
    with np.load(io.BytesIO(apart.getvalue())) as npz:
        assert npz["x"].tolist() == (values if lookup is None else lookup[values]).tolist()
    assert apart.getvalue() == whole.getvalue()


def test_an_array_may_be_larger_than_four_gigabytes_and_holds_no_python_objects():
    """Its header leaves room for a long size; what only pickle could write is refused."""
    file = io.BytesIO()
    write_npz(file, {"x": np.zeros(3)})
    name = int.from_bytes(file.getvalue()[26:28], "little")
    assert file.getvalue()[30 + name : 32 + name] == b"\1\0"  # the extra field of zip64, APPNOTE 4.5.3
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz(io.BytesIO(), {"x": np.array([{}], dtype=object)})
