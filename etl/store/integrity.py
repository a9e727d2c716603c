"""Checks that the tables of a store agree with one another."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from etl.music.keys import KEY_NAMES, NO_HARMONY, PARSE_ERROR
from etl.store.row_rules import key_checks, reference_checks, table_problems, value_checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
            SELECT source_id, chord_id, counted, found
            FROM (SELECT source_id, chord_id, occurrences AS counted FROM source_symbols)
            FULL JOIN (
                SELECT source_id, chord_id, count(*) AS found
                FROM (SELECT source_id, unnest(chord_ids) AS chord_id
                      FROM songs JOIN song_tokens USING (song_id))
                GROUP BY ALL
            ) USING (source_id, chord_id)
            WHERE counted IS DISTINCT FROM found
        """,
        "keys and confidences are in range, and songs without chords have none": """
            SELECT song_id, key, key_name, key_confidence
            FROM song_harmony
            WHERE key NOT BETWEEN -1 AND 23 OR key_confidence NOT BETWEEN 0 AND 1
                OR (key = -1) <> (n_chords = 0)
                OR (key = -1) <> (key_name IN ('No Harmony', 'Parse Error'))
        """,
        "the name of a key is that of its number": f"""
            SELECT song_id, key, key_name FROM song_harmony
            WHERE key_name <> CASE
                WHEN n_chords + n_unknown + n_sections = 0 THEN '{NO_HARMONY}'
                WHEN n_chords = 0 THEN '{PARSE_ERROR}'
                ELSE {list(KEY_NAMES)}[key + 1] END
        """,
        "posteriors sum to 1, and the key and the runner-up are their greatest values": """
            SELECT song_id, key, key_confidence, key_runner_up, total
            FROM (
                SELECT *, key_posterior::FLOAT[] AS posterior, list_sum(posterior) AS total,
                    list_sort(posterior, 'desc') AS falling
                FROM song_harmony
            )
            WHERE CASE WHEN key = -1
                THEN total <> 0 OR key_confidence <> 0 OR key_runner_up <> -1
                ELSE abs(total - 1) > 1e-4 OR list_min(posterior) < 0 OR key_runner_up = key
                    OR posterior[key + 1] <> falling[1] OR key_confidence <> falling[1]
                    OR key_runner_up NOT BETWEEN 0 AND 23 OR posterior[key_runner_up + 1] <> falling[2]
                END
        """,
        "the basis of a key is what its song has": """
            SELECT song_id, key_basis, n_chords, n_unknown FROM song_harmony
            WHERE key_basis NOT IN ('none', 'few_chords', 'many_unknown', 'chords', 'given')
                OR (key_basis = 'none') <> (n_chords = 0)
                OR (key_basis = 'few_chords' AND n_chords > 2) OR (key_basis = 'chords' AND n_chords < 3)
                OR (key_basis = 'many_unknown' AND n_unknown = 0)
        """,
        "profiles sum to 1, or to 0 without chords": """
            SELECT song_id, n_chords, in_profile, in_fingerprint
            FROM (
                SELECT *, list_sum(pitch_class_profile::FLOAT[]) AS in_profile,
                    list_sum(fingerprint_mean::FLOAT[]) AS in_fingerprint
                FROM song_harmony
            )
            WHERE abs(in_profile - (n_chords > 0)::INTEGER) > 1e-4
                OR abs(in_fingerprint - (n_chords > 0)::INTEGER) > 1e-4
                OR list_min(pitch_class_profile::FLOAT[]) < 0 OR list_min(fingerprint_mean::FLOAT[]) < 0
        """,
        "a song has no more distinct chords than chords, and their entropy is possible": """
            SELECT song_id, n_chords, distinct_chords, chord_entropy_bits
            FROM song_harmony
            WHERE distinct_chords > n_chords OR (distinct_chords = 0) <> (n_chords = 0)
                OR isnan(chord_entropy_bits) OR chord_entropy_bits < -1e-4
                OR chord_entropy_bits > log2(greatest(distinct_chords, 1)) + 1e-4
        """,
        "songs are in the order of their lines": """
            SELECT source_id, song_id, line
            FROM (SELECT *, lag(line) OVER (PARTITION BY source_id ORDER BY song_id) AS before FROM songs)
            WHERE line < 1 OR line <= before
        """,
        "section keys are those of the sections of a song, in order": """
            SELECT song_id, section, start, key
            FROM (
                SELECT section_keys.*, len(chord_ids) AS chords,
                    row_number() OVER in_order - 1 AS place, lag(start) OVER in_order AS before
                FROM section_keys LEFT JOIN song_tokens USING (song_id)
                WINDOW in_order AS (PARTITION BY section_keys.song_id ORDER BY section)
            )
            WHERE chords IS NULL OR section <> place OR start < 0 OR start >= chords OR start <= before
                OR key NOT BETWEEN 0 AND 23 OR confidence NOT BETWEEN 0 AND 1
        """,
        "where a build was to find section keys, each song with chords has some": """
            SELECT path, song_id
            FROM runs JOIN sources USING (run_id) JOIN songs USING (source_id)
                JOIN song_harmony USING (song_id)
            WHERE contains(arguments->>'version', '.sections-') AND n_chords > 0
                AND song_id NOT IN (SELECT song_id FROM section_keys)
        """,
        "a run gave the songs of its sources": """
            SELECT run_id, items_out, counted
            FROM (SELECT run_id, sum(songs) AS counted FROM sources GROUP BY run_id)
                LEFT JOIN runs USING (run_id)
            WHERE status IS NULL OR command <> 'build data3' OR (arguments->>'version') IS NULL
                OR (status = 'done' AND coalesce(items_out, 0) < counted)
        """,
        "each source is of a build that there is": """
            SELECT path, built_in FROM sources
            WHERE built_in IS NULL OR built_in < run_id OR built_in NOT IN (SELECT run_id FROM runs)
        """,
        "finished sources exist": """
            SELECT item
            FROM ledger
            WHERE task = 'data3' AND status = 'done'
                AND NOT EXISTS (FROM sources WHERE content_hash = item)
        """,
        "existing sources are finished": """
            SELECT path FROM sources
            WHERE content_hash NOT IN (SELECT item FROM ledger WHERE task = 'data3' AND status = 'done')
        """,
        "the current set is the sources of the latest build": """
            SELECT song_id, current_id
            FROM (SELECT song_id FROM songs JOIN sources USING (source_id)
                  WHERE built_in = (SELECT max(built_in) FROM sources))
            FULL JOIN (SELECT song_id AS current_id FROM songs_current) ON song_id = current_id
            WHERE song_id IS NULL OR current_id IS NULL
        """,
        "no source exists twice": """
            SELECT path, count(*) AS sources FROM sources GROUP BY path HAVING count(*) > 1
        """,
    }
)
"""SQL by what should hold; it gives a row for each case in which that does not hold."""


