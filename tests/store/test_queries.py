"""Named queries and `etl query`, against counts made in plain Python from the data3 CSV of the same build."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from functools import cache
from itertools import combinations
from typing import Any

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from etl.chords.categories import CATEGORIES
from etl.cli.main import app
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource
from etl.runtime.work.signals import INTERRUPTED
from etl.store.connection import is_interruption
from etl.store.database import read_store
from etl.store.queries import named_queries, named_query, parse_query
from etl.store.statements import plain_value, progress_told, select
from tests.support.places import ROOT

HEADER = (
    "id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id"
)
EXTRA = (
    "up,<verse_1> D G A D Fsmin Bmin <chorus_1> G A D,1994-01-01,pop rock,1990.0,,x,rock,,",
    "down,<verse_1> C F G C Emin Amin <chorus_1> F G C,1994-01-01,pop rock,1990.0,,x,rock,,",
    "unknown,<verse_1> C Cs/ G Amin F <chorus_1> C Cs/ G,,,,,x,pop,,",
    "minor,<intro_1> Amin Bmin7 E7 Amin Bmin7 E7 Amin Dmin Amin,2001,,2000.0,,y,pop,,",
    "short,<verse_1> C,,,,,x,pop,,",
    "none,,,,,,x,,,",
)
REQUIRED = {
    "songs-with-progression": {"progression": "I IV V"},
    "similar-songs": {"id": "up"},
    "genres-sharing-progressions": {"least": "1"},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a store from the first songs of the sample and a few made-up ones."""
    folder = tmp_path_factory.mktemp("queries")
    sample = resource("sample/billboard_chordonomicon.csv").read_text(encoding="utf-8").splitlines()
    (folder / "songs.csv").write_text("\n".join([HEADER, *sample[1:121], *EXTRA]) + "\n", encoding="utf-8")
    arguments = ["build", "data3", str(folder / "songs.csv"), "-o", str(folder / "data3.csv")]
    result = CliRunner().invoke(app, [*arguments, "--db", str(folder / "music.duckdb")])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(app, ["genres", "fetch", "--db", str(folder / "music.duckdb")])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def songs(built):
    """Read the data3 CSV."""
    with (built / "data3.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def ask(built):
    """Run a named query with parameters as text; give its rows as dicts."""

    def run(name, **given):
        query = named_query(name)
        with read_store(built / "music.duckdb") as connection:
            return select(connection, query.sql, query.bind(given)).pl().to_dicts()

    return run


@pytest.fixture
def etl(built):
    """Run the command line on the store."""

    def run(*arguments):
        return CliRunner().invoke(app, [*arguments, "--db", str(built / "music.duckdb")])

    return run


def is_section(token: str) -> bool:
    """Whether a token is a section tag."""
    return token.startswith("<")


def numerals_of(song: dict[str, str]) -> list[str]:
    """Numerals of a song, without section tags; none if it has no harmony."""
    if song["key"] in {"No Harmony", "Parse Error"}:
        return []
    return list(_without_sections(song["roman_numerals"]))


@cache
def _without_sections(numerals: str) -> tuple[str, ...]:
    return tuple(token for token in numerals.split() if not is_section(token))


def sections_of(song: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Pairs of section name and its numerals."""
    sections: list[tuple[str, list[str]]] = []
    for token in song["roman_numerals"].split() if numerals_of(song) else []:
        if is_section(token):
            sections.append((re.sub(r"_\d+>$", "", token[1:]), []))
        elif sections:
            sections[-1][1].append(token)
    return sections


def ngrams(numerals: list[str], n: int) -> list[str]:
    """N-grams without an unknown chord."""
    grams = [numerals[i : i + n] for i in range(len(numerals) - n + 1)]
    return [" ".join(gram) for gram in grams if "?" not in gram]


def counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Occurrences by progression."""
    return {row["progression"]: row["occurrences"] for row in rows}


@pytest.mark.parametrize("n", range(1, 9))
def test_progressions_are_the_ngrams_of_each_song(ask, songs, n):
    """N-grams of every length are counted within songs, never across two, and never with an unknown chord."""
    expected = Counter(gram for song in songs for gram in ngrams(numerals_of(song), n))
    assert counts(ask("progressions", n=str(n), limit="100000")) == expected


def test_progressions_come_commonest_first_with_their_share(ask, songs):
    """The list is cut at the limit, in falling order, and shares are of all n-grams."""
    expected = Counter(gram for song in songs for gram in ngrams(numerals_of(song), 2))
    rows = ask("progressions", n="2", limit="5")
    assert [row["occurrences"] for row in rows] == [count for _, count in expected.most_common(5)]
    assert [row["place"] for row in rows] == [1, 2, 3, 4, 5]
    shares = [round(100 * row["occurrences"] / expected.total(), 3) for row in rows]
    assert [row["share_pct"] for row in rows] == pytest.approx(shares)


def test_progressions_of_a_section_stay_inside_it(ask, songs):
    """With a section filter, an n-gram lies in one section of that name."""
    pieces = [piece for song in songs for name, piece in sections_of(song) if name == "chorus"]
    expected = Counter(gram for piece in pieces for gram in ngrams(piece, 3))
    assert expected
    assert counts(ask("progressions", n="3", section="chorus", limit="100000")) == expected


def test_progressions_by_section_are_one_list_for_each_name(ask, songs):
    """Grouped by section, each n-gram counts for the section that holds it."""
    expected = Counter(
        (name, gram) for song in songs for name, piece in sections_of(song) for gram in ngrams(piece, 4)
    )
    rows = ask("progressions", by="section", limit="100000")
    assert {(row["group"], row["progression"]): row["occurrences"] for row in rows} == expected


@pytest.mark.parametrize(
    ("by", "group_of"),
    [
        ("genre", lambda song: song["main_genre"]),
        ("decade", lambda song: song["decade"].removesuffix(".0")),
    ],
)
def test_progressions_by_genre_or_decade_leave_out_songs_without_one(ask, songs, by, group_of):
    """Grouped by genre or decade, each n-gram counts for its song's group."""
    expected = Counter(
        (group_of(song), gram) for song in songs if group_of(song) for gram in ngrams(numerals_of(song), 3)
    )
    rows = ask("progressions", by=by, n="3", limit="100000")
    assert {(row["group"], row["progression"]): row["occurrences"] for row in rows} == expected


def test_progressions_can_be_of_one_genre_and_decade(ask, songs):
    """Filters combine with one another and with a section."""
    chosen = [song for song in songs if song["main_genre"] == "rock" and song["decade"] == "1990.0"]
    expected = Counter(gram for song in chosen for gram in ngrams(numerals_of(song), 2))
    rows = ask("progressions", n="2", genre="rock", decade="1990", limit="1000")
    assert counts(rows) == expected
    in_chorus = ask("progressions", n="2", genre="rock", decade="1990", section="chorus", limit="1000")
    assert counts(in_chorus) == {"IV V": 2, "V I": 2}


def test_a_numeral_of_two_categories_counts_once(built, ask):
    """The diatonic and the borrowed ii7 are two rows of `numerals`, but one numeral in a progression."""
    with read_store(built / "music.duckdb") as connection:
        rows = connection.execute("SELECT count(*) FROM numerals WHERE numeral = 'ii7'").fetchall()
    assert rows == [(2,)]
    progressions = [row["progression"] for row in ask("progressions", n="1", limit="100000")]
    assert len(progressions) == len(set(progressions))


@pytest.mark.parametrize("progression", ["I IV V", "I", "V7 I", "ii7 V7", "I V vi IV", "IV I IV I IV I IV I"])
def test_songs_with_a_progression_are_all_that_have_it(ask, songs, progression):
    """Each song comes with how often, where first, and on which chords it has the progression."""
    n = len(progression.split())
    expected = {}
    for song in songs:
        grams = [" ".join(numerals_of(song)[i : i + n]) for i in range(len(numerals_of(song)))]
        if progression in grams:
            first = grams.index(progression)
            chords = [token for token in song["chords"].split() if not is_section(token)]
            expected[song["id"]] = (grams.count(progression), first + 1, " ".join(chords[first : first + n]))
    rows = ask("songs-with-progression", progression=progression, limit="1000")
    assert {row["id"]: (row["occurrences"], row["first_chord"], row["chords"]) for row in rows} == expected
    assert {row["songs_found"] for row in rows} <= {len(expected)}


def test_a_progression_that_no_song_has_gives_no_row(ask):
    """It is a progression all the same."""
    assert ask("songs-with-progression", progression="I bII9/^b3") == []


def test_a_progression_longer_than_eight_is_refused(ask):
    """More numerals than the query can compare are an error, not an answer to another question."""
    with pytest.raises(EtlError, match="must be 1 to 8 Roman numerals, not 10"):
        ask("songs-with-progression", progression="I IV " * 5)


def test_songs_by_key_and_decade_count_every_song(ask, songs):
    """The counts are those of the CSV, songs without decade under null."""
    expected = Counter((song["decade"].removesuffix(".0"), song["key"]) for song in songs)
    rows = ask("songs-by-key-and-decade")
    found = {
        ("" if row["decade"] is None else str(row["decade"]), row["key_name"]): row["songs"] for row in rows
    }
    assert found == expected


def test_a_transposed_song_is_the_most_similar(ask):
    """The same harmony in another key has distance 0 and comes first."""
    first = ask("similar-songs", id="up", limit="3")[0]
    assert (first["id"], first["distance"]) == ("down", 0)


def test_similar_songs_come_nearest_first_without_the_song_itself(ask, songs):
    """All other songs with chords are listed, in rising distance from 0 to 1."""
    rows = ask("similar-songs", id="up", limit="1000")
    distances = [row["distance"] for row in rows]
    assert distances == sorted(distances)
    assert 0 <= distances[0] <= distances[-1] <= 1
    with_chords = {song["id"] for song in songs if numerals_of(song)}
    assert {row["id"] for row in rows} == with_chords - {"up"}


def test_category_profiles_add_up_to_the_known_chords(ask, songs):
    """The profile of a genre has all known chords of its songs, and its shares add up to 100."""
    rows = ask("categories-by-genre", genre="pop")
    known = [numeral for song in songs if song["main_genre"] == "pop" for numeral in numerals_of(song)]
    assert sum(row["chords"] for row in rows) == len(known) - known.count("?")
    assert sum(row["share_pct"] for row in rows) == pytest.approx(100, abs=0.1)
    assert {row["category"] for row in rows} <= set(CATEGORIES)


def test_complexity_by_decade_averages_over_songs_with_chords(ask, songs):
    """A decade's songs, their mean length and their share of four-note chords are those of its songs."""
    row = next(row for row in ask("complexity-by-decade") if row["decade"] == 2000)
    song = next(song for song in songs if song["id"] == "minor")
    numerals = numerals_of(song)
    assert (row["songs"], row["mean_chords"]) == (1, len(numerals))
    assert row["mean_distinct_chords"] == len(set(numerals))
    assert row["four_note_chords_pct"] == pytest.approx(100 * 4 / 9, abs=0.01)


def test_unknown_symbols_come_with_counts_and_an_example(ask):
    """Each unknown token says how often, in how many songs, and where."""
    (row,) = ask("unknown-symbols")
    assert (row["symbol"], row["occurrences"], row["songs"], row["example_id"]) == ("Cs/", 2, 1, "unknown")


def test_genres_share_the_progressions_that_songs_of_both_have(ask, built, songs):
    """Of four known chords, in two songs of each genre at least."""
    with read_store(built / "music.duckdb") as connection:
        named = connection.execute("SELECT id, name FROM song_genres").fetchall()
    by_id = {song["id"]: numerals_of(song) for song in songs}
    counts: dict[str, Counter[tuple[str, ...]]] = {}
    for song, genre in named:
        chords = by_id[song]
        found = {tuple(chords[at : at + 4]) for at in range(len(chords) - 3)}
        counts.setdefault(genre, Counter()).update(each for each in found if "?" not in each)
    used = {genre: {each for each, n in counter.items() if n >= 2} for genre, counter in counts.items()}
    expected = {
        (a, b, len(used[a] & used[b]), round(100 * len(used[a] & used[b]) / len(used[a] | used[b]), 2))
        for a, b in combinations(sorted(used), 2)
        if used[a] & used[b]
    }
    rows = ask("genres-sharing-progressions", least="2", limit="1000")
    assert expected
    assert {(row["genre"], row["other"], row["shared"], row["share_pct"]) for row in rows} == expected
    other = max(expected)[1]
    one = ask("genres-sharing-progressions", least="2", genre=other)
    assert {row["genre"] for row in one} == {other}
    for row in one:
        assert tuple(row["commonest"].split(" ")) in used[other] & used[row["other"]]


def test_runs_come_with_their_throughput(ask, songs):
    """The history has the build, its counts and its items a second."""
    (row,) = (row for row in ask("runs") if row["command"] != "genres fetch")
    assert (row["command"], row["status"], row["items_out"]) == ("build data3", "done", len(songs))
    assert row["items_per_s"] > 0


# The queries over the audio library run on one in tests/audio/test_queries.py.
@pytest.mark.parametrize("name", [name for name in named_queries() if not name.startswith("library-")])
def test_a_shipped_query_declares_the_parameters_that_it_uses(name, ask):
    """Header and SQL name the same parameters, and the query runs with its defaults."""
    query = named_query(name)
    code = "\n".join(line for line in query.sql.splitlines() if not line.strip().startswith("--"))
    assert set(re.findall(r"\$(\w+)", code)) == {parameter.name for parameter in query.parameters}
    # The store of these tests has no MIDI; tests/test_midi_library.py asks the queries that need it.
    assert ask(name, **REQUIRED.get(name, {})) or name.startswith("midi-")


def test_the_categories_view_has_the_categories_in_order(built):
    """The view that names `category_counts` agrees with the analysis."""
    with read_store(built / "music.duckdb") as connection:
        rows = connection.execute("SELECT category FROM categories ORDER BY position").fetchall()
    assert tuple(category for (category,) in rows) == CATEGORIES


def test_the_overview_reads_years_and_decades_as_numbers(built):
    """`song_overview` turns `1990.0` and dates into integers and leaves what is none null."""
    with read_store(built / "music.duckdb") as connection:
        rows = connection.execute(
            "SELECT id, decade, release_year FROM song_overview "
            "WHERE id IN ('up', 'minor', 'none') ORDER BY id"
        ).fetchall()
    assert rows == [("minor", 2000, 2001), ("none", None, None), ("up", 1990, 1994)]


def test_documentation_lists_the_shipped_queries(etl):
    """docs/queries.md has the output of `etl query --list`."""
    documented = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    assert f"```text\n{etl('query', '--list').output.strip()}\n```" in documented


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["nope"], "no query `nope`", "progressions"),
        (["similar-songs"], "needs the parameter `id`", "--param id=VALUE"),
        (["progressions", "-p", "n=9"], "from 1 to 8", "chords in a progression"),
        (["progressions", "-p", "n=two"], "must be an integer", "chords in a progression"),
        (["progressions", "-p", "by=key"], "cannot be `key`", "nothing, genre, decade, section"),
        (["progressions", "-p", "genre=polka"], "no genre `polka`", "It has: pop, rock."),
        (["progressions", "-p", "section=chrus"], "no section `chrus`", "chorus"),
        (["songs-by-key-and-decade", "-p", "decade=1805"], "no decade `1805`", "1990, 2000"),
        (["genres-sharing-progressions", "-p", "genre=x"], "no genre `x`", "It has: pop"),
        (["similar-songs", "-p", "id=minr"], "no id `minr`", "Did you mean minor?"),
        (["songs-with-progression", "-p", "progression=I Q"], "`Q` is not a Roman numeral", "'I V vi IV'"),
        (["songs-with-progression", "-p", "progression= "], "not 0", "'I V vi IV'"),
        (["progressions", "-p", "m=2"], "no parameter `m`", "n, by, genre"),
        (["progressions", "-p", "n"], "`n` is not a parameter", "NAME=VALUE"),
        (["SELECT * FROM song"], "song does not exist", "duckdb_columns"),
        (["SELECT 1 / 'x'::INTEGER"], "Conversion Error", "duckdb_columns"),
        (["SELECT $x"], "parameters: x", "--param NAME=VALUE"),
        (["SELECT 1", "-p", "x=1"], "argument count mismatch", "$NAME"),
        (["DELETE FROM songs"], "cannot change the store", "SELECT"),
        (["/* nothing */"], "returns no rows", "SELECT"),
        (
            ["runs", "--format", "csv", "--json"],
            "--json and --format csv contradict each other",
            "Leave out one",
        ),
        ([], "no query given", "--list"),
    ],
)
def test_errors_say_what_was_wrong_and_what_to_do(etl, arguments, message, hint):
    """Each mistake ends in a message and a hint, not in a traceback of the database."""
    result = etl("query", *arguments)
    assert isinstance(result.exception, EtlError), result.exception
    assert message in result.exception.args[0]
    assert hint in result.exception.hint
    assert result.exception.exit_code == ExitCode.USAGE


