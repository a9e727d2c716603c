"""What a data3 build did, counted as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.runtime.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

    from etl.store.quality import Quality

_EXAMPLES: Final = 5


@dataclass
class Summary:
    """Counts and times of a build.

    Attributes
    ----------
    records, songs, rejected
        Rows in, rows out, and rows refused; the first is the sum of the others.
    chords, unknown
        Chord tokens in all, and those of them that are no chord symbol.
    keys
        Songs by key name.
    examples
        The first few rejects.
    rejects_file
        Where the rejects are if there is no store.
    meter
        Seconds by stage.
    analysis_cpu_use
        Share of all cores in use while blocks were analysed, 0-1.
    is_stored
        Whether the harmony was taken from the store.
    unread
        Columns of the inputs that were not read.
    quality
        The quality of what was stored, or None if nothing was.
    """

    records: int = 0
    songs: int = 0
    rejected: int = 0
    chords: int = 0
    unknown: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    rejects_file: Path | None = None
    meter: Meter = field(default_factory=Meter)
    analysis_cpu_use: float = 0.0
    is_stored: bool = False
    unread: tuple[str, ...] = ()
    quality: Quality | None = None

    def count(self, records: int, songs: pl.DataFrame, rejects: pl.DataFrame) -> None:
        """Count a batch; ``songs`` needs ``n_chords``, ``n_unknown`` and ``key_name``."""
        self.records += records
        self.songs += songs.height
        n_chords, n_unknown = songs.select(pl.col("n_chords", "n_unknown").cast(pl.Int64).sum()).row(0)
        self.chords += n_chords + n_unknown
        self.unknown += n_unknown
        for name, number in songs["key_name"].value_counts().iter_rows():
            self.keys[name] = self.keys.get(name, 0) + number
        self._show(rejects)

    def add_rejects(self, rejects: pl.DataFrame) -> None:
        """Count refused rows that no batch has counted."""
        self.records += rejects.height
        self._show(rejects)

    def _show(self, rejects: pl.DataFrame) -> None:
        self.rejected += rejects.height
        if rejects.height and len(self.examples) < _EXAMPLES:
            self.examples += rejects.head(_EXAMPLES - len(self.examples)).to_dicts()