READABLE: Final = "every block of the file can be read"
COMPLETE: Final = "the tables, columns and views are those of this version"


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
    computed, songs
        Where songs were analyzed again: how many of how many; None where all rows were looked at.
    """

    check: str
    violations: int
    examples: tuple[dict[str, Any], ...]
    computed: int | None = None
    songs: int | None = None


def check_tables(connection: duckdb.DuckDBPyConnection, *, examples: int = 3) -> Iterator[Finding]:
    """Read every block of the file, then run all checks; without violations a check holds.

    Where a table, a column or a view is missing, nothing else is checked.

    Raises
    ------
    EtlError
        If a block is damaged; by `etl.store.connection`, which explains it.
    """
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        connection.execute(f'SELECT sum(hash(rows)) FROM "{table}" AS rows').fetchall()
    yield Finding(READABLE, 0, ())
    problems = table_problems(connection)
    yield Finding(COMPLETE, len(problems), tuple({"problem": each} for each in problems[:examples]))
    if problems:
        return
    for check, sql in {**CHECKS, **generated_checks()}.items():
        yield find_violations(connection, check, sql, examples=examples)


def generated_checks() -> Mapping[str, str]:
    """Give SQL as in `CHECKS` for what `schemas/` say of the tables."""
    return {
        "every value is what schemas/ says": value_checks(),
        "no two rows have the same key": key_checks(),
        "rows refer to rows that exist": reference_checks(),
    }


def find_violations(
    connection: duckdb.DuckDBPyConnection, check: str, sql: str, *, examples: int = 3
) -> Finding:
    """Run one check, SQL that gives a row for each violation."""
    violations, shown = connection.execute(
        "SELECT count(*), coalesce(list(violation ORDER BY violation)[:$examples], []) "
        f"FROM ({sql}) AS violation",
        {"examples": examples},
    ).fetchall()[0]
    return Finding(check, violations, tuple(shown))