def test_a_missing_store_is_an_error(tmp_path):
    """A query without a store says how to build one, and makes none."""
    result = CliRunner().invoke(app, ["query", "runs", "--db", str(tmp_path / "none.duckdb")])
    assert isinstance(result.exception, EtlError)
    assert list(tmp_path.iterdir()) == []


def test_values_never_become_sql(etl):
    """A value with quotes is compared, not executed."""
    result = etl("query", "progressions", "-p", "genre=pop'; DROP TABLE songs; --")
    assert isinstance(result.exception, EtlError)
    assert "has no genre `pop'; DROP" in str(result.exception)
    assert (
        etl("query", "SELECT count(*) > 100 AS many FROM songs", "--format", "csv").output == "many\ntrue\n"
    )


def test_sql_takes_typed_parameters(etl):
    """In free SQL a value that is a number is one, anything else is text."""
    result = etl("query", "SELECT $a + 1 AS a, $b AS b", "-p", "a=41", "-p", "b=4 1", "--format", "json")
    assert json.loads(result.output) == [{"a": 42, "b": "4 1"}]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1.5", 1.5), ("true", True), ("null", None), ("[1]", "[1]"), ("pop", "pop")],
)
def test_a_plain_value_is_a_json_scalar_or_text(text, value):
    """Numbers, booleans and null are read as such."""
    assert plain_value(text) == value


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("csv", lambda path: pl.read_csv(path, infer_schema=False)),
        ("json", pl.read_json),
        ("parquet", pl.read_parquet),
    ],
)
def test_formats_hold_all_rows_and_can_be_read_back(etl, songs, tmp_path, name, read):
    """Every format has all rows in order, whatever their number."""
    path = tmp_path / f"songs.{name}"
    result = etl("query", "SELECT id FROM songs ORDER BY song_id", "--format", name, "--output", str(path))
    assert result.exit_code == 0
    assert [str(value) for value in read(path)["id"]] == [song["id"] for song in songs]


