"""Keys of sections: where they begin, what they are, and how they agree with the song's."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from etl.chords.keys import with_key
from etl.chords.section_keys import agreeing, weighed, with_section_keys
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


def test_a_chord_or_two_do_not_change_the_key():
    """A short section that leaves the key open stays in the song's; a foreign one is far from sure."""
    found = section_keys_of(f"<verse_1> {IN_C} <bridge_1> F G <verse_2> {IN_C}")
    assert found["section_keys"].to_list() == [[0, 0, 0]]
    foreign = section_keys_of(f"<verse_1> {IN_C} <bridge_1> F Bb <verse_2> {IN_C}")
    assert foreign["section_key_confidences"].item()[1] < 0.5


def test_sections_are_cut_at_tags_and_need_a_known_chord():
    """Chords before the first tag make a section; unknown chords alone make none, but are counted."""
    found = section_keys_of("C G <verse_1> <chorus_1> ? x <verse_2> ? C F <outro_1>", "", None, "<a_1>", "C")
    assert found["section_key_starts"].to_list() == [[0, 4], [], [], [], [0]]


def test_a_song_without_tags_is_one_section():
    """Its key is the song's."""
    found = section_keys_of(IN_D)
    assert found["section_keys"].to_list() == [found["key"].to_list()]


def test_a_section_is_weighed_with_its_song():
    """The geometric mean of the two posteriors, normalised; a song of one section keeps its own."""
    random = np.random.default_rng(0)
    evidence, whole = random.dirichlet(np.ones(24), 4), random.dirichlet(np.ones(24), 3)
    found = weighed(evidence, np.array([0, 3, 3, 4]), whole)
    for section, song in enumerate([0, 0, 0, 2]):
        expected = np.sqrt(evidence[section] * whole[song])
        np.testing.assert_allclose(found[section], expected / expected.sum())
    np.testing.assert_allclose(weighed(whole, np.arange(4), whole), whole)


def test_a_songs_key_is_the_key_of_a_section():
    """Where no section would have it, it replaces the key of most chords; other songs are left alone."""
    posterior = np.full((6, 24), 0.01)
    posterior[range(6), [5, 7, 5, 9, 3, 9]] = 0.5
    of_song, chords = np.array([0, 3, 3, 4, 6]), np.array([4, 7, 4, 2, 8, 1])
    keys = agreeing(posterior, of_song, np.array([0, -1, 9, 9], np.int8), chords)
    assert keys.tolist() == [0, 7, 0, 9, 3, 9]


def test_repeats_do_not_make_a_modulation_impossible():
    """Eight verses a fourth up are in their own key, and the song's key is the key of its sections."""
    verse = "G C F G"
    found = section_keys_of(" ".join(f"<verse_{n}> {verse}" for n in range(1, 9)))
    assert set(found["section_keys"].item().to_list()) == {found["key"].item()}
    minor, major = "Dmin A7 Dmin D7 Gmin A7 Dmin", "A7 D A7 D B7 Emin A7 D"
    song = f"<a_1> {minor} <b_1> C7 F C7 F D7 Gmin C7 F <a_2> {minor} <c_1> {major} <a_3> {minor}"
    tonics = [key % 12 for key in section_keys_of(song)["section_keys"].item().to_list()]
    assert tonics == [2, 5, 2, 2, 2]


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
