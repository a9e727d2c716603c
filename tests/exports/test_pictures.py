"""Pictures: PNG files that show what the rows say, whatever the tags hold."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import soundfile as sf

from etl.audio.sonic import describe
from etl.exports.pictures import Coloring, plot_overview, plot_track
from etl.pipelines.audio.describe import as_row
from etl.runtime.errors import EtlError
from etl.store.sonic_features import FEATURE_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"


def pixels(path: Path) -> Any:
    """Read a PNG as an array of colors."""
    image = pytest.importorskip("matplotlib.image")
    return image.imread(io.BytesIO(path.read_bytes()))


def test_track_picture_shows_more_than_silence(rock, tmp_path):
    """A track with a hostile title gives a PNG with waveform, beats and tempo."""
    path = tmp_path / "a.flac"
    sf.write(path, rock, 22_050)
    row = {**as_row("x", describe(rock)), "path": str(path), "artist": None, "title": "$x^ \\frac{"}
    plot_track(row, rock, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    assert (pixels(tmp_path / "a.png")[..., :3] < 0.9).mean() > 0.05
    assert not list(tmp_path.glob(".*"))


def test_overview_puts_like_tracks_together(tmp_path):
    """Two groups lie apart on the first component, each recording once; names need not be in the font."""
    rng = np.random.default_rng(2)
    rows = []
    for number in range(30):
        row = as_row(str(number), describe(rng.normal(0, 0.1, 40_000).astype(np.float32)))
        shift = 50.0 * (number % 2)
        vectors = {
            name: (rng.normal(0, 1, 128) + shift).astype(np.float32) for name in row if "vector" in name
        }
        rows.append({**row, **vectors})
    tracks = pl.DataFrame(rows, schema=FEATURE_SCHEMA).with_columns(
        track_id=pl.Series([f"{number:02d}" for number in range(30)]),
        genre=pl.Series([f"Genre {number % 15}" for number in range(30)]),
        artist=pl.lit("x"),
        title=pl.lit("$ \N{CJK UNIFIED IDEOGRAPH-6B4C}"),
    )
    copies = pl.concat([tracks, tracks.head(9).with_columns(track_id=pl.lit("z") + pl.col("track_id"))])
    places = plot_overview(copies, tmp_path / "o.png", color=Coloring.GENRE)
    assert places.shape == (30, 2)
    assert (tmp_path / "o.png").read_bytes().startswith(PNG)
    first = places[:, 0]
    assert (np.sign(first[::2] - first.mean()) == -np.sign(first[1::2] - first.mean())).all()


def test_an_overview_of_two_tracks_is_refused(tmp_path):
    """Too few tracks give a reason, and no file."""
    row = as_row("x", describe(np.zeros(40_000, dtype=np.float32)))
    tracks = pl.DataFrame([row, row], schema=FEATURE_SCHEMA).with_columns(
        track_id=pl.Series(["a", "b"]), genre=pl.lit("g"), artist=pl.lit("x"), title=pl.lit("y")
    )
    with pytest.raises(EtlError, match="at least 3 tracks"):
        plot_overview(tracks, tmp_path / "o.png", color=Coloring.KEY)
    assert not list(tmp_path.iterdir())
