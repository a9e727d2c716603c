"""Tempo and metre of each file: from its metas, or else from its onsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.midi.onset_kernel import onset_tempo

if TYPE_CHECKING:
    from etl.midi.arrays import MidiBatch

MICROSECONDS_PER_MINUTE: Final = 60_000_000
_TEMPO_META, _METRE_META = 0x51, 0x58
_SAME_TEMPO: Final = 0.02  # relative difference within which a tempo counts as held
_MOST_BARS: Final = 2**31 - 1  # a damaged delta time can make more
_TRUSTED_ONSETS: Final = 0.1  # below this coherence the default of 120 bpm stands


def tempo_columns(batch: MidiBatch) -> pl.DataFrame:
    """Summarise the tempo map of each file.

    Returns
    -------
    DataFrame
        One row per file, in order. ``bpm`` is the tempo held longest, ``bpm_mean`` beats over minutes,
        ``bpm_min``, ``bpm_max``; ``bpm_confidence`` the share of the time within 2 % of ``bpm``, or the
        coherence of the onsets; ``bpm_source`` is meta, onsets or default (120, as the standard says).
        Beats per minute, float64, two decimals.
    """
    count = len(batch.files)
    tempos, seconds = batch.tempos, batch.files["seconds"]
    following = np.r_[tempos["seconds"][1:], 0.0]
    closes = np.ones(len(tempos), np.bool_)
    closes[:-1] = (tempos["file"][1:] != tempos["file"][:-1]) | (tempos["track"][1:] != tempos["track"][:-1])
    held = np.where(closes, seconds[tempos["file"]], following) - tempos["seconds"]
    steps = pl.DataFrame(
        {"file": tempos["file"], "tempo": tempos["microseconds"], "held": np.maximum(held, 0.0)}
    ).with_columns(bpm=MICROSECONDS_PER_MINUTE / pl.col("tempo"))
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
    same = (pl.col("bpm") / pl.col("main") - 1).abs() <= _SAME_TEMPO
    summary = (
        steps.filter("counts")
        .join(main, on="file")
        .group_by("file")
        .agg(
            bpm=pl.col("main").first(),
            bpm_mean=(pl.col("bpm") * pl.col("held")).sum() / pl.col("held").sum(),
            bpm_min=pl.col("bpm").min(),
            bpm_max=pl.col("bpm").max(),
            bpm_confidence=pl.col("held").filter(same).sum() / pl.col("held").sum(),
        )
        .with_columns(pl.col("bpm_mean").fill_nan(pl.col("bpm")), pl.col("bpm_confidence").fill_nan(1.0))
    )
    is_tempo = (batch.events["status"] == 0xFF) & (batch.events["kind"] == _TEMPO_META)
    # In SMPTE time tempos have no say.
    given = np.bincount(batch.events["file"][is_tempo], minlength=count) > 0
    given &= batch.files["seconds_per_tick"] == 0
    onsets = np.zeros((count, 2))
    onset_tempo(batch.notes, batch.note_offsets, ~given, onsets)
    heard = onsets[:, 1] >= _TRUSTED_ONSETS
    estimated = pl.Series(heard & ~given)
    return (
        pl.DataFrame({"file": np.arange(count, dtype=np.int32)})
        .join(summary, on="file", how="left", maintain_order="left")
        .with_columns(
            bpm_source=pl.when(pl.Series(given))
            .then(pl.lit("meta"))
            .when(estimated)
            .then(pl.lit("onsets"))
            .otherwise(pl.lit("default")),
            bpm_confidence=pl.when(pl.Series(given))
            .then(pl.col("bpm_confidence"))
            .otherwise(pl.Series(np.where(heard, onsets[:, 1], 0.0))),
            **{
                name: pl.when(estimated).then(pl.Series(onsets[:, 0])).otherwise(pl.col(name))
                for name in ("bpm", "bpm_mean", "bpm_min", "bpm_max")
            },
        )
        .with_columns(
            pl.col("bpm", "bpm_mean", "bpm_min", "bpm_max").round(2), pl.col("bpm_confidence").round(4)
        )
    )


def metre_columns(batch: MidiBatch) -> pl.DataFrame:
    """Summarise the time signatures of each file.

    Returns
    -------
    DataFrame
        One row per file, in order: ``numerator: i16`` and ``denominator: i16`` of the signature held
        longest (4/4 where none is given), ``metre_source`` meta or default, ``bars: i32`` begun.
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
    default = pl.DataFrame(
        {"file": np.arange(count, dtype=np.int32), "tick": np.zeros(count, np.int64)}
    ).with_columns(numerator=pl.lit(4, pl.Int16), denominator=pl.lit(4, pl.Int16))
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
    bars = spans.group_by("file").agg(
        bars=(pl.col("held") / pl.col("bar"))
        .round(6)
        .ceil()
        .sum()
        .clip(upper_bound=_MOST_BARS)
        .cast(pl.Int32)
    )
    has_metre = np.bincount(events["file"], minlength=count) > 0
    return (
        pl.DataFrame({"file": np.arange(count, dtype=np.int32)})
        .join(main, on="file", how="left", maintain_order="left")
        .join(bars, on="file", how="left", maintain_order="left")
        .with_columns(
            metre_source=pl.when(pl.Series(has_metre)).then(pl.lit("meta")).otherwise(pl.lit("default"))
        )
        .select("file", "numerator", "denominator", "metre_source", "bars")
    )
