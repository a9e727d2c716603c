"""Tempo and metre of each file, weighed from its metas, its name and its onsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.midi.onset_kernel import grid_fits, onset_tempo
from etl.midi.time_kernel import DEFAULT_TEMPO, MOST_BEATS, SHORTEST_BEAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch

MICROSECONDS_PER_MINUTE: Final = 60_000_000
_TEMPO_META, _METRE_META = 0x51, 0x58
_TEMPO_BYTES: Final = 3
_SAME_TEMPO: Final = 0.02  # relative difference within which a tempo counts as held
_TRUSTED_ONSETS: Final = 0.1  # below this coherence the default of 120 bpm stands
_STANDARD: Final = MICROSECONDS_PER_MINUTE / DEFAULT_TEMPO

# Of songs, drum performances and game tunes with a tempo 2 % fit worse than 0.25; of the same files stretched
# by an eighth, so that their ticks mean nothing, 1 % fit better.
ON_GRID: Final = 0.5
"""Grid fit from which ticks are music: without a tempo meta the tempo is then the standard's."""
OFF_GRID: Final = 0.25
"""Grid fit below which a tempo meta is nominal: somebody played without listening to it."""
_FEWEST_ON_GRID: Final = 8
_FEWEST_OFF_GRID: Final = 48

# How far each source is trusted. A meta of 120 is what programs write unasked.
SAID: Final = 0.9
"""Confidence from which a name says a tempo, and not only holds a number."""
_NOMINAL: Final = 0.2
_AGAINST_STANDARD: Final = 0.8
_AGAINST_NAME: Final = 0.5


def tempo_columns(batch: MidiBatch, names: pl.DataFrame | None = None) -> pl.DataFrame:
    """Weigh what the metas, the names and the onsets of each file say of its tempo.

    A meta counts, unless the onsets do not keep to its beats; then it is nominal, and the tempo that is
    heard stands beside it. A name that says bpm counts before a nominal meta, before the 120 that programs
    write unasked, and where there is no meta; a lone number only there. Onsets on the grid of beats say
    nothing of how fast the beats are; others are listened to where nothing else is known.

    Parameters
    ----------
    batch
        Parsed files.
    names
        ``file``, ``name_bpm`` and ``name_bpm_confidence``, as `etl.midi.file_names` gives them.

    Returns
    -------
    DataFrame
        One row per file, in order. ``bpm``, of a meta the tempo held longest, null where damaged metas leave
        none; ``bpm_mean`` beats over minutes, ``bpm_min``, ``bpm_max``; ``bpm_source`` is meta, nominal,
        name, onsets, default (120, as the standard says) or none; ``bpm_confidence`` from 0 to 1, for a meta
        the share of the time within 2 % of ``bpm``; ``bpm_heard`` and ``bpm_heard_confidence`` where the
        onsets were listened to. Beats per minute, float64, two decimals.
    """
    count = len(batch.files)
    is_tempo = (batch.events["status"] == 0xFF) & (batch.events["kind"] == _TEMPO_META)
    is_tempo[is_tempo] = _says_something(batch, is_tempo)
    given = np.bincount(batch.events["file"][is_tempo], minlength=count) > 0
    # In SMPTE time tempos have no say.
    given &= batch.files["seconds_per_tick"] == 0
    fits = np.zeros((count, 2))
    grid_fits(batch.files, batch.notes, batch.note_offsets, fits)
    off_grid = (fits[:, 0] < OFF_GRID) & (fits[:, 1] >= _FEWEST_OFF_GRID)
    on_grid = (fits[:, 0] >= ON_GRID) & (fits[:, 1] >= _FEWEST_ON_GRID)
    onsets = np.zeros((count, 2))
    onset_tempo(batch.notes, batch.note_offsets, np.where(given, off_grid, ~on_grid), onsets)
    heard = onsets[:, 1] >= _TRUSTED_ONSETS
    if names is None:
        names = pl.DataFrame({"file": [], "name_bpm": [], "name_bpm_confidence": []}, schema=_NAMES)
    weighed = (
        pl.DataFrame(
            {
                "file": np.arange(count, dtype=np.int32),
                "given": given,
                "off_grid": off_grid,
                "bpm_heard": onsets[:, 0],
                "bpm_heard_confidence": onsets[:, 1],
            }
        )
        .join(_maps(batch), on="file", how="left", maintain_order="left")
        .join(names.select(*_NAMES), on="file", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.Series(heard)).then(pl.col("bpm_heard", "bpm_heard_confidence")).name.keep(),
        )
    )
    return _weigh(weighed).select(
        "file",
        pl.col("bpm", "bpm_mean", "bpm_min", "bpm_max").round(2),
        pl.col("bpm_confidence").round(4),
        "bpm_source",
        pl.col("bpm_heard").round(2),
        pl.col("bpm_heard_confidence").round(4),
    )


