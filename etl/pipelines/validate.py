"""Check a file against its schema: read it in blocks, count broken rules, keep the bad rows in a file."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.glossary import Glossary
from etl.chords.notations import Notation
from etl.exports.data3 import COLUMNS
from etl.pipelines.data3.agreement import AGREEMENT, first_differences, with_agreement
from etl.runtime.disk.files import atomic_file
from etl.runtime.disk.targets import check_writable
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.rejects import REJECT_SCHEMA, check_rejects_file, remove_rejects_file
from etl.runtime.watch.compilation import compilation_told
from etl.runtime.watch.progress import Stage, Watch
from etl.runtime.work.crew import CrewKind, crew
from etl.sources.chords.block_size import BlockSize
from etl.sources.chords.blocks import Block, read_blocks
from etl.sources.chords.files import Source, open_source
from etl.sources.chords.rows import parse_records
from etl.sources.chords.streams import is_pipe, readable, source_name
from etl.store.kept_files import check_outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from etl.runtime.table_schema import Rule, TableSchema
    from etl.runtime.watch.progress import Renderer

_EXAMPLES: Final = 3
_RAW_SHOWN: Final = 500  # characters of a bad value that are kept
_STAGE: Final = Stage("check", "rows")
_COMPARED: Final = {"roman_numerals.follow_chords", "harmonic_fingerprint.follows_chords"}


@dataclass(frozen=True)
class BadValue:
    """A value that breaks a rule.

    Attributes
    ----------
    line
        Where in the file, from 1; None if it has no line.
    value
        The value, or the start of a long one.
    """

    line: int | None
    value: str


@dataclass(frozen=True)
class BrokenRule:
    """A rule that some rows break.

    Attributes
    ----------
    rule
        Its name, such as ``decade.pattern``; or why a row could not be read.
    rows
        How many break it.
    examples
        The first few bad values.
    """

    rule: str
    rows: int
    examples: tuple[BadValue, ...]


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes
    ----------
    file, schema
        What was checked, and by which schema.
    rows, bad
        Rows in all, and those that break a rule or cannot be read.
    broken
        The rules that are broken, by falling number of rows.
    rejects_file
        Where the bad rows are, None if there are none.
    """

    file: Path
    schema: str
    rows: int
    bad: int
    broken: tuple[BrokenRule, ...]
    rejects_file: Path | None


