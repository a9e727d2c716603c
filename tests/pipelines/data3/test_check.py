"""`etl db check`: whatever one statement makes untrue in a store is found."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import duckdb
import pytest

from etl.chords.keys import KeyMethod
from etl.pipelines.data3.check import (
    GROUPS,
    NUMERALS,
    SAMPLE,
    SECTIONS,
    SONGS_STAGE,
    SYMBOLS,
    check,
    check_lexicon,
    check_songs,
)
from etl.runtime.watch.progress import Watch
from etl.store.database import open_store
from etl.store.integrity import CHECKS, COMPLETE, READABLE, check_tables, find_violations, generated_checks
from tests.conftest import Chords
from tests.support.command_line import run_here
from tests.support.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from etl.store.integrity import Finding

SONGS = [
    "a,<verse_1> C Cs/ G Amin F D7 G <chorus_1> C G Amin F,1980,,1980.0,,x,pop,0123456789ABCDEFGHIJkl,",
    "b,<verse_1> Dmin G7 C/E <verse_2> F Bdim7 E7 Amin,,,,,x,,,",
    "c,,,,,,y,,,",
    "d,broken",
    "e,xx yy,,,,,y,,,",
    "f,E A E Amin E B7 E,,,,,z,,,",
]
SPOTIFY = (
    "INSERT INTO spotify_artists BY NAME SELECT '0123456789ABCDEFGHIJkl' AS id, 'found' AS status, "
    "'' AS reason, 0 AS failures, false AS refresh_wanted, now() AS fetched_at, 'A' AS name"
)

SUMS = "the categories of a song add up to its chord tokens (unknown ones are in `Other`)"
TOKENS, KEYS, READ, COUNTS, OF_SECTIONS = GROUPS
PARTS = {SYMBOLS, NUMERALS, SECTIONS, *GROUPS}
"""What is checked after the tables."""
VALUES, SAME_KEY, REFERS = (
    "every value is what schemas/ says",
    "no two rows have the same key",
    "rows refer to rows that exist",
)

DAMAGE = {
    # Rows that are missing or too many
    "DELETE FROM song_tokens WHERE song_id = 2": "each song has one row of harmony and one of tokens",
    "DELETE FROM song_harmony": "each song has one row of harmony and one of tokens",
    "INSERT INTO song_tokens FROM song_tokens WHERE song_id = 1": SAME_KEY,
    "INSERT INTO songs SELECT * REPLACE (9 AS song_id) FROM songs WHERE song_id = 1": (
        "no two songs of a source have the same id"
    ),
    "UPDATE songs SET id = 'a' WHERE song_id = 2": "no two songs of a source have the same id",
    "UPDATE sources SET songs = 2": "each source has the songs that it counts",
    "DELETE FROM songs WHERE song_id = 3": "each source has the songs that it counts",
    "DELETE FROM sources": "each source has the songs that it counts",
    "UPDATE songs SET source_id = 7": REFERS,
    "DELETE FROM rejects": "rows in are songs and rejects",
    "UPDATE sources SET rows_in = 60": "rows in are songs and rejects",
    "UPDATE sources SET built_in = 99": "each source is of a build that there is",
    "INSERT INTO sources SELECT * REPLACE (2 AS source_id, 0 AS songs, 0 AS rows_in) FROM sources": (
        "no source exists twice"
    ),
    "DELETE FROM runs": REFERS,
    "UPDATE runs SET items_out = 1": "a run gave the songs of its sources",
    "UPDATE runs SET items_out = NULL": "a run gave the songs of its sources",
    "UPDATE runs SET arguments = '{}'": "a run gave the songs of its sources",
    "UPDATE songs SET id = '' WHERE song_id = 1": VALUES,
    "UPDATE sources SET path = ''": VALUES,
    "CREATE OR REPLACE VIEW songs_current AS FROM songs WHERE song_id > 1": (
        "the current set is the sources of the latest build"
    ),
    "DROP VIEW songs_current": COMPLETE,
    "CREATE OR REPLACE VIEW song_overview AS SELECT song_id FROM songs": COMPLETE,
    "UPDATE runs SET command = 'enrich'": "a run gave the songs of its sources",
    "DELETE FROM ledger": "existing sources are finished",
    "INSERT INTO ledger VALUES ('data3', 'x.csv', 'v', 'done', 1, NULL, NULL, NULL, now())": (
        "finished sources exist"
    ),
    "DELETE FROM section_keys": "where a build was to find section keys, each song with chords has some",
    "DELETE FROM section_keys WHERE section = 0": (
        "section keys are those of the sections of a song, in order"
    ),
    "DELETE FROM section_keys WHERE section = 1": OF_SECTIONS,
    "INSERT INTO section_keys VALUES (77, 0, 0, 1, 0.5)": REFERS,
    "DELETE FROM source_symbols": "the occurrences of symbols by source are those in its songs",
    "DELETE FROM sections WHERE section_id = 0": (
        "symbols, numerals and sections are numbered from 0 without a gap"
    ),
    "DELETE FROM numerals WHERE numeral_id > 2": (
        "tokens stand for symbols, numerals and sections that there are"
    ),
    "DROP TABLE rejects": COMPLETE,
    "ALTER TABLE song_harmony DROP COLUMN key_basis": COMPLETE,
    "ALTER TABLE songs ALTER decade TYPE DOUBLE": COMPLETE,
    # Text against tokens
    "UPDATE songs SET chords = replace(chords, 'Amin', 'A') WHERE song_id = 1": TOKENS,
    "UPDATE songs SET chords = NULL WHERE song_id = 1": TOKENS,
    "UPDATE songs SET chords = chords || ' C' WHERE song_id = 1": TOKENS,
    "UPDATE songs SET chords = replace(chords, 'verse_2', 'verse_3') WHERE song_id = 2": TOKENS,
    "UPDATE song_tokens SET chord_ids = list_reverse(chord_ids) WHERE song_id = 2": TOKENS,
    "UPDATE song_tokens SET chord_ids = [0, 1, 999] WHERE song_id = 2": (
        "tokens stand for symbols, numerals and sections that there are"
    ),
    "UPDATE song_tokens SET section_ids = list_reverse(section_ids) WHERE song_id = 1": TOKENS,
    "UPDATE song_tokens SET section_starts = [5, 0] WHERE song_id = 1": (
        "sections start in order, within the song"
    ),
    "UPDATE song_tokens SET section_starts = [0, 4] WHERE song_id = 2": TOKENS,
    "UPDATE song_tokens SET numeral_ids = numeral_ids[2:] WHERE song_id = 1": (
        "each chord token is a known chord or an unknown one, and has a numeral"
    ),
    "UPDATE song_tokens SET numeral_ids = list_reverse(numeral_ids) WHERE song_id = 2": READ,
    "UPDATE songs SET line = 1 WHERE song_id = 2": "songs are in the order of their lines",
    # Symbols
    "UPDATE chord_symbols SET symbol = CASE chord_id WHEN 0 THEN 'G' WHEN 2 THEN 'C' ELSE symbol END": (
        SYMBOLS
    ),
    "UPDATE chord_symbols SET symbol = symbol || 'maj7' WHERE chord_id = 0": SYMBOLS,
    "UPDATE chord_symbols SET chord_id = chord_id + 1000": (
        "symbols, numerals and sections are numbered from 0 without a gap"
    ),
    "UPDATE chord_symbols SET is_known = true": SYMBOLS,
    "UPDATE chord_symbols SET root_pc = (root_pc + 1) % 12 WHERE is_known": SYMBOLS,
    "UPDATE chord_symbols SET quality = 'min' WHERE chord_id = 0": SYMBOLS,
    "UPDATE chord_symbols SET pitch_classes = [0, 4] WHERE chord_id = 0": SYMBOLS,
    "UPDATE chord_symbols SET fingerprint = fingerprint[2:] || fingerprint[:1] WHERE chord_id = 0": SYMBOLS,
    "UPDATE numerals SET category = 'Other' WHERE numeral = 'I'": NUMERALS,
    "UPDATE numerals SET numeral = 'IIIVIV' WHERE numeral_id = 0": NUMERALS,
    "UPDATE numerals SET numeral = 'IIIVIV', category = 'Other' WHERE numeral_id = 0": NUMERALS,
    "UPDATE numerals SET numeral = 'bIII', category = 'bIII' WHERE numeral = 'I'": READ,
    "UPDATE sections SET name = 'bridge' WHERE section_id = 0": SECTIONS,
    "UPDATE sections SET number = 9 WHERE section_id = 0": SECTIONS,
    "UPDATE sections SET tag = 'verse' WHERE section_id = 0": SECTIONS,
    "UPDATE chord_symbols SET symbol = '' WHERE chord_id = 0": SYMBOLS,
    "UPDATE chord_symbols SET symbol = '<solo_1>' WHERE chord_id = 0": SYMBOLS,
    "UPDATE song_tokens SET chord_ids = [], numeral_ids = []": TOKENS,
    "UPDATE song_tokens SET section_ids = [], section_starts = [] WHERE song_id = 1": (
        "sections start in order, within the song"
    ),
    "UPDATE source_symbols SET occurrences = 100": (
        "the occurrences of symbols by source are those in its songs"
    ),
    "UPDATE source_symbols SET occurrences = occurrences + CASE chord_id WHEN 0 THEN 1 WHEN 1 THEN -1 ELSE 0 "
    "END": ("the occurrences of symbols by source are those in its songs"),
    # Keys
    "UPDATE song_harmony SET key = 24 WHERE song_id = 1": (
        "keys and confidences are in range, and songs without chords have none"
    ),
    "UPDATE song_harmony SET key_name = 'F Major' WHERE song_id = 1": (
        "the name of a key is that of its number"
    ),
    "UPDATE song_harmony SET key_name = 'Parse Error' WHERE song_id = 3": (
        "the name of a key is that of its number"
    ),
    "UPDATE song_harmony SET key = 5, key_name = 'F Major' WHERE song_id = 1": (
        "posteriors sum to 1, and the key and the runner-up are their greatest values"
    ),
    "UPDATE song_harmony SET key_posterior = [0 FOR i IN range(24)] WHERE song_id = 1": (
        "posteriors sum to 1, and the key and the runner-up are their greatest values"
    ),
    "UPDATE song_harmony SET key_confidence = 0.5 WHERE song_id = 1": (
        "posteriors sum to 1, and the key and the runner-up are their greatest values"
    ),
    "UPDATE song_harmony SET key_runner_up = 6 WHERE song_id = 1": (
        "posteriors sum to 1, and the key and the runner-up are their greatest values"
    ),
    "UPDATE song_harmony SET key_posterior = other.key_posterior, key = other.key, "
    "key_name = other.key_name, key_confidence = other.key_confidence, key_runner_up = other.key_runner_up "
    "FROM song_harmony AS other WHERE other.song_id = 1 AND song_harmony.song_id = 5": KEYS,
    "UPDATE song_harmony SET key_basis = 'few_chords' WHERE song_id = 1": (
        "the basis of a key is what its song has"
    ),
    "UPDATE song_harmony SET key_basis = 'given' WHERE song_id = 1": KEYS,
    "UPDATE section_keys SET key = (key + 7) % 12 WHERE song_id = 1": OF_SECTIONS,
    "UPDATE section_keys SET key = 24 WHERE song_id = 1": VALUES,
    "UPDATE section_keys SET confidence = confidence / 2 WHERE song_id = 2": OF_SECTIONS,
    # Counts and profiles
    "UPDATE song_harmony SET n_unknown = 0, n_chords = 11 WHERE song_id = 1": (
        "unknown chords are the tokens that are not chord symbols"
    ),
    "UPDATE song_harmony SET n_chords = n_chords + 1 WHERE song_id = 2": SUMS,
    "UPDATE song_harmony SET n_sections = 7 WHERE song_id = 1": "sections start in order, within the song",
    "UPDATE song_harmony SET category_counts = list_reverse(category_counts::UINTEGER[]) "
    "WHERE song_id = 2": COUNTS,
    "UPDATE song_harmony SET distinct_chords = 99 WHERE song_id = 1": (
        "a song has no more distinct chords than chords, and their entropy is possible"
    ),
    "UPDATE song_harmony SET distinct_chords = distinct_chords + 1 WHERE song_id = 5": COUNTS,
    "UPDATE song_harmony SET chord_entropy_bits = 9 WHERE song_id = 1": (
        "a song has no more distinct chords than chords, and their entropy is possible"
    ),
    "UPDATE song_harmony SET chord_entropy_bits = 'nan' WHERE song_id = 1": (
        "a song has no more distinct chords than chords, and their entropy is possible"
    ),
    "UPDATE song_harmony SET chord_entropy_bits = chord_entropy_bits - 0.1 WHERE song_id = 1": COUNTS,
    "UPDATE song_harmony SET pitch_class_profile = [1 FOR i IN range(12)] WHERE song_id = 1": (
        "profiles sum to 1, or to 0 without chords"
    ),
    "UPDATE song_harmony SET fingerprint_mean = fingerprint_mean[2:] || fingerprint_mean[:1]": COUNTS,
    # Other tables
    "UPDATE spotify_artists SET id = 'short'": VALUES,
    "UPDATE spotify_artists SET popularity = 101": VALUES,
    "UPDATE runs SET wall_s = -1": VALUES,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a store of six rows, one of them broken, with keys of sections and an artist's name."""
    made = Chords(tmp_path_factory.mktemp("built"))
    made.build(
        made.file("songs.csv", *SONGS), database=made.database, section_keys=True, method=KeyMethod.TRAINED
    )
    with duckdb.connect(made.database) as connection:
        connection.execute(SPOTIFY)
    return made.database


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    """Copy the store, to change it."""
    path = tmp_path / "music.duckdb"
    shutil.copy(built, path)
    return path