def _says_something(batch: MidiBatch, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether tempo events hold more than zeros, which programs write that know no tempo."""
    offsets = batch.events["offset"][chosen]
    bytes_of_each = batch.data[offsets[:, None] + np.arange(_TEMPO_BYTES)]
    return np.asarray(bytes_of_each.any(axis=1))


_NAMES: Final = {"file": pl.Int32, "name_bpm": pl.Float64, "name_bpm_confidence": pl.Float64}


def _weigh(rows: pl.DataFrame) -> pl.DataFrame:
    """Choose the source of each file's tempo: the first that fits."""
    name, meta, heard = pl.col("name_bpm"), pl.col("bpm"), pl.col("bpm_heard")
    said = pl.col("name_bpm_confidence") >= SAID
    usable = pl.col("given") & meta.is_not_null()
    nominal = usable & pl.col("off_grid") & ~_same(heard, meta).fill_null(value=False)
    standard = usable & (pl.col("bpm_min") == _STANDARD) & (pl.col("bpm_max") == _STANDARD)
    agrees = _same(name, meta)
    cases = [
        ("name", said & ~pl.col("given"), name, pl.col("name_bpm_confidence")),
        ("name", said & nominal & ~agrees, name, pl.col("name_bpm_confidence")),
        ("name", said & standard & ~agrees, name, pl.lit(_AGAINST_STANDARD)),
        ("nominal", nominal, meta, pl.lit(_NOMINAL)),
        ("meta", usable & said & ~agrees, meta, pl.col("bpm_confidence") * _AGAINST_NAME),
        ("meta", usable & pl.col("off_grid"), meta, pl.col("bpm_heard_confidence")),
        ("meta", usable, meta, pl.col("bpm_confidence")),
        ("name", name.is_not_null(), name, pl.col("name_bpm_confidence")),
        ("onsets", heard.is_not_null(), heard, pl.col("bpm_heard_confidence")),
        ("none", pl.col("given"), pl.lit(None, pl.Float64), pl.lit(0.0)),
        ("default", pl.lit(value=True), pl.lit(_STANDARD), pl.lit(0.0)),
    ]
    source = pl.coalesce(pl.when(fits).then(pl.lit(source)) for source, fits, _, _ in cases)
    number = pl.coalesce(pl.when(fits).then(pl.lit(at)) for at, (_, fits, _, _) in enumerate(cases))
    chosen = rows.with_columns(bpm_source=source, case=number)
    of_map = pl.col("bpm_source").is_in(["meta", "nominal"])
    tempo = pl.coalesce(pl.when(pl.col("case") == at).then(bpm) for at, (_, _, bpm, _) in enumerate(cases))
    trust = pl.coalesce(pl.when(pl.col("case") == at).then(by) for at, (_, _, _, by) in enumerate(cases))
    return chosen.with_columns(bpm=tempo, bpm_confidence=trust).with_columns(
        pl.when(of_map).then(pl.col("bpm_mean", "bpm_min", "bpm_max")).otherwise(pl.col("bpm")).name.keep()
    )


def _same(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return (one / other - 1).abs() <= _SAME_TEMPO


def _maps(batch: MidiBatch) -> pl.DataFrame:
    """Sum up the tempo maps: nothing for a file that has none but tempos no music has."""
    tempos, seconds = batch.tempos, batch.files["seconds"]
    following = np.r_[tempos["seconds"][1:], 0.0]
    closes = np.ones(len(tempos), np.bool_)
    closes[:-1] = (tempos["file"][1:] != tempos["file"][:-1]) | (tempos["track"][1:] != tempos["track"][:-1])
    held = np.where(closes, seconds[tempos["file"]], following) - tempos["seconds"]
    steps = pl.DataFrame(
        {"file": tempos["file"], "tempo": tempos["microseconds"], "held": np.maximum(held, 0.0)}
    ).filter(pl.col("tempo") >= SHORTEST_BEAT)
    steps = steps.with_columns(bpm=MICROSECONDS_PER_MINUTE / pl.col("tempo"))
    # A tempo that lasts no time does not count, unless there is no other.
    steps = steps.with_columns(counts=(pl.col("held") > 0) | (pl.col("held").max().over("file") == 0))
    main = (
        steps.filter("counts")
        .group_by("file", "tempo")
        .agg(pl.col("held").sum(), pl.col("bpm").first())
        .sort("file", "held", "tempo", descending=[False, True, False])
        .unique("file", keep="first", maintain_order=True)
        .select("file", main="bpm")
    )
    return (
        steps.filter("counts")
        .join(main, on="file")
        .group_by("file")
        .agg(
            bpm=pl.col("main").first(),
            bpm_mean=(pl.col("bpm") * pl.col("held")).sum() / pl.col("held").sum(),
            bpm_min=pl.col("bpm").min(),
            bpm_max=pl.col("bpm").max(),
            bpm_confidence=pl.col("held").filter(_same(pl.col("bpm"), pl.col("main"))).sum()
            / pl.col("held").sum(),
        )
        .with_columns(pl.col("bpm_mean").fill_nan(pl.col("bpm")), pl.col("bpm_confidence").fill_nan(1.0))
    )


def metre_columns(batch: MidiBatch, names: pl.DataFrame | None = None) -> pl.DataFrame:
    """Summarise the time signatures of each file.

    Parameters
    ----------
    batch
        Parsed files.
    names
        ``file`` and ``name_metre``, as `etl.midi.file_names` gives it; asked where no meta says anything.

    Returns
    -------
    DataFrame
        One row per file, in order: ``numerator: i16`` and ``denominator: i16`` of the signature held
        longest (4/4 where none is given), ``metre_source`` meta, name or default, ``bars: i32`` begun, null
        where a damaged time makes the file longer than any music.
    """
    count = len(batch.files)
    events = batch.events[(batch.events["status"] == 0xFF) & (batch.events["kind"] == _METRE_META)]
    division = batch.files["division"].astype(np.int64)
    given = pl.DataFrame(
        {
            "file": events["file"],
            "tick": events["tick"],
            "numerator": batch.data[events["offset"]].astype(np.int16),
            "denominator": np.left_shift(1, batch.data[events["offset"] + 1].astype(np.int16)),
        },
        schema_overrides={"denominator": pl.Int16},
    )
    has_metre = np.bincount(events["file"], minlength=count) > 0
    named = _metres_of_names(names).filter(~pl.col("file").is_in(np.flatnonzero(has_metre)))
    default = (
        pl.DataFrame({"file": np.arange(count, dtype=np.int32), "tick": np.zeros(count, np.int64)})
        .join(named, on="file", how="left", maintain_order="left")
        .with_columns(pl.col("numerator", "denominator").fill_null(4))
    )
    ends = pl.Series(batch.files["end_tick"])
    spans = (
        pl.concat([default, given])
        .sort("file", "tick", maintain_order=True)
        .unique(["file", "tick"], keep="last", maintain_order=True)
        .with_columns(held=pl.col("tick").shift(-1).over("file"))
    )
    spans = spans.with_columns(
        held=(pl.col("held").fill_null(pl.lit(ends).gather(pl.col("file"))) - pl.col("tick")).clip(0),
        bar=4
        * pl.lit(pl.Series(division)).gather(pl.col("file"))
        * pl.col("numerator")
        / pl.col("denominator"),
    )
    main = (
        spans.group_by("file", "numerator", "denominator")
        .agg(pl.col("held").sum(), pl.col("tick").max())
        .sort("file", "held", "tick", descending=[False, True, True])
        .unique("file", keep="first", maintain_order=True)
        .select("file", "numerator", "denominator")
    )
    bars = spans.group_by("file").agg(bars=(pl.col("held") / pl.col("bar")).round(6).ceil().sum())
    believable = pl.Series(batch.files["end_tick"] <= MOST_BEATS * division)
    return (
        pl.DataFrame({"file": np.arange(count, dtype=np.int32)})
        .join(main, on="file", how="left", maintain_order="left")
        .join(bars, on="file", how="left", maintain_order="left")
        .with_columns(
            metre_source=pl.when(pl.Series(has_metre))
            .then(pl.lit("meta"))
            .when(pl.col("file").is_in(named["file"].implode()))
            .then(pl.lit("name"))
            .otherwise(pl.lit("default")),
            bars=pl.when(believable).then(pl.col("bars")).cast(pl.Int32),
        )
        .select("file", "numerator", "denominator", "metre_source", "bars")
    )


def _metres_of_names(names: pl.DataFrame | None) -> pl.DataFrame:
    """Give ``file``, ``numerator`` and ``denominator`` of the names that say a metre."""
    if names is None or "name_metre" not in names.columns:
        return pl.DataFrame(schema={"file": pl.Int32, "numerator": pl.Int16, "denominator": pl.Int16})
    parts = pl.col("name_metre").str.split("/").list
    return names.filter(pl.col("name_metre").is_not_null()).select(
        "file",
        numerator=parts.get(0, null_on_oob=True).cast(pl.Int16),
        denominator=parts.get(1, null_on_oob=True).cast(pl.Int16),
    )
