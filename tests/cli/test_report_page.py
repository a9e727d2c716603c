"""`etl report page`: what is on it, in a browser and without one."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from etl.pipelines.report.names import PAGE_SECTIONS
from etl.store.database import open_store
from etl.store.figures.scope import narrow, sample_songs
from tests.support.chromium import PROGRAM, browser
from tests.support.command_line import ended_here, run_here
from tests.support.whole_store import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

_PLAYLISTS = """
CREATE TABLE IF NOT EXISTS playlists (
    playlist_id BIGINT, made_at TIMESTAMPTZ, basis VARCHAR, request VARCHAR, preset VARCHAR, tracks INTEGER,
    mean FLOAT, dearest FLOAT, unlike FLOAT, terms VARCHAR[]
);
CREATE TABLE IF NOT EXISTS playlist_tracks (
    playlist_id BIGINT, position INTEGER, track_id VARCHAR, path VARCHAR, artist VARCHAR, title VARCHAR,
    bpm FLOAT, key_name VARCHAR, camelot VARCHAR, loudness_lufs FLOAT, transition FLOAT, terms FLOAT[]
);
INSERT INTO playlists BY NAME
SELECT 1 AS playlist_id, now() AS made_at, 'sound' AS basis, '{"seeds": ["Song 1"], "count": 3}' AS request,
    'balanced' AS preset, 3 AS tracks, 0.2 AS mean, 0.4 AS dearest, 0.3 AS unlike, [] AS terms;
INSERT INTO playlist_tracks BY NAME
SELECT 1 AS playlist_id, row_number() OVER (ORDER BY path) AS position, track_id, path, artist, title, bpm,
    key_name, camelot, loudness_lufs, [] AS terms
FROM library;
"""
"""A list, in tables that no migration may have made yet."""

CONTRASTS = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const bright = (rgb) => {
    const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(rgb[0]) + 0.7152 * part(rgb[1]) + 0.0722 * part(rgb[2]);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const low = {};
  for (const element of document.querySelectorAll("h1,h2,h3,p,a,td,th,button,summary,span,code,text,rect")) {
    const style = getComputedStyle(element);
    if (element.tagName === "rect" && element.hasAttribute("fill-opacity")) continue;
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [bright(ink), bright(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low[element.tagName + "." + element.getAttribute("class")] = contrast;
  }
  return low;
})()
"""
"""Elements whose color is too near to what is behind them, with their contrast (WCAG 2.2)."""


@pytest.fixture(scope="module")
def store(whole_store, tmp_path_factory) -> Path:
    """Give a store whose songs have decades and genres, with a playlist and a reject that means ill."""
    folder: Path = tmp_path_factory.mktemp("page")
    path = folder / "music.duckdb"
    shutil.copy(whole_store / "music.duckdb", path)
    with open_store(path) as connection:
        connection.execute(
            "UPDATE songs SET decade = (1950 + song_id % 7 * 10)::VARCHAR, "
            "main_genre = CASE song_id % 3 WHEN 0 THEN 'rock' WHEN 1 THEN '<b>pop</b>' END"
        )
        connection.execute(_PLAYLISTS)
        connection.execute("DELETE FROM genre_similarity")
        connection.execute("INSERT INTO genre_similarity VALUES ('pop', 'rock', 0, 0, 0, 0, 0, 0.4, false)")
        connection.execute(
            "INSERT INTO rejects VALUES (1, 'songs.csv', 7, 'parse', 'columns', $1, NULL)", [HOSTILE]
        )
    return path


@pytest.fixture(scope="module")
def page(store) -> Path:
    """Give the page of that store."""
    path: Path = store.with_name("report.html")
    run_here("report", "page", "-o", path, "--db", store)
    return path