@dataclass
class _Tally:
    """Bad rows so far, counts and examples by broken rule."""

    bad: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[BadValue]] = field(default_factory=dict)

    def add(self, rejects: pl.DataFrame) -> None:
        """Count rejects, one row for each broken rule of each row."""
        self.bad += rejects["line"].n_unique()
        for (rule,), rows in rejects.group_by("category", maintain_order=True):
            name = str(rule)
            self.counts[name] += rows.height
            shown = self.examples.setdefault(name, [])
            for line, raw in rows.select("line", "raw").head(_EXAMPLES - len(shown)).iter_rows():
                shown.append(BadValue(line, raw or ""))

    def broken(self) -> tuple[BrokenRule, ...]:
        """List the broken rules, those of the most rows first."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(BrokenRule(rule, rows, tuple(self.examples[rule])) for rule, rows in ranked)


@dataclass(frozen=True)
class Check:
    """What every block is checked by.

    Attributes
    ----------
    schema
        What rows should be.
    glossaries
        What the run has learnt about the tokens of each notation.
    """

    schema: TableSchema
    glossaries: Mapping[Notation, Glossary] = field(
        default_factory=lambda: {notation: Glossary(notation) for notation in Notation}
    )

    @property
    def is_data3(self) -> bool:
        """Whether the columns follow from one another, so that they can be computed again."""
        return self.schema.fields == COLUMNS


@dataclass(frozen=True)
class CheckedBlock:
    """A block's rows, judged each by itself.

    Attributes
    ----------
    records
        Rows in it.
    unique
        ``line`` and the columns that must differ from row to row.
    rejects
        One row for each broken rule of each row.
    """

    records: int
    unique: pl.DataFrame
    rejects: pl.DataFrame


def validate(
    path: Path,
    schema: TableSchema,
    rejects_file: Path,
    *,
    chosen: Mapping[str, str] | None = None,
    workers: int,
    renderers: Sequence[Renderer] = (),
    limits: Limits = LIMITS,
) -> Report:
    """Check a file of any format that chord songs are read from.

    Parameters
    ----------
    path
        The file; ``-`` is standard input.
    schema
        What it should be.
    rejects_file
        Where to write the bad rows; if there are none, those of an earlier check are removed.
    chosen
        Headers of the file by the names of the schema, where they differ.
    workers
        Threads that check.
    renderers
        Where the run is shown.
    limits
        Sizes of blocks; the report does not depend on them.

    Raises
    ------
    EtlError
        If the file cannot be read at all, or has the wrong columns; or if ``rejects_file`` is a file of
        others.
    """
    read = [] if is_pipe(path) else [path]
    check_outputs([rejects_file], inputs=[*read, *([schema.file] if schema.file else [])])
    tally, records = _Tally(), 0
    seen: dict[tuple[str, ...], set[str]] = {key: set() for key in schema.unique}
    size = BlockSize(limits, in_flight=workers + 2, untimed=workers)
    with ExitStack() as stack:
        file = stack.enter_context(readable(path))
        source = _open(file, source_name(path), schema, chosen or {})
        check_writable(rejects_file)
        check_rejects_file(rejects_file)
        watch = stack.enter_context(Watch("etl validate", [_STAGE], renderers))
        stack.enter_context(compilation_told(watch))
        watch.total(_STAGE.name, work=source.size_bytes)
        members = stack.enter_context(crew(workers=workers, kind=CrewKind.THREADS))
        output = None
        blocks = read_blocks([source], size, limits)
        job = f"{__name__}:check_block"
        for outcome in members.map(job, blocks, in_flight=workers + 2, shared=Check(schema)):
            block, checked = outcome.item, outcome.unwrap()
            size.took(block.size, outcome.seconds)
            rejects = pl.concat([checked.rejects, *_repeats(block.source, checked, seen)])
            records += checked.records
            if rejects.height:
                rejects = rejects.sort("line", maintain_order=True)
                if output is None:
                    output = stack.enter_context(atomic_file(rejects_file))
                    output.write(rejects.clear().write_csv().encode())
                output.write(rejects.write_csv(include_header=False).encode())
                tally.add(rejects)
            watch.advance(_STAGE.name, done=checked.records, work=block.bytes_read)
    if not tally.bad:
        remove_rejects_file(rejects_file)
    return Report(path, schema.name, records, tally.bad, tally.broken(), rejects_file if tally.bad else None)


def _open(file: Path, name: str, schema: TableSchema, chosen: Mapping[str, str]) -> Source:
    """Look at the file, and make sure that it has the columns of the schema."""
    names = {header: field for field, header in chosen.items()}
    columns = tuple(names.get(column, column) for column in open_source(file, (), name=name).columns)
    problem = schema.header_problem(columns)
    if problem:
        raise EtlError(
            f"{name} {problem}.",
            f"The schema {schema.name} has the columns: {', '.join(schema.fields)}.",
            exit_code=ExitCode.BAD_DATA,
        )
    wanted = [field for field in schema.fields if field in columns]
    return open_source(file, wanted, chosen=chosen, name=name)


def check_block(block: Block, check: Check) -> CheckedBlock:
    """Check a block's rows."""
    rows = parse_records(block)
    songs = with_agreement(rows.songs, check.glossaries) if check.is_data3 else rows.songs
    _, failures = check.schema.filter(songs, AGREEMENT)
    broken = failures.rows
    found = [rows.rejects]
    if broken.height:
        by_name = {rule.name: rule for rule in (*check.schema.rules, *AGREEMENT)}
        found += [
            _rejects(block.source, broken.filter(pl.col("broken").list.contains(name)), by_name[name])
            for name in failures.counts()
        ]
    keys = sorted({name for key in check.schema.unique for name in key if name in block.source.wanted})
    return CheckedBlock(rows.records, rows.songs.select(*keys, "line"), pl.concat(found))


def _rejects(source: Source, rows: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    if rule.name in _COMPARED:
        raw = pl.lit(first_differences(rows, str(rule.field)))
    else:
        shown = [rule.field] if rule.field else rule.holds.meta.root_names()
        raw = pl.concat_str(pl.col(dict.fromkeys(shown)).fill_null(""), separator=" | ")
    return _reject_frame(source, rows, rule.name, rule.description, raw)


def _reject_frame(
    source: Source, rows: pl.DataFrame, category: str, reason: str, raw: pl.Expr
) -> pl.DataFrame:
    return rows.select(
        source=pl.lit(source.name),
        line="line",
        stage=pl.lit("validate"),
        category=pl.lit(category),
        reason=pl.lit(reason),
        raw=raw.str.slice(0, _RAW_SHOWN),
    ).match_to_schema(pl.Schema(REJECT_SCHEMA))


def _repeats(
    source: Source, checked: CheckedBlock, seen: dict[tuple[str, ...], set[str]]
) -> list[pl.DataFrame]:
    """Rows whose key an earlier row of the file has; a key with an empty part is no key."""
    found = []
    for key, values in seen.items():
        if not set(key) <= set(checked.unique.columns):
            continue
        text = pl.concat_str(pl.col(key), separator="\x1f").alias("key")
        keyed = checked.unique.select("line", text).drop_nulls("key")
        keys = keyed["key"].to_list()
        known = values.intersection(keys)
        is_repeat = ~keyed["key"].is_first_distinct()
        if known:
            is_repeat |= keyed["key"].is_in(list(known))
        values.update(keys)
        if is_repeat.any():
            name = ", ".join(key)
            found.append(
                _reject_frame(
                    source,
                    keyed.filter(is_repeat),
                    f"{name}.unique",
                    f"`{name}` differs from that of every earlier row",
                    pl.col("key").str.replace_all("\x1f", ", ", literal=True),
                )
            )
    return found