def test_a_sound_store_passes_every_check(built):
    """Each check looks at it, and all songs are analyzed again where there are few."""
    findings = check(built)
    assert not [each for each in findings if each.violations]
    assert {each.check for each in findings} == {
        READABLE, COMPLETE, VALUES, SAME_KEY, REFERS, SYMBOLS, NUMERALS, SECTIONS, *CHECKS, *GROUPS
    }  # fmt: skip
    assert {(each.computed, each.songs) for each in findings if each.check in GROUPS} == {(5, 5)}


def test_a_check_shows_how_far_it_is_and_what_it_has_found(store):
    """One step a check of tables, an error for each that fails, and all songs that are analyzed again."""
    with duckdb.connect(store) as connection:
        connection.execute("UPDATE songs SET line = 1 WHERE song_id = 2")
    shown = Shown()
    findings = check(store, renderers=[shown])
    tables, songs = shown.snapshots[-1].stages
    assert (tables.done, tables.errors) == (len([each for each in findings if each.check not in PARTS]), 1)
    assert (songs.done, songs.total, songs.errors) == (5, 5, 0)


@pytest.fixture(scope="module")
def connection(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a store to damage in transactions that are rolled back."""
    with duckdb.connect(shutil.copy(built, built.with_name("damaged.duckdb"))) as opened:
        yield opened


def findings_about(check_name: str, connection: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Run the part of `etl db check` that makes this check."""
    tables = {**CHECKS, **generated_checks()}
    if check_name in tables:
        return [find_violations(connection, check_name, tables[check_name])]
    if check_name in GROUPS:
        with Watch("check", [SONGS_STAGE], []) as watch:
            return check_songs(connection, watch, 3, None)
    if check_name == COMPLETE:
        return list(check_tables(connection))
    return check_lexicon(connection, 3)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_by_its_check(connection, damage):
    """One statement makes the store untrue, and the check that is about it says so with an example."""
    connection.begin()
    try:
        connection.execute(damage)
        found = {each.check: each for each in findings_about(DAMAGE[damage], connection) if each.violations}
    finally:
        connection.rollback()
    assert DAMAGE[damage] in found, found
    assert found[DAMAGE[damage]].examples


def test_a_store_with_all_the_damage_is_checked_to_the_end(store):
    """However many things are untrue at once, no check ends the others."""
    with duckdb.connect(store) as connection:
        for damage, check_name in DAMAGE.items():
            if check_name != COMPLETE and not damage.startswith(("DELETE", "INSERT INTO songs")):
                with suppress(duckdb.Error):
                    connection.execute(damage)
    found = {each.check for each in check(store) if each.violations}
    assert {SYMBOLS, NUMERALS, SECTIONS, VALUES, REFERS} <= found
    assert len(found) >= 25


def test_an_empty_store_is_sound(tmp_path):
    """There is nothing to analyze again."""
    with open_store(tmp_path / "empty.duckdb"):
        pass
    assert not [each for each in check(tmp_path / "empty.duckdb") if each.violations]


def test_every_check_is_shown_to_fail():
    """No check is without a statement that breaks what it guards."""
    guarded = {*CHECKS, *GROUPS, COMPLETE, VALUES, SAME_KEY, REFERS, SYMBOLS, NUMERALS, SECTIONS}
    assert guarded - set(DAMAGE.values()) == set()


def test_a_sample_is_analyzed_again_unless_all_are_wanted(store):
    """One in so many songs by number, or all."""
    with duckdb.connect(store) as connection:
        connection.execute("UPDATE song_harmony SET distinct_chords = distinct_chords + 1 WHERE song_id = 2")
    found = {sample: {each.check: each for each in check(store, sample=sample)} for sample in (2, None)}
    assert (found[2][COUNTS].violations, found[2][COUNTS].computed) == (0, 1)
    assert (found[None][COUNTS].violations, found[None][COUNTS].computed) == (1, 5)


def test_help_says_how_many_songs_a_sample_has():
    """The command and its help agree."""
    assert f"a sample of {SAMPLE:,}" in " ".join(run_here("db", "check", "--help").split())


def test_songs_of_another_version_are_not_analyzed_again(store):
    """They may differ without being wrong, and are not counted as looked at."""
    with duckdb.connect(store) as connection:
        connection.execute('UPDATE runs SET arguments = \'{"version": "0.trained-1.limit-None"}\'')
    assert {each.computed for each in check(store) if each.check in GROUPS} == {0}
