"""Builds from other notations: what is found, stored, said and written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from etl.chords.notations import PARSERS, SPELLERS, Foreign, Notation
from etl.cli import build as build_command, export as export_command
from etl.cli.build_summary import describe
from etl.cli.main import app
from etl.pipelines.data3.build import build
from etl.pipelines.data3.request import Data3Build
from tests.support.chord_songs import sample

if TYPE_CHECKING:
    from pathlib import Path

    from etl.pipelines.data3.result import BuildResult

SONGS = 40


def translated(notation: Notation) -> pl.DataFrame:
    """Spell the first sample songs in a notation."""
    parse = PARSERS[Notation.CHORDONOMICON]

    def spelled(text: str) -> str:
        chords = [(token, parse(token)) for token in text.split()]
        return " ".join(token if chord is None else SPELLERS[notation](chord) for token, chord in chords)

    songs = sample().select("id", "chords").head(SONGS)
    return songs.with_columns(pl.col("chords").map_elements(spelled, return_dtype=pl.String))


def built(tmp_path: Path, *files: Path, notation: Notation | None = None, store: bool = True) -> BuildResult:
    """Build files into a store."""
    database = tmp_path / "music.duckdb" if store else None
    request = Data3Build(tuple(files), tmp_path / "data3.csv", database, notation=notation, workers=1)
    return build(request)


@pytest.mark.parametrize("notation", Notation)
def test_a_file_is_read_in_its_notation(tmp_path, notation):
    """Found by itself, read whole, with the numerals, keys and fingerprints of Chordonomicon's spelling."""
    path = tmp_path / f"{notation}.csv"
    translated(notation).write_csv(path)
    result = built(tmp_path, path)
    (use,) = result.notations
    assert (use.notation, use.share, use.sources) == (notation, 1.0, (str(path),))
    columns = ["id", "key", "roman_numerals", "harmonic_fingerprint"]
    found = pl.read_csv(tmp_path / "data3.csv", infer_schema=False)
    plain = tmp_path / "plain.csv"
    translated(Notation.CHORDONOMICON).write_csv(plain)
    built(tmp_path, plain, store=False)
    assert found.select(columns).equals(
        pl.read_csv(tmp_path / "data3.csv", infer_schema=False).select(columns)
    )