def summary(*options: str | Path) -> Any:
    """Make a page and give what is said of it; a slow machine has a line of progress beside that."""
    ended = ended_here("report", "page", *options, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_page_has_all_that_the_store_has(store):
    """Each section that has something to show, by name; the others are said to be empty."""
    made = summary("-o", store.with_name("all.html"), "--db", store)
    assert {*made["sections"], *made["empty"]} == {*PAGE_SECTIONS}
    assert [*made["sections"]] == [*PAGE_SECTIONS]
    assert {"keys", "keys-by-decade", "progressions", "transitions", "categories", "confidence"} <= {
        *made["sections"]["chords"]
    }
    assert {"tempo", "track-keys", "loudness", "likeness", "tracks"} <= {*made["sections"]["audio"]}
    assert made["sections"]["runs"] == ["last-runs", "rejects"]
    assert b"Asked for: seeds Song 1, count 3" in store.with_name("all.html").read_bytes()


def test_the_same_store_gives_the_same_bytes(store, page):
    """Neither time nor chance is in it."""
    again = store.with_name("again.html")
    run_here("report", "page", "-o", again, "--db", store)
    assert again.read_bytes() == page.read_bytes()


def test_a_condition_is_about_what_has_its_columns(store):
    """The others are left out, and it is said which."""
    output = store.with_name("some.html")
    made = summary("-o", output, "--db", store, "--where", "decade = 1950")
    assert (made["left_out"], {*made["sections"]}) == (["tracks", "midi"], {"chords", "playlists", "runs"})
    assert b"105 songs with" in output.read_bytes()
    text = run_here("report", "page", "-o", output, "--db", store, "--where", "bpm > 1", "--section", "audio")
    assert "does not apply to them: songs" in text
    assert b'<section id="chords">' not in output.read_bytes()


@pytest.mark.parametrize(
    "where",
    ["no_such_column = 1", "1 = = 2", "1); DROP TABLE songs; --", "1); COPY songs TO 'none.html'; --"],
)
def test_a_condition_that_is_none_is_refused(store, where):
    """With what would be one; nothing is written."""
    output = store.with_name("none.html")
    where = where.replace("none.html", str(output.with_suffix(".csv")))
    said = run_here("report", "page", "-o", output, "--db", store, "--where", where, expect=2)
    assert not output.with_suffix(".csv").exists()
    assert "--where is not a valid condition" in said
    assert not output.exists()


def test_a_page_of_nothing_is_an_error(store):
    """A condition that nothing meets, for one."""
    output = store.with_name("none.html")
    options = ("--where", "decade = 1234", "--section", "chords")
    assert "nothing to show" in run_here("report", "page", "-o", output, "--db", store, *options, expect=1)


@pytest.mark.parametrize("name", ["report.png", "music.duckdb"])
def test_the_page_takes_no_place_of_others(store, name):
    """Neither that of the store nor one whose name says something else."""
    before = store.read_bytes()
    run_here("report", "page", "-o", store.with_name(name), "--db", store, expect=2)
    assert store.read_bytes() == before


def test_a_sample_is_spread_over_the_store_and_always_the_same(store, tmp_path):
    """As many from every run of neighbors."""
    copy = tmp_path / "large.duckdb"
    shutil.copy(store, copy)
    with open_store(copy) as connection:
        for table in ("songs", "song_harmony", "song_tokens"):
            connection.execute(
                f"INSERT INTO {table} SELECT rows.* REPLACE (song_id + 739 * copy AS song_id) "
                f"FROM {table} AS rows, range(1, 20) AS copies(copy)"
            )
        narrow(connection, None)
        assert sample_songs(connection, 4000) == 4096
        chosen = connection.execute("SELECT song_id FROM sample_songs ORDER BY song_id").fetchall()
        assert (chosen[0], chosen[-1]) == ((1,), (7390 + 2048,))
        assert connection.execute("SELECT count(*) FROM songs_current").fetchall() == [(4096,)]
        assert connection.execute("SELECT count(*) FROM song_tokens").fetchall() == [(4096,)]


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium")
def test_a_browser_shows_it_without_a_word(page, tmp_path):
    """No message, request or scrolling sideways; enough contrast, hostile text as text, sorting, search."""
    with browser(tmp_path) as shown:
        for width in (360, 1280):
            for dark in (False, True):
                shown.open(page, width, dark=dark)
                wide = shown.evaluate("document.documentElement.scrollWidth")
                assert wide <= width
                assert shown.evaluate(CONTRASTS) == {}
        opened = "for (const each of document.querySelectorAll('details')) each.open = true"
        shown.open(page, 360)
        shown.evaluate(opened)
        assert shown.evaluate("document.documentElement.scrollWidth") <= 360
        assert shown.evaluate("document.querySelectorAll('script').length") == 1
        first_sound = shown.evaluate("document.querySelector('audio').src")
        assert unquote(first_sound).endswith("/music/1.flac")
        assert HOSTILE in shown.evaluate("document.getElementById('tracks').textContent")
        assert HOSTILE in shown.evaluate("document.getElementById('rejects').textContent")
        first = "document.querySelector('#keys tbody tr').textContent"
        shown.evaluate("document.querySelector('#keys th button').click()")
        assert shown.evaluate(first).startswith("A Major")
        shown.evaluate(
            "{const field = document.querySelector('#keys input'); field.value = 'bb MAJOR';"
            "field.dispatchEvent(new Event('input'))}"
        )
        visible = "[...document.querySelectorAll('#keys tbody tr')].filter((row) => !row.hidden).length"
        assert shown.evaluate(visible) == 1
        assert shown.said == []
        # The browser draws the controls of sounds with pictures of its own.
        asked_for = {url for url in shown.asked_for if not url.startswith("data:")}
        assert asked_for == {page.absolute().as_uri()}
