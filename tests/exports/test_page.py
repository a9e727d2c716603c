"""The report page as text: nothing that a store holds can be more than text, and it asks for nothing."""

from __future__ import annotations

import doctest
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings, strategies

from etl.exports.page import charts, text, tracks
from etl.exports.page.charts import bars, circle_of_fifths, columns, graph, heat, number, scatter, steps
from etl.exports.page.document import MOST_BYTES, Figure, Section, Table, document
from etl.exports.page.text import escaped, shortened, width
from etl.exports.page.tracks import playlist_figures
from etl.runtime.resources import resource
from tests.support.whole_store import HOSTILE


class Elements(HTMLParser):
    """Counts the elements of a page, and collects the names of their attributes and what its text says."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        """Count one more."""
        self.names[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        """Keep its text."""
        self.text += data

    def counts(self) -> dict[str, int]:
        """Count what text may not change: it has tooltips where it is cut, and commands in it are marked."""
        return {name: count for name, count in self.names.items() if name not in {"title", "code"}}


def page_of(text: str) -> bytes:
    """Give a page in which a text stands wherever a text can stand."""
    charts = [
        bars([(text, 1), (text, 2)]),
        columns([(text, 1)]),
        heat([text], [text], [[1]]),
        graph([text, text + "2"], [[0, 1], [1, 0]]),
        scatter([(0, 0, text), (1, 1, text), (2, 0, text)], [0, 1, 2]),
        steps([1, None, 2], [text, text, text]),
    ]
    table = Table(("name", "count"), [(text, 1)])
    figures = [Figure(f"f{place}", text, text, table, chart) for place, chart in enumerate(charts)]
    track = (text, text, text, 1, text, "8B", -9, None)
    figures += playlist_figures(1, text, [track], [text], [("a.ogg", text)])
    return document(text, [Section("one", text, text, figures)])


@settings(max_examples=30)
@given(strategies.text(strategies.characters(exclude_categories=[]), max_size=30))
def test_any_text_stays_text(text):
    """No text changes which elements a page has, a hostile one least of all."""
    found, plain = Elements(page_of(text)), Elements(page_of("plain"))
    assert found.counts() == plain.counts()
    assert found.attributes <= plain.attributes


@pytest.mark.parametrize("text", [HOSTILE, '"><img src=x onerror=alert(1)>', "'-->]]>&lt;"])
def test_hostile_text_is_shown(text):
    """As it is, and as text."""
    assert text in Elements(page_of(text)).text


def test_what_cannot_be_printed_is_replaced():
    """Stray bytes of file names, NUL, and signs that turn the writing around."""
    page = page_of("a\udcff\x00\u202eb").decode()
    assert "a\ufffd\ufffd\ufffdb" in page
    assert not {"\x00", "\u202e"} & {*page}


def test_a_page_asks_for_nothing():
    """It refers to nothing but itself and its recordings; scripts and styles are those whose hash it says."""
    page = page_of("plain").decode()
    assert "default-src 'none'" in page
    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) == {"#one", "a.ogg"}
    assert not re.search(r' (?:style|on\w+)="', page)
    assert "http" not in page.replace('http-equiv="', "")


def test_the_script_is_small():
    """At most five kilobytes of our own."""
    assert resource("exports/page/page.js").stat().st_size <= 5_000


def test_a_page_is_never_too_large():
    """Tables give way: their first rows stay, and it is said how many there are."""
    rows = [(f"{place} " + "x" * 50, place) for place in range(500)]
    figures = [Figure(f"f{place}", "t", "d", Table(("name", "count"), rows)) for place in range(30)]
    page = document("large", [Section("one", "One", "", figures)])
    assert len(page) <= MOST_BYTES
    assert b"<summary>150 of 500 rows</summary>" in page


def test_long_names_and_long_lists_make_no_large_page():
    """A map of as many recordings as there can be, and lists of a thousand, all with names without end."""
    name = "x" * 5000
    chart = scatter([(place % 40, place // 40, name) for place in range(1500)], [])
    figures = [Figure("map", "t", "d", Table(("name",), [(name,)] * 1500), chart)]
    track = (name, name, name, 1, "C Major", "8B", -9, None)
    for number_of_list in range(3):
        figures += playlist_figures(
            number_of_list,
            "",
            [track] * 1000,
            [name] * 1000,
            [(f"{place}.ogg", name) for place in range(1000)],
        )
    assert len(document("long", [Section("one", "One", "", figures)])) <= MOST_BYTES


def test_every_chart_has_a_name_and_a_description():
    """For those who do not see it."""
    page = page_of("plain").decode()
    named = re.findall(r'<svg role="img"[^>]* aria-labelledby="(\S+) (\S+)">', page)
    assert len(named) == page.count("<svg ") > 5
    for title, description in named:
        assert f'<title id="{title}">' in page
        assert f'<desc id="{description}">' in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_charts_of_nothing_are_charts():
    """Zeros and empty lists divide by nothing."""
    for chart in (bars([]), bars([("a", 0)]), columns([]), heat([], [], []), circle_of_fifths([0] * 24)):
        assert "nan" not in chart.marks
    assert "nan" not in steps([None], ["a"]).marks
    assert "nan" not in scatter([(1, 1, "a")], [0]).marks


@pytest.mark.parametrize("module", [charts, text, tracks])
def test_examples_run(module):
    """Those of the docstrings."""
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@given(strategies.floats(-1e9, 1e9))
def test_numbers_keep_three_digits(value):
    """Rounded, with thousands apart, and read back as about the same."""
    read = float(number(value).replace(",", ""))
    assert read == pytest.approx(value, rel=0.006, abs=0.0006)


@given(strategies.text(max_size=20), strategies.integers(1, 10))
def test_shortened_text_fits(text, columns_of_it):
    """Wide letters count twice."""
    assert width(shortened(text, columns_of_it)) <= max(columns_of_it, 1)
    assert escaped(shortened(text, 100)) == escaped(text)
