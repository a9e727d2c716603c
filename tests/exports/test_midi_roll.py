"""Piano rolls: every note where it is, whatever the names say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import mido

from etl.pipelines.midi.roll import draw_roll
from tests.support.midi_oracle import midi_bytes
from tests.support.whole_store import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def roll_of(folder, *tracks):
    """Draw a file of these tracks."""
    (folder / "song.mid").write_bytes(midi_bytes([*map(list, tracks)]))
    made = draw_roll(folder / "song.mid", folder / "song.svg")
    return made, ET.parse(folder / "song.svg").getroot()  # noqa: S314 - of our own making


def note(pitch, ticks):
    """Give a note of so many ticks."""
    return mido.Message("note_on", note=pitch, velocity=64), mido.Message("note_off", note=pitch, time=ticks)


def test_notes_are_where_they_sound(tmp_path):
    """A second is 40 units; the second note is a beat later and an octave higher."""
    made, root = roll_of(tmp_path, [*note(60, 480), *note(72, 960), *note(60, 480 * 20)])
    assert (made.notes, made.parts) == (3, 1)
    (path,) = [each for each in root.iter(f"{SVG}path") if (each.get("class") or "").startswith("p")]
    strokes = [[*map(float, each)] for each in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", path.get("d", ""))]
    assert [stroke[0] - strokes[0][0] for stroke in strokes] == [0, 20, 60]
    assert [stroke[2] for stroke in strokes] == [20, 40, 400]
    assert strokes[0][1] - strokes[1][1] == 12 * 7


def test_bar_lines_follow_the_tempo(tmp_path):
    """From the third bar on the tempo is half: a bar is twice as wide."""
    slow = mido.MetaMessage("set_tempo", tempo=1_000_000, time=480 * 8)
    _, root = roll_of(tmp_path, [slow], note(60, 480 * 16))
    grid = next(each for each in root.iter(f"{SVG}path") if each.get("class") == "g")
    bars = [float(each) for each in re.findall(r"M([\d.]+) ", grid.get("d", ""))]
    assert [bar - bars[0] for bar in bars[:4]] == [0, 80, 160, 320]


def test_a_hostile_name_is_text_and_equal_files_give_equal_bytes(tmp_path):
    """It names its part; nothing is in the picture that is not drawn there."""
    named = mido.MetaMessage("track_name", name=HOSTILE)
    made, root = roll_of(tmp_path, [named, *note(60, 480)])
    before = made.output.read_bytes()
    assert {each.tag for each in root.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "text", "rect", "path")
    }
    assert HOSTILE in "".join(root.itertext())
    roll_of(tmp_path, [named, *note(60, 480)])
    assert made.output.read_bytes() == before


def test_a_file_without_notes_is_an_empty_roll(tmp_path):
    """Not an error: there is nothing to draw."""
    made, _ = roll_of(tmp_path, [])
    assert made.notes == 0