def test_one_symbol_stands_for_different_chords_in_different_sources(tmp_path):
    """The store keeps symbols by notation, exports are those of the build, and nothing is done again."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("chords\nC Amin Cdim7 G7 C\n")
    second.write_text("chords\nC Am Cdim7 G7 C\n")
    result = built(tmp_path, first, second)
    assert [use.notation for use in result.notations] == [Notation.CHORDONOMICON, Notation.LEADSHEET]
    written = (tmp_path / "data3.csv").read_bytes()
    assert b"i\xc3\xb87" in written
    assert b"i\xc2\xb07" in written
    database = tmp_path / "music.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.sql(
            "SELECT notation, quality FROM chord_symbols WHERE symbol = 'Cdim7' ORDER BY ALL"
        ).fetchall()
        notations = connection.sql("SELECT notation FROM sources ORDER BY source_id").fetchall()
    assert rows == [("chordonomicon", "dim7"), ("leadsheet", "dimb7")]
    assert notations == [("chordonomicon",), ("leadsheet",)]
    again = built(tmp_path, first, second)
    assert again.is_stored
    assert [(use.notation, use.spellings, use.read) for use in again.notations] == [
        (use.notation, use.spellings, use.read) for use in result.notations
    ]
    assert (tmp_path / "data3.csv").read_bytes() == written
    export = ["export", "data3", "-o", str(tmp_path / "again.csv"), "--db", str(database)]
    assert CliRunner().invoke(app, export).exit_code == 0
    assert (tmp_path / "again.csv").read_bytes() == written


def test_a_notation_that_is_named_is_taken(tmp_path):
    """Even where another reads more, which is told; the store knows the two builds apart."""
    path = tmp_path / "songs.csv"
    path.write_text("chords\nC Amin F Bdim7 G7\n")
    command = ["build", "data3", str(path), "-o", str(tmp_path / "o.csv"), "--db", str(tmp_path / "m.duckdb")]
    first = CliRunner().invoke(app, command)
    assert "notation: Chordonomicon; read 100 % of 5 spellings" in first.output
    harte = CliRunner().invoke(app, [*command, "--notation", "harte"])
    assert "notation: Harte; read 40 % of 5 spellings, not Amin, Bdim7, G7" in harte.output
    assert "try --notation chordonomicon" in harte.output
    assert "harmony taken from the store" not in harte.output


def test_unread_spellings_are_told_and_the_song_is_doubtful(tmp_path):
    """German names are counted, named and not guessed; the quality report has the song."""
    path = tmp_path / "songs.csv"
    path.write_text("chords\nHm Em Fis7 Hm G D A Hm\nC F G C F G Am C\n")
    result = built(tmp_path, path)
    (use,) = result.notations
    assert (use.unknown, use.foreign) == (("Fis7", "Hm"), {Foreign.GERMAN: 2})
    assert "look like German names" in describe(result)
    assert result.quality is not None
    doubtful = next(m for m in result.quality.measures if m.name == "songs_with_a_doubtful_key")
    assert (doubtful.count, doubtful.total) == (1, 2)


def test_files_of_one_song_are_inputs(tmp_path):
    """ChordPro and .lab: title, artist and key are kept, the capo is resolved."""
    song, lab = tmp_path / "song.cho", tmp_path / "notes.lab"
    song.write_text(
        "{title: A}\n{artist: B}\n{key: Am}\n{capo: 2}\n{soc}\n[Am]la [G]la [F]li [E7]lo\n{eoc}\n"
    )
    lab.write_text("0 1 N\n1 2 C:maj\n2 3 A:min/b3\n3 4 F:maj\n4 5 G:7\n")
    result = built(tmp_path, song, lab)
    assert {use.notation for use in result.notations} == {Notation.LEADSHEET, Notation.HARTE}
    rows = pl.read_csv(tmp_path / "data3.csv", infer_schema=False)
    assert rows.select("id", "chords", "artist_name", "song_name").rows() == [
        ("song", "<chorus_1> Bm A G F#7", "B", "A"),
        ("notes", "C:maj A:min/b3 F:maj G:7", "Unknown Artist", "Unknown Track"),
    ]
    assert rows["roman_numerals"].to_list() == ["<chorus_1> i bVII bVI V7", "I vi/6 IV V7"]
    with duckdb.connect(str(tmp_path / "music.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT extra ->> 'key' FROM songs ORDER BY song_id").fetchall()[0] == ("Am",)


@pytest.mark.parametrize("notation", Notation)
def test_an_export_spells_all_chords_in_one_notation(tmp_path, notation):
    """`--spell`: the same chords whatever their sources write; unknown ones stay."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("chords\nC Amin Cdim7 x\n")
    second.write_text("chords\nC Am Cm7b5 x\n")
    built(tmp_path, first, second)
    out = tmp_path / "songs.parquet"
    flags = ["--db", str(tmp_path / "music.duckdb"), "--spell", notation]
    assert CliRunner().invoke(app, ["export", "parquet", "-o", str(out), *flags]).exit_code == 0
    spelled = pl.read_parquet(out)["chord_symbols"].to_list()
    expected = {
        Notation.CHORDONOMICON: ["C", "Amin", "Cdim7", "x"],
        Notation.LEADSHEET: ["C", "Am", "Cm7(b5)", "x"],
        Notation.HARTE: ["C:maj", "A:min", "C:hdim7", "x"],
    }
    assert spelled == [expected[notation]] * 2


def test_the_options_are_the_notations():
    """What the command line offers is what there is."""
    assert {*build_command.Notations} == {*Notation, "auto"}
    assert {*export_command.ChordSpelling} == {*Notation}