def test_a_failed_query_leaves_the_output_as_it_was(etl, tmp_path):
    """What stood at the output stays, and no temporary file is left."""
    path = tmp_path / "out.csv"
    path.write_text("before")
    sql = "SELECT error('late') FROM songs"
    result = etl("query", sql, "--format", "csv", "--output", str(path))
    assert isinstance(result.exception, EtlError)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("out.csv", "before")]


def test_a_table_can_be_written_to_a_file(etl, tmp_path):
    """With an output, the table goes there and not to the terminal."""
    path = tmp_path / "one.txt"
    result = etl("query", "SELECT 1 AS one", "--output", str(path))
    assert (result.stdout, path.read_text()) == ("", "one\n---\n  1\n")


def test_a_table_is_aligned_and_cut_at_a_hundred_rows(etl):
    """The table shows the first hundred rows and says that there are more."""
    result = etl("query", "SELECT song_id, id AS name FROM songs ORDER BY song_id")
    lines = result.stdout.splitlines()
    assert lines[:3] == ["song_id  name", "-------  ----", "      1  1"]
    assert len(lines) == 102
    assert "first 100 rows" in result.stderr


@pytest.mark.parametrize(
    "header",
    ["-- title: T\n", "-- description: D\n", "-- title: T\n-- description: D\n-- param n: integer is one\n"],
)
def test_a_malformed_header_is_refused(header):
    """A query without title or description, or with a parameter that cannot be read, is a fault."""
    with pytest.raises(ValueError, match="query q"):
        parse_query("q", f"{header}SELECT 1")


def test_a_query_that_lasts_tells_how_far_it_is():
    """The percentages of one scan rise, and none is above 100."""
    told: list[float] = []
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE numbers AS SELECT range AS number FROM range(20_000_000)")
        with progress_told(connection, told.append):
            connection.sql("SELECT count(*) FROM numbers WHERE md5(number::VARCHAR) LIKE '0%'").fetchall()
    assert told
    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] <= 100


def test_an_interruption_that_a_query_has_lost_ends_it_all_the_same(monkeypatch):
    """DuckDB misses a signal that comes as it begins; the thread that looks at the query has not."""
    monkeypatch.setattr(INTERRUPTED, "is_set", lambda: True)
    with duckdb.connect() as connection, progress_told(connection, lambda _: None):
        with pytest.raises((duckdb.InterruptException, RuntimeError)) as ended:
            connection.sql("SELECT count(*) FROM range(100_000_000_000) WHERE range % 7 = 3").fetchall()
        assert is_interruption(ended.value)
