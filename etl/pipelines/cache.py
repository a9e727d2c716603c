"""What is kept so as not to be done again: answers of web services, and sonic descriptions.

What they hold, what of it to delete, and whether it is sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etl.pipelines.cache_kind import CacheKind
from etl.runtime.disk.hashing import content_hash
from etl.services.catalog import ASKED, kept_kinds
from etl.sources.audio.payload import audio_payload
from etl.store import answers
from etl.store.database import transaction
from etl.store.descriptions import clear_descriptions, described_files, descriptions_info

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class FileProblem:
    """A described file that is not what was described.

    Attributes
    ----------
    path
        The file.
    error
        Why it cannot be read; None if it can, and its content has changed.
    """

    path: Path
    error: str | None


@dataclass(frozen=True)
class CacheProblems:
    """What of a cache cannot be relied upon.

    Attributes
    ----------
    answers
        Answers of web services.
    files
        Files of described recordings.
    """

    answers: tuple[answers.AnswerProblem, ...]
    files: tuple[FileProblem, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.answers) + len(self.files)


def _services(kind: CacheKind) -> tuple[str, ...]:
    return ASKED if kind is CacheKind.ALL else (kind.value,)


def refresh_answers(connection: duckdb.DuckDBPyConnection, *, older_than_days: float) -> int:
    """Mark old answers of all services, and all errors, for another request; give how many."""
    return sum(
        answers.refresh_cache(connection, name, kept_kinds(name), older_than_days=older_than_days)
        for name in ASKED
    )


def forget_batches(connection: duckdb.DuckDBPyConnection) -> int:
    """Have services tried with several ids per request that were refused them; say how many."""
    with transaction(connection):
        return answers.forget_batches(connection)


def cache_info(
    connection: duckdb.DuckDBPyConnection, kind: CacheKind, *, older_than_days: float = 0.0
) -> pl.DataFrame:
    """Count what is kept for so many days or longer.

    Returns
    -------
    DataFrame
        ``kind``, ``status``, ``reason`` (of descriptions: version and mode, and whether any file needs
        them), ``ids``, ``oldest``, ``newest``; most first within a kind.
    """
    parts = []
    if kind is not CacheKind.AUDIO:
        parts += [
            answers.cache_info(connection, name, kept_kinds(name), older_than_days=older_than_days)
            for name in _services(kind)
        ]
    if kind in {CacheKind.ALL, CacheKind.AUDIO}:
        parts.append(descriptions_info(connection, older_than_days=older_than_days))
    return pl.concat(parts)


def clear_cache(
    connection: duckdb.DuckDBPyConnection,
    kind: CacheKind,
    *,
    older_than_days: float = 0.0,
    unused: bool = False,
) -> int:
    """Delete answers and descriptions; give how many.

    Parameters
    ----------
    connection
        The store, open for writing.
    kind
        Which.
    older_than_days
        Only those made so many days ago or earlier.
    unused
        Only descriptions that no file needs that is there, or was there in the last 30 days, or that a newer
        version of the features replaces.
    """
    count = 0
    with transaction(connection):
        if kind is not CacheKind.AUDIO and not unused:
            count += sum(
                answers.clear_cache(connection, name, kept_kinds(name), older_than_days=older_than_days)
                for name in _services(kind)
            )
        if kind in {CacheKind.ALL, CacheKind.AUDIO}:
            count += clear_descriptions(connection, older_than_days=older_than_days, unused=unused)
    return count


def verify_cache(
    connection: duckdb.DuckDBPyConnection, kind: CacheKind, *, older_than_days: float = 0.0
) -> CacheProblems:
    """Find what cannot be relied upon of what has been kept for so many days or longer.

    Answers: found ones without a name, and ids of the wrong form. Descriptions: every described file is read
    again; named are those whose content changed while size and time did not.
    """
    wrong: list[answers.AnswerProblem] = []
    if kind is not CacheKind.AUDIO:
        for name in _services(kind):
            wrong += answers.verify_cache(connection, name, kept_kinds(name), older_than_days=older_than_days)
    files = []
    if kind in {CacheKind.ALL, CacheKind.AUDIO}:
        for path, known, is_sound in described_files(connection, older_than_days=older_than_days):
            try:
                if (audio_payload(path).hash if is_sound else content_hash(path)) != known:
                    files.append(FileProblem(Path(path), None))
            except OSError as error:
                files.append(FileProblem(Path(path), error.strerror or str(error)))
    return CacheProblems(tuple(wrong), tuple(files))
