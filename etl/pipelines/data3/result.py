"""What a data3 build did: counted as it goes, and told at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from etl.runtime.errors import EtlError
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.pipelines.data3.identity import Recognized
    from etl.pipelines.data3.notations import NotationUse
    from etl.store.quality import Quality
    from etl.store.scope import Overlap

_EXAMPLES: Final = 5

_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "encoding": "Convert it, for example: iconv -f cp1252 -t utf-8 {name} > converted.csv. ",
        "binary value": "Write the column as text. ",
        "field count": "Each row must have as many fields as the header; those with commas need quotes. ",
        "missing id": "Leave the column of ids out: the number of the row is the id of songs without one. ",
    }
)
"""What to do about rejects, by their category."""


@dataclass(frozen=True)
class BuildResult:
    """What a build did.

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
    notations
        What the inputs are spelled in, and how much of it could be read.
    is_stored
        Whether the harmony was taken from the store.
    kept, unread
        Columns of the inputs that are not known by name and were kept in the store, and those that were not
        read.
    sources
        Inputs, as the store knows them, each content once.
    recognized
        Inputs whose content is known from elsewhere.
    empty
        Inputs that gave no song.
    output, npz, database
        What was written; None for what was not asked for.
    rejects_file
        Where the rejects are if there is no store and there are some.
    seconds
        Wall time.
    stage_seconds
        Seconds by stage; those of several threads add up.
    cpu_use, analysis_cpu_use
        Average share of all cores in use, 0-1: over the whole run, and while blocks were analyzed (0 if none
        was).
    quality
        The quality of what was stored, or None if nothing was.
    overlaps
        Other sources of the store that have ids of what was analyzed.
    """

    records: int
    songs: int
    rejected: int
    chords: int
    unknown: int
    keys: dict[str, int]
    examples: tuple[dict[str, Any], ...]
    notations: tuple[NotationUse, ...]
    is_stored: bool
    kept: tuple[str, ...]
    unread: tuple[str, ...]
    sources: tuple[str, ...]
    recognized: tuple[Recognized, ...]
    empty: tuple[str, ...]
    output: Path
    npz: Path | None
    database: Path | None
    rejects_file: Path | None
    seconds: float
    stage_seconds: dict[str, float]
    cpu_use: float
    analysis_cpu_use: float
    quality: Quality | None
    overlaps: tuple[Overlap, ...]


@dataclass
class Tally:
    """Counts of a build as it goes; the names are those of :class:`BuildResult`."""

    records: int = 0
    songs: int = 0
    rejected: int = 0
    chords: int = 0
    unknown: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    by_source: dict[str, int] = field(default_factory=dict)

    def count(self, records: int, songs: pl.DataFrame, rejects: pl.DataFrame, source: str) -> None:
        """Count a batch of a source; ``songs`` needs ``n_chords``, ``n_unknown`` and ``key_name``."""
        self.by_source[source] = self.by_source.get(source, 0) + songs.height
        self.records += records
        self.songs += songs.height
        n_chords, n_unknown = songs.select(pl.col("n_chords", "n_unknown").cast(pl.Int64).sum()).row(0)
        self.chords += n_chords + n_unknown
        self.unknown += n_unknown
        for name, number in songs["key_name"].value_counts().iter_rows():
            self.keys[name] = self.keys.get(name, 0) + number
        self._refuse(rejects)

    def count_rejects(self, rejects: pl.DataFrame) -> None:
        """Count refused rows that no batch has counted."""
        self.records += rejects.height
        self._refuse(rejects)

    def _refuse(self, rejects: pl.DataFrame) -> None:
        self.rejected += rejects.height
        if rejects.height and len(self.examples) < _EXAMPLES:
            self.examples += rejects.head(_EXAMPLES - len(self.examples)).to_dicts()

    def check(self) -> None:
        """Make sure that no row was lost.

        Raises
        ------
        EtlError
            If one was.
        """
        if self.records != self.songs + self.rejected:
            raise EtlError(
                f"{number_of(self.records, 'row')} in, {self.songs:,} out and {self.rejected:,} rejected.",
                "This is a fault of music-etl; nothing was written. Please report it with the input file.",
            )

    def empty(self, sources: Sequence[str], *, limit: int | None) -> tuple[str, ...]:
        """Name the sources that gave no song; with a limit, only those that it let be read."""
        return tuple(
            name
            for name in sources
            if not self.by_source.get(name, 0) and (limit is None or name in self.by_source)
        )

    def check_yield(self, sources: Sequence[str]) -> None:
        """Make sure that there are songs at all.

        Raises
        ------
        EtlError
            If there is none.
        """
        if self.songs:
            return
        name = sources[0] if len(sources) == 1 else f"these {len(sources)} inputs"
        if not self.records:
            raise EtlError(f"there are no rows in {name}.", "Nothing was written.")
        first = self.examples[0]
        hint = _REMEDIES.get(first["category"], "").format(name=first["source"])
        which = "the only row" if self.records == 1 else f"all {self.records:,} rows"
        raise EtlError(
            f"{which} of {name} had to be rejected; in line {first['line']:,}: {first['reason']}.",
            f"{hint}Nothing was written.",
        )
