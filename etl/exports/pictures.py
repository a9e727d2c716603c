"""Pictures of a track and of a library, as PNG files; needs the extra ``plot``."""

from __future__ import annotations

import warnings
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from etl.audio.features import TIMBRE
from etl.audio.frames import analyse
from etl.audio.signal import SAMPLE_RATE
from etl.audio.spectral import HOP
from etl.exports.page.charts import FIFTHS
from etl.exports.page.text import shortened
from etl.exports.page.tracks import spread
from etl.exports.sonic import principal_components
from etl.music.keys import KEY_NAMES
from etl.music.pitch_classes import SHARP_NAMES
from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, missing_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

_POINTS: Final = 4000
_GROUPS: Final = 12
_NAMED: Final = 24


class Coloring(StrEnum):
    """What the colors of an overview stand for."""

    KEY = "key"
    GENRE = "genre"


def plot_track(track: dict[str, Any], signal: NDArray[np.float32], target: Path) -> None:
    """Draw waveform with beats, constant-Q chroma and the tempo from beat to beat.

    Parameters
    ----------
    track
        A row of view ``library`` that has a description.
    target
        The PNG.

    Raises
    ------
    EtlError
        If matplotlib is missing.
    """
    figure, (wave, harmony, tempo) = _figure(3, (12, 8))
    seconds = len(signal) / SAMPLE_RATE
    beats = np.asarray(track["beat_times_s"], dtype=np.float64)
    low, high = _envelope(signal)
    wave.fill_between(np.linspace(0, seconds, len(low)), low, high, linewidth=0)
    wave.vlines(beats, -1, 1, colors="tab:red", linewidth=0.4)
    wave.set(ylim=(-1, 1), ylabel="amplitude", title=_title(track))
    chroma = analyse(signal).chroma_cqt
    step = max(1, len(chroma) // _POINTS)
    harmony.imshow(
        chroma[::step].T,
        aspect="auto",
        origin="lower",
        extent=(0, len(chroma) * HOP / SAMPLE_RATE, -0.5, 11.5),
        cmap="magma",
    )
    harmony.set(yticks=range(12), yticklabels=SHARP_NAMES, ylabel="chroma")
    if len(beats) > 8:
        # Over eight beats: single steps are a frame of 23 ms or another.
        tempo.plot(beats[8:], 8 * 60 / (beats[8:] - beats[:-8]))
    if track["bpm"]:
        tempo.axhline(track["bpm"], color="tab:red", linewidth=0.8)
    tempo.set(ylabel="beats per minute", xlabel="seconds")
    for axes in (wave, harmony, tempo):
        axes.set_xlim(0, seconds)
    _save(figure, target)


def plot_overview(tracks: pl.DataFrame, target: Path, *, color: Coloring) -> NDArray[np.float64]:
    """Draw each recording once on the first two principal components of what likeness goes by.

    Some that lie apart have their names beside them.

    Parameters
    ----------
    tracks
        Rows of view ``library`` that have a description.
    target
        The PNG.
    color
        What the colors stand for: keys go round the circle of fifths, minor ones are crosses; of genres the
        twelve most frequent get one each.

    Returns
    -------
    ndarray
        The positions, (N, 2), in order of track id; of several tracks with the same sound that of the first.

    Raises
    ------
    EtlError
        If matplotlib is missing or there are fewer than three tracks.
    """
    tracks = tracks.sort("track_id").unique("content_hash", keep="first", maintain_order=True)
    vectors = tracks["vector_whole"].to_numpy()[:, TIMBRE]
    scores, variances = principal_components(vectors.astype(np.float64))
    figure, (axes,) = _figure(1, (9, 8))
    positions = scores[:, :2]
    if positions.shape[1] < 2:
        raise EtlError("the tracks are too much alike to be drawn on a plane.", "Describe more tracks first.")
    labels = tracks["key_name" if color is Coloring.KEY else "genre"].fill_null("none")
    styles = _key_styles() if color is Coloring.KEY else _genre_styles(labels)
    others = np.ones(len(positions), np.bool_)
    for label, (tint, marker) in styles.items():
        here = (labels == label).to_numpy()
        others &= ~here
        if here.any():
            axes.scatter(*positions[here].T, s=14, label=label, color=tint, marker=marker)
    axes.scatter(*positions[others].T, s=6, color="lightgrey")
    for place in spread([(float(x), float(y)) for x, y in positions], _NAMED):
        name = _name(tracks.row(place, named=True))
        axes.annotate(
            shortened(name, 30), positions[place], fontsize=7, xytext=(4, 2), textcoords="offset points"
        )
    share = variances / variances.sum()
    axes.set(
        xlabel=f"first component ({share[0]:.0%} of variance)",
        ylabel=f"second component ({share[1]:.0%})",
        title=f"{len(positions):,} recordings, {len(TIMBRE)} sonic features",
    )
    axes.legend(fontsize="x-small", title=str(color), loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, target)
    return positions


def plot_playlist(curves: Mapping[str, Sequence[float | None]], target: Path, *, title: str) -> None:
    """Draw curves along a list, one below the other, with gaps where nothing is known.

    Parameters
    ----------
    curves
        A value a track, by what it is.
    target
        The PNG.
    title
        Of the picture.

    Raises
    ------
    EtlError
        If matplotlib is missing.
    """
    figure, panels = _figure(len(curves), (10, 8))
    for axes, (name, values) in zip(panels, curves.items(), strict=True):
        known = np.array([np.nan if value is None else value for value in values], np.float64)
        axes.plot(np.arange(1, len(known) + 1), known, marker=".")
        axes.set(ylabel=name, xlim=(0, len(known) + 1))
    panels[0].set_title(title)
    panels[-1].set_xlabel("track")
    _save(figure, target)


def _key_styles() -> dict[str, tuple[Any, str]]:
    """Give color and marker of each key in the order of the circle of fifths; relative keys share a color."""
    from matplotlib import colormaps  # noqa: PLC0415 -- an extra, as :func:`_figure` says where it is missing

    around = colormaps["hsv"]
    majors = {KEY_NAMES[tonic]: (around(place / 12), "o") for place, tonic in enumerate(FIFTHS)}
    minors = {
        KEY_NAMES[12 + (tonic + 9) % 12]: (around(place / 12), "x") for place, tonic in enumerate(FIFTHS)
    }
    return majors | minors


def _genre_styles(labels: pl.Series) -> dict[str, tuple[Any, str]]:
    """Give color and marker of the most frequent genres."""
    frequent = labels.value_counts(sort=True).head(_GROUPS)[labels.name].sort()
    return {label: (f"C{place % 10}", "ox"[place // 10]) for place, label in enumerate(frequent)}


def _figure(rows: int, size: tuple[float, float]) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 -- an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise missing_part("pictures need matplotlib", "plot") from error
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, squeeze=False)[:, 0]


def _save(figure: Any, target: Path) -> None:
    with atomic_file(target) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a script that the font lacks
        figure.savefig(file, format="png", dpi=110, metadata={"Software": "music-etl"})


def _envelope(signal: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest and largest sample of each of a few thousand stretches."""
    starts = np.linspace(0, len(signal), min(_POINTS, len(signal)), endpoint=False).astype(np.int64)
    return np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)


def _title(track: dict[str, Any]) -> str:
    facts = [f"{track['bpm']:.1f} bpm" if track["bpm"] else "", track["key_name"] or ""]
    return f"{_name(track)}   {'  '.join(filter(None, facts))}"


def _name(track: dict[str, Any]) -> str:
    name = " - ".join(filter(None, (track["artist"], track["title"]))) or str(track["path"])
    return name.replace("$", r"\$")  # a dollar sign would start a formula
