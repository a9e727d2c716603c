"""Check a store: its tables against one another, and songs analyzed again against what it has of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from etl.chords.analysis import analyze
from etl.chords.categories import CATEGORIES, OTHER, category
from etl.chords.glossary import Glossary
from etl.chords.keys import GIVEN_POSTERIOR
from etl.chords.notations import Notation
from etl.chords.numerals import UNKNOWN_NUMERAL, parse_numeral
from etl.chords.ragged import Ragged
from etl.pipelines.data3.request import has_given_keys, has_section_keys, key_method_of
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.watch.compilation import compilation_told
from etl.runtime.watch.progress import Stage, Watch
from etl.store.analyzed_songs import analyzed_songs, lexicon_tables, stored_builds
from etl.store.database import read_store
from etl.store.integrity import COMPLETE, Finding, check_tables
from etl.store.lexicon import load_lexicon

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from etl.runtime.watch.progress import Renderer

SAMPLE: Final = 5_000
"""Songs that are analyzed again where not all are wanted, spread evenly over the store."""

TABLES_STAGE, SONGS_STAGE = Stage("check tables", "checks"), Stage("analyze again", "songs")

_SECTION_COLUMNS: Final = ("section_keys", "section_key_starts", "section_key_confidences")

GROUPS: Final = {
    "tokens are those of the chord strings": ("chord_ids", "section_starts", "section_ids"),
    "keys are those of the chords": (
        *("key", "key_name", "key_confidence", "key_runner_up", "key_posterior", "key_basis"),
    ),
    "numerals are those of the chords in their keys": ("numeral_ids",),
    "counts and profiles are those of the chords and numerals": (
        *("n_chords", "n_unknown", "n_sections", "distinct_chords", "chord_entropy_bits"),
        *("pitch_class_profile", "fingerprint_mean", "category_counts"),
    ),
    "keys of sections are those of their chords": _SECTION_COLUMNS,
}
"""Columns that follow from the chord strings, by what is said of them."""

SYMBOLS: Final = "chord symbols mean what they spell"
NUMERALS: Final = "numerals can be read and have their category"
SECTIONS: Final = "section tags are their name and number"

_TOLERANCE: Final = 1e-4  # of float32 that sum over many chords


@dataclass
class _Compared:
    """Songs of one group of columns that differ from a new analysis."""

    violations: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


def check(
    database: Path,
    *,
    sample: int | None = SAMPLE,
    examples: int = 3,
    renderers: Sequence[Renderer] = (),
    limits: Limits = LIMITS,
) -> list[Finding]:
    """Check a store.

    Parameters
    ----------
    database
        The store.
    sample
        About how many songs to analyze again; None for all.
    examples
        Violations to show of each check.
    renderers
        Where the run is shown.
    limits
        How long to wait for the store.

    Raises
    ------
    EtlError
        If there is no store, it is in use, or damaged.
    """
    with (
        Watch("etl db check", [TABLES_STAGE, SONGS_STAGE], renderers) as watch,
        compilation_told(watch),
        read_store(database, limits=limits) as connection,
    ):
        findings = []
        for finding in check_tables(connection, examples=examples):
            findings.append(finding)
            watch.advance(TABLES_STAGE.name, done=1, errors=bool(finding.violations))
        if any(finding.check == COMPLETE and finding.violations for finding in findings):
            return findings
        findings += check_lexicon(connection, examples)
        return findings + check_songs(connection, watch, examples, sample)


def check_lexicon(connection: duckdb.DuckDBPyConnection, examples: int) -> list[Finding]:
    """Compare what symbols, numerals and tags mean with what their text says."""
    tables = lexicon_tables(connection)
    chords, numerals, sections = tables["chord_symbols"], tables["numerals"], tables["sections"]
    lexicon = load_lexicon(connection)
    wrong = {
        SYMBOLS: chords.filter(_differ(chords, lexicon.chord_table(), chords.columns)),
        NUMERALS: numerals.filter(
            pl.Series([not _is_numeral(*row) for row in numerals.select("numeral", "category").iter_rows()])
            if numerals.height
            else pl.lit(value=False)
        ),
        SECTIONS: sections.filter(_differ(sections, lexicon.section_table(), sections.columns)),
    }
    return [
        Finding(name, rows.height, tuple(rows.head(examples).select(rows.columns[:3]).to_dicts()))
        for name, rows in wrong.items()
    ]


def _is_numeral(text: str, name: str) -> bool:
    if text == UNKNOWN_NUMERAL:
        return name == CATEGORIES[OTHER]
    try:
        parse_numeral(text)
    except ValueError:
        return False
    return any(name == CATEGORIES[category(text, minor=minor)] for minor in (False, True))


def check_songs(
    connection: duckdb.DuckDBPyConnection, watch: Watch, examples: int, sample: int | None
) -> list[Finding]:
    """Analyze songs again and compare all columns that follow from their chords."""
    builds = stored_builds(connection)
    songs = sum(build.songs for build in builds)
    every = max(-(-songs // (sample or songs or 1)), 1)
    lexicon = load_lexicon(connection)
    glossaries = {notation: Glossary(notation) for notation in Notation}
    compared = {name: _Compared() for name in GROUPS}
    computed = 0
    watch.total(SONGS_STAGE.name, songs // every)
    for build in builds:
        method = key_method_of(build.version)
        if method is None:  # another version of the analysis may give other results
            continue
        is_given = has_given_keys(build.version) & (pl.col("key_basis") == "given")
        given = pl.when(is_given).then("key_posterior").alias(GIVEN_POSTERIOR)
        for stored in analyzed_songs(connection, build.source_id, every=every):
            harmony = analyze(
                stored.select("chords", given),
                method=method,
                glossary=glossaries[Notation(build.notation)],
                section_keys=has_section_keys(build.version),
            )
            again = lexicon.encode(harmony)
            for name, columns in GROUPS.items():
                if set(columns) <= set(again.columns):
                    _compare(compared[name], stored, again, columns, examples)
            computed += stored.height
            watch.advance(SONGS_STAGE.name, done=stored.height)
    return [
        Finding(name, each.violations, tuple(each.examples), computed=computed, songs=songs)
        for name, each in compared.items()
    ]


def _compare(
    compared: _Compared, stored: pl.DataFrame, again: pl.DataFrame, columns: Sequence[str], examples: int
) -> None:
    """Count the songs that differ in any of some columns; the first such column is an example."""
    differ = _differ(stored, again, columns)
    compared.violations += int(differ.sum())
    for at in np.flatnonzero(differ)[: max(examples - len(compared.examples), 0)].tolist():
        column = next(name for name in columns if _differ(stored[at : at + 1], again[at : at + 1], [name])[0])
        compared.examples.append({"song_id": stored["song_id"][at], "column": column})


def _differ(stored: pl.DataFrame, again: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Whether rows differ in any of some columns, beyond what rounding may do."""
    differ = np.zeros(stored.height, np.bool_)
    for name in columns:
        differ |= _column_differs(stored[name], again[name])
    return pl.Series(differ)


def _column_differs(stored: pl.Series, again: pl.Series) -> NDArray[np.bool_]:
    stored = stored.cast(again.dtype)
    inner = getattr(again.dtype, "inner", again.dtype)
    if not inner.is_float():
        return ~stored.eq_missing(again).to_numpy()
    lists = [
        (series if series.dtype.is_nested() else series.reshape((-1, 1)))
        .cast(pl.List(pl.Float64))
        .fill_null([])
        for series in (stored, again)
    ]
    lengths = [each.list.len().to_numpy() for each in lists]
    differs: NDArray[np.bool_] = lengths[0] != lengths[1]
    comparable = pl.Series(~differs)
    row = np.repeat(np.flatnonzero(comparable), lengths[0][~differs])
    found, due = (Ragged.from_series(each.filter(comparable)).values for each in lists)
    differs[row[~np.isclose(found, due, rtol=0, atol=_TOLERANCE)]] = True
    return differs
