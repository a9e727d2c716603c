"""Checks that the tables of a store agree with one another."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

CHECKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "each song has one row of harmony and one of tokens": """
            SELECT song_id, n_harmony, n_tokens
            FROM (SELECT song_id, count(*) AS n_songs FROM songs GROUP BY song_id)
            FULL JOIN (SELECT song_id, count(*) AS n_harmony FROM song_harmony GROUP BY ALL) USING (song_id)
            FULL JOIN (SELECT song_id, count(*) AS n_tokens FROM song_tokens GROUP BY ALL) USING (song_id)
            WHERE (n_songs, n_harmony, n_tokens) IS DISTINCT FROM (1, 1, 1)
        """,
        "no two songs of a source have the same id": """
            SELECT source_id, id, count(*) AS songs
            FROM songs GROUP BY source_id, id HAVING count(*) > 1
        """,
        "each source has the songs that it counts": """
            SELECT source_id, counted, found
            FROM (SELECT source_id, songs AS counted FROM sources)
            FULL JOIN (SELECT source_id, count(*) AS found FROM songs GROUP BY source_id) USING (source_id)
            WHERE counted IS NULL OR counted <> coalesce(found, 0)
        """,
        "rows in are songs and rejects": """
            SELECT path, rows_in, songs, coalesce(refused, 0) AS rejects
            FROM sources
            LEFT JOIN (SELECT run_id, source AS path, count(*) AS refused FROM rejects GROUP BY ALL)
                USING (run_id, path)
            WHERE rows_in <> songs + coalesce(refused, 0)
        """,
        "each chord token is a known chord or an unknown one, and has a numeral": """
            SELECT song_id, len(chord_ids) AS chords, len(numeral_ids) AS numerals, n_chords, n_unknown
            FROM song_tokens JOIN song_harmony USING (song_id)
            WHERE len(chord_ids) <> n_chords + n_unknown OR len(numeral_ids) <> len(chord_ids)
        """,
        "unknown chords are the tokens that are not chord symbols": """
            SELECT song_id, n_unknown, coalesce(found, 0) AS found
            FROM song_harmony
            LEFT JOIN (
                SELECT song_id, count(*) AS found
                FROM (SELECT song_id, unnest(chord_ids) AS chord_id FROM song_tokens)
                JOIN chord_symbols USING (chord_id)
                WHERE NOT is_known
                GROUP BY song_id
            ) USING (song_id)
            WHERE n_unknown <> coalesce(found, 0)
        """,
        "the categories of a song add up to its chord tokens (unknown ones are in `Other`)": """
            SELECT song_id, n_chords + n_unknown AS chord_tokens,
                list_sum(category_counts::UINTEGER[])::BIGINT AS in_categories
            FROM song_harmony WHERE list_sum(category_counts::UINTEGER[]) <> n_chords + n_unknown
        """,
        "sections start in order, within the song": """
            SELECT song_id, n_sections, section_starts
            FROM song_tokens JOIN song_harmony USING (song_id)
            WHERE len(section_starts) <> n_sections OR len(section_ids) <> n_sections
                OR section_starts <> list_sort(section_starts)
                OR section_starts[1] < 0 OR section_starts[-1] > len(chord_ids)
        """,
        "tokens stand for symbols, numerals and sections that there are": """
            SELECT song_id
            FROM song_tokens
            WHERE list_min(chord_ids) < 0 OR list_max(chord_ids) >= (SELECT count(*) FROM chord_symbols)
                OR list_min(numeral_ids) < 0 OR list_max(numeral_ids) >= (SELECT count(*) FROM numerals)
                OR list_min(section_ids) < 0 OR list_max(section_ids) >= (SELECT count(*) FROM sections)
        """,
        "symbols, numerals and sections are numbered from 0 without a gap": """
            SELECT name AS table_name, n AS row_count, greatest_id
            FROM (
                SELECT 'chord_symbols' AS name, count(*) AS n, max(chord_id) AS greatest_id FROM chord_symbols
                UNION ALL SELECT 'numerals', count(*), max(numeral_id) FROM numerals
                UNION ALL SELECT 'sections', count(*), max(section_id) FROM sections
            )
            WHERE greatest_id <> n - 1
        """,
        "the occurrences of symbols by source are those in its songs": """
            SELECT source_id, counted, found
            FROM (SELECT source_id, sum(occurrences) AS counted FROM source_symbols GROUP BY source_id)
            FULL JOIN (
                SELECT source_id, sum(len(chord_ids)) AS found
                FROM songs JOIN song_tokens USING (song_id) GROUP BY source_id
            ) USING (source_id)
            WHERE coalesce(counted, 0) <> coalesce(found, 0)
        """,
        "keys and confidences are in range, and songs without chords have none": """
            SELECT song_id, key, key_name, key_confidence
            FROM song_harmony
            WHERE key NOT BETWEEN -1 AND 23 OR key_confidence NOT BETWEEN 0 AND 1
                OR (key = -1) <> (n_chords = 0)
                OR (key = -1) <> (key_name IN ('No Harmony', 'Parse Error'))
        """,
        "finished sources are there": """
            SELECT item
            FROM ledger
            WHERE task = 'data3' AND status = 'done'
                AND NOT EXISTS (FROM sources WHERE content_hash = item)
        """,
    }
)
"""SQL by what should hold; it gives a row for each case in which that does not hold."""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    check
        What should hold.
    violations
        In how many cases it does not.
    examples
        The first few of them: values by column, such as ``{"song_id": 7, "n_harmony": 0, "n_tokens": 1}``.
    """

    check: str
    violations: int
    examples: tuple[dict[str, Any], ...]


def check_store(connection: duckdb.DuckDBPyConnection, *, examples: int = 3) -> list[Finding]:
    """Read every block of the file, then run all checks; without violations a check holds.

    Raises
    ------
    EtlError
        If a block is damaged; by `etl.store.connection`, which explains it.
    """
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        connection.execute(f'SELECT sum(hash(rows)) FROM "{table}" AS rows').fetchall()
    findings = [Finding("every block of the file can be read", 0, ())]
    for check, sql in CHECKS.items():
        violations, shown = connection.execute(
            "SELECT count(*), coalesce(list(violation ORDER BY violation)[:$examples], []) "
            f"FROM ({sql}) AS violation",
            {"examples": examples},
        ).fetchall()[0]
        findings.append(Finding(check, violations, tuple(shown)))
    return findings
