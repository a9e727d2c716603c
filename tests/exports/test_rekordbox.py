"""Collections for Rekordbox: where tracks are, what they are called, and a grid that lies on their beats."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from etl.exports.rekordbox import TOLERANCE_S, beat_grid, write_rekordbox
from etl.pipelines.audio.rekordbox import export_rekordbox
from etl.runtime.errors import EtlError
from etl.store.database import open_store

TRACK = {
    "path": "/music/Ännä & <Ben>/100% #1.flac", "kind": "flac", "size_bytes": 10, "title": 'A "b" & <c>\x07',
    "artist": None, "album": "Álbum", "genre": "House", "disc_number": None, "track_number": 3, "year": 1999,
    "duration_s": 200.4, "bpm": 126.25, "bitrate_kbps": 900.2, "sample_rate_hz": 44100,
    "key_name": "F# Minor", "composer": "C", "label": "L", "meter": None,
    "beat_times_s": (0.1 + 60 / 126.25 * np.arange(300)).tolist(),
}  # fmt: skip


def grid_beats(grid, end):
    """Lay out the beats of a grid up to a time."""
    beats = []
    for (first, bpm, _), stop in zip(grid, [*(tempo.first_s for tempo in grid[1:]), end], strict=True):
        beats += np.arange(first, stop - 30 / bpm, 60 / bpm).tolist()
    return np.array(beats)


def test_a_collection_reads_as_rekordbox_reads_it(tmp_path):
    """Attributes, key as in players, a location that leads to the file, and one tempo for a steady track."""
    output = tmp_path / "c.xml"
    assert write_rekordbox([TRACK, {**TRACK, "beat_times_s": [], "bpm": None, "key_name": None}], output) == 2
    root = ET.fromstring(output.read_bytes())  # noqa: S314 -- our own
    collection = root.find("COLLECTION")
    assert collection is not None
    assert collection.get("Entries") == "2"
    first, second = collection
    assert first.get("Name") == 'A "b" & <c>'
    assert first.get("Tonality") == "F#m"
    assert first.get("AverageBpm") == "126.25"
    assert first.get("Artist") is None
    location = first.get("Location") or ""
    assert location.startswith("file://localhost/music/")
    assert unquote(location.removeprefix("file://localhost")) == TRACK["path"]
    assert [tempo.attrib for tempo in first] == [
        {"Inizio": "0.100", "Bpm": "126.25", "Metro": "4/4", "Battito": "1"}
    ]
    assert not list(second)
    assert (first.get("Composer"), first.get("Label")) == ("C", "L")
    assert [node.attrib for node in root.iterfind("PLAYLISTS/NODE")] == [
        {"Type": "0", "Name": "ROOT", "Count": "0"}
    ]


def test_a_waltz_counts_three_beats_to_a_bar(tmp_path):
    """Its grid says so, and where it begins anew its beats are counted on."""
    beats = np.cumsum([0.5] * 100 + [0.42] * 200)
    output = tmp_path / "c.xml"
    write_rekordbox([{**TRACK, "meter": 3, "beat_times_s": beats.tolist()}], output)
    tempi = list(ET.fromstring(output.read_bytes()).iter("TEMPO"))  # noqa: S314 -- our own
    assert {tempo.get("Metro") for tempo in tempi} == {"3/4"}
    assert len(tempi) > 1
    second = np.abs(beats - float(tempi[1].get("Inizio") or 0)).argmin()
    assert tempi[1].get("Battito") == str(second % 3 + 1)


def test_a_steady_track_has_one_tempo_however_its_beats_jitter():
    """Beats some milliseconds off are one tempo, within a hundredth of a beat a minute."""
    rng = np.random.default_rng(1)
    beats = 0.3 + 60 / 174.2 * np.arange(700) + rng.normal(0, 0.004, 700)
    ((first, bpm, beat),) = beat_grid(beats)
    assert beat == 1
    assert first == pytest.approx(0.3, abs=0.005)
    assert bpm == pytest.approx(174.2, abs=0.01)


def test_a_tempo_that_changes_is_followed():
    """After a change, and through a slow drift, every grid beat is on a beat of the track."""
    changed = np.cumsum([0.5] * 100 + [0.42] * 200)
    grid = beat_grid(changed)
    assert (round(grid[0].bpm), round(grid[-1].bpm)) == (120, 143)
    assert len(grid) <= 4
    drifting = np.cumsum(60 / np.linspace(110, 118, 400))
    for beats in (changed, drifting):
        laid = grid_beats(beat_grid(beats), beats[-1] + 1)
        nearest = np.abs(laid[:, None] - beats[None, :]).min(axis=1)
        assert np.quantile(nearest, 0.98) <= 2 * TOLERANCE_S


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 17])
def test_few_beats_make_a_grid_or_none(count):
    """A grid needs two beats."""
    grid = beat_grid(np.arange(count) * 0.5)
    assert [round(tempo.bpm) for tempo in grid] == ([120] if count > 1 else [])


def test_a_library_without_descriptions_is_refused(tmp_path):
    """There is no empty collection, and no file."""
    with open_store(tmp_path / "s.duckdb"):
        pass
    with pytest.raises(EtlError, match="no described track"):
        export_rekordbox(tmp_path / "s.duckdb", tmp_path / "c.xml")
    assert not (tmp_path / "c.xml").exists()
