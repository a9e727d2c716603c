"""The quality report: shares, limits and examples, on rows with known faults."""

from __future__ import annotations

import duckdb
import pytest
from typer.testing import CliRunner

from etl.cli.main import app
from etl.cli.report import describe_quality
from etl.store.quality import Quality, SongExample, SymbolExample, quality

HEADER = (
    "id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id,spotify_artist_id"
)
TRACK, ARTIST = "0000000000000000000001", "000000000000000000000A"
SONGS = (
    f"good,<verse_1> C F G C,1980-05-01,pop,1980.0,,x,pop,{TRACK},{ARTIST}",
    f"half,<verse_1> C Cs/ G sC,soon,,nineties,,,,not an id,{ARTIST}",
    "parse,Cs/,,,,,,,,",
    "none,,,,,,,,,",
)


@pytest.fixture
def connection(tmp_path):
    """Build a store from four songs and open it."""
    (tmp_path / "songs.csv").write_text("\n".join([HEADER, *SONGS]) + "\n", encoding="utf-8")
    arguments = ["build", "data3", str(tmp_path / "songs.csv"), "-o", str(tmp_path / "data3.csv")]
    result = CliRunner().invoke(app, [*arguments, "--db", str(tmp_path / "music.duckdb")])
    assert result.exit_code == 0, result.output
    with duckdb.connect(str(tmp_path / "music.duckdb")) as connection:
        yield connection


def measures(report: Quality) -> dict[str, tuple[int, int]]:
    """Give the counts by measure."""
    return {measure.name: (measure.count, measure.total) for measure in report.measures}


def test_shares_are_of_songs_and_of_chords(connection):
    """Keys and fingerprints count songs, numerals and unknown chords count chord tokens."""
    found = measures(quality(connection))
    assert found["songs_with_a_key"] == (2, 4)
    assert found["songs_with_a_fingerprint"] == (2, 4)
    assert found["chords_with_a_numeral"] == (6, 9)
    assert found["unknown_chords"] == (3, 9)


def test_unknown_chords_above_the_limit_fail_the_report(connection):
    """A third of unknown chords is above the limit of 8 %, and the most frequent are named."""
    report = quality(connection)
    unknown = next(measure for measure in report.measures if measure.name == "unknown_chords")
    assert not report.is_within_limits
    assert unknown.limit == pytest.approx(0.08)
    assert unknown.examples[0] == SymbolExample("Cs/", 2)
    assert "Cs/ (2 times)" in describe_quality(report)
    assert "33.33%  3 of 9, ABOVE the limit of 8%" in describe_quality(report)


def test_the_limit_itself_is_within(connection):
    """Exactly 8 % is acceptable."""
    connection.execute("UPDATE song_harmony SET n_chords = 23, n_unknown = 2")
    assert quality(connection).is_within_limits


def test_columns_are_checked_with_examples(connection):
    """Each column says how many songs fill it, how many wrongly, and shows what is wrong."""
    columns = {column.name: column for column in quality(connection).columns}
    assert (columns["chords"].filled, columns["id"].filled) == (3, 4)
    assert columns["release_date"].examples == ("soon",)
    assert columns["decade"].examples == ("nineties",)
    assert columns["spotify_song_id"].examples == ("not an id",)
    assert columns["spotify_artist_id"].invalid == 0
    assert columns["key_name"].invalid == 0


def test_doubtful_keys_are_those_below_a_quarter(connection):
    """A confidence of 0.25 is not doubtful, less is; songs without a key are not counted."""
    connection.execute("UPDATE song_harmony SET key_confidence = if(song_id = 1, 0.25, 0.2)")
    report = quality(connection)
    assert measures(report)["songs_with_a_doubtful_key"] == (1, 2)
    example = report.measures[-1].examples[0]
    assert isinstance(example, SongExample)
    assert (example.id, example.chords) == ("half", "<verse_1> C Cs/ G sC")


def test_enrichment_counts_names_of_valid_ids(connection):
    """Before anything is fetched no id has a name; afterwards those that were found have."""
    connection.execute("DROP TABLE IF EXISTS spotify_artists")
    connection.execute("DROP TABLE IF EXISTS spotify_tracks")
    assert measures(quality(connection))["artist_names_of_valid_ids"] == (0, 2)
    connection.execute("CREATE TABLE spotify_artists AS SELECT ? AS id, 'A' AS name", [ARTIST])
    connection.execute("CREATE TABLE spotify_tracks AS SELECT ? AS id, NULL::VARCHAR AS name", [TRACK])
    found = measures(quality(connection))
    assert found["artist_names_of_valid_ids"] == (2, 2)
    assert found["song_names_of_valid_ids"] == (0, 1)


def test_only_the_current_set_counts(connection):
    """Songs of other sources are left out; a report on nothing is no failure."""
    connection.execute("INSERT INTO sources SELECT * REPLACE (9 AS source_id, 'other' AS path) FROM sources")
    connection.execute("UPDATE sources SET built_in = built_in + source_id")
    nothing = quality(connection)
    assert nothing.songs == 0
    assert nothing.is_within_limits
    assert "quality of 0 songs" in describe_quality(nothing)


def test_the_command_fails_above_a_limit(connection, tmp_path):
    """`etl report quality` prints the report and exits with 1."""
    connection.close()
    arguments = ["report", "quality", "--db", str(tmp_path / "music.duckdb")]
    result = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert result.return_value == 1
    assert "quality of 4 songs" in result.output
