"""Keys of sections: where they begin, what they are, and how they are smoothed."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from etl.chords.keys import with_key
from etl.chords.section_keys import CHANGE, smoothed, with_section_keys
from etl.chords.tokens import tokenize
from etl.music.keys import KEY_INDEX

IN_C = "C F G7 C Amin Dmin G7 C"
IN_D = "D G A7 D Bmin Emin A7 D"


def section_keys_of(*chords: str | None) -> pl.DataFrame:
    """Find the section keys of chord strings."""
    tokens, vocabulary = tokenize(pl.Series(chords, dtype=pl.String))
    songs = pl.LazyFrame({"tokens": tokens}).pipe(with_key, vocabulary)
    return songs.pipe(with_section_keys, vocabulary).collect()


def test_a_song_that_steps_up_changes_key_where_it_does():
    """The last choruses a whole tone up are in the higher key, all before in the lower one."""
    song = f"<verse_1> {IN_C} <chorus_1> {IN_C} <chorus_2> {IN_D} <chorus_3> {IN_D}"
    found = section_keys_of(song)
    c, d = KEY_INDEX["C Major"], KEY_INDEX["D Major"]
    assert found["section_keys"].to_list() == [[c, c, d, d]]
    assert found["section_key_starts"].to_list() == [[0, 8, 16, 24]]


def test_a_foreign_chord_or_two_do_not_change_the_key():
    """A short section that would point elsewhere on its own stays in the key around it."""
    found = section_keys_of(f"<verse_1> {IN_C} <bridge_1> F Bb <verse_2> {IN_C}")
    assert found["section_keys"].to_list() == [[0, 0, 0]]


def test_sections_are_cut_at_tags_and_need_a_known_chord():
    """Chords before the first tag make a section; unknown chords alone make none, but are counted."""
    found = section_keys_of("C G <verse_1> <chorus_1> ? x <verse_2> ? C F <outro_1>", "", None, "<a_1>", "C")
    assert found["section_key_starts"].to_list() == [[0, 4], [], [], [], [0]]


def test_a_song_without_tags_is_one_section():
    """Its key is the song's."""
    found = section_keys_of(IN_D)
    assert found["section_keys"].to_list() == [found["key"].to_list()]


def test_smoothing_is_the_forward_backward_procedure():
    """Sums over all paths give the same posterior."""
    random = np.random.default_rng(0)
    evidence, prior = random.dirichlet(np.ones(24), 4), random.dirichlet(np.ones(24), 3)
    of_song = np.array([0, 3, 3, 4])
    stay = np.full((24, 24), CHANGE / 23)
    np.fill_diagonal(stay, 1 - CHANGE)
    paths = np.einsum("a,ab,bc->abc", prior[0] * evidence[0], stay * evidence[1], stay * evidence[2])
    expected = [paths.sum((1, 2)), paths.sum((0, 2)), paths.sum((0, 1)), prior[2] * evidence[3]]
    result = smoothed(evidence, of_song, prior)
    np.testing.assert_allclose(result, [row / row.sum() for row in expected], atol=1e-12)


def test_a_song_alone_gets_the_same_bits_as_in_a_batch():
    """Songs of other lengths beside it change nothing."""
    songs = [f"<verse_1> {IN_C} <verse_2> {IN_D}", IN_C, f"{IN_D} <a_1> C <b_1> {IN_C} <c_1> F G", ""]

    columns = ["section_keys", "section_key_confidences", "section_key_starts"]
    together = section_keys_of(*songs).select(columns)
    for index, song in enumerate(songs):
        assert section_keys_of(song).select(columns).row(0) == together.row(index)


@pytest.mark.parametrize("flag", [True, False])
def test_the_store_has_section_keys_where_they_were_asked_for(tmp_path, flag):
    """``--section-keys`` fills the table; building without it again empties it."""
    from typer.testing import CliRunner

    from etl.cli.main import app

    columns = "id,chords,release_date,genres,decade,rock_genre,artist_id,main_genre,spotify_song_id"
    source = tmp_path / "songs.csv"
    source.write_text(
        f"{columns},spotify_artist_id\n"
        f"1,<verse_1> {IN_C} <verse_2> {IN_D},,,,,,,,\n2,,,,,,,,,\n3,{IN_D},,,,,,,,\n"
    )
    database = tmp_path / "music.duckdb"
    for flags in (["--section-keys"], ["--section-keys"] if flag else []):
        command = ["build", "data3", str(source), "-o", str(tmp_path / "out.csv"), "--db", str(database)]
        result = CliRunner().invoke(app, [*command, *flags])
        assert result.exit_code == 0, result.output
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.sql(
            "SELECT id, section, start, section_keys.key FROM section_keys JOIN songs USING (song_id) "
            "ORDER BY ALL"
        ).fetchall()
        basis = connection.sql(
            "SELECT id, key_basis FROM song_harmony JOIN songs USING (song_id) ORDER BY ALL"
        ).fetchall()
    assert rows == ([("1", 0, 0, 0), ("1", 1, 8, 2), ("3", 0, 0, 2)] if flag else [])
    assert basis == [("1", "chords"), ("2", "none"), ("3", "chords")]
