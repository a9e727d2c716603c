"""Parts as things of their own: analyzed, found, named, exported."""
# mypy: disable-error-code="no-untyped-call,no-any-return,type-arg,arg-type,union-attr"

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import mido
import numpy as np
import polars as pl
import pytest

from etl.cli.midi_options import read_workers
from etl.midi.mpc import DriveFormat, Layout, ProgressionPlace
from etl.midi.reader import read_files
from etl.midi.rework import Rework
from etl.pipelines.midi.delivery import Delivery, run_and_deliver
from etl.pipelines.midi.drive_files import DriveOptions, Patterns
from etl.pipelines.midi.export import export_drive, export_tables
from etl.pipelines.midi.find import find_files, find_parts
from etl.pipelines.midi.rename import rename_library
from etl.pipelines.midi.rename_journal import undo
from etl.pipelines.midi.request import MidiRun, PartsWanted, Stage
from etl.pipelines.midi.run import run_midi
from etl.runtime.disk import targets
from etl.runtime.errors import EtlError
from etl.runtime.resources import resource
from etl.store.database import read_store
from tests.support.empty_store import empty_store
from tests.support.midi_oracle import midi_bytes

BAR = 1920
# A minor: i iv V i
ROOTS = (57, 50, 52, 57)
TRIADS = ((57, 60, 64), (57, 62, 65), (56, 59, 64), (57, 60, 64))
SCALE = (69, 72, 71, 76, 74, 72, 71, 69)


def notes(track: list[Any], channel: int, events: list[tuple[int, int, int]]) -> list[Any]:
    """Add notes, given as start, length and pitch in ticks, to a track."""
    moments = []
    for start, length, pitch in events:
        moments.append((start, 1, mido.Message("note_on", channel=channel, note=pitch, velocity=100)))
        moments.append((start + length, 0, mido.Message("note_off", channel=channel, note=pitch)))
    now = 0
    for tick, _, message in sorted(moments, key=lambda moment: moment[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return track


@cache
def song(bars: int, *, silent: int = 0, metre: tuple[int, int] = (4, 4)) -> bytes:
    """Write drums, bass, chords and a melody, each on a track of its own, at 124 beats a minute."""
    head = [
        mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(124)),
        mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1]),
    ]
    places = [((silent + bar) * BAR, bar % 4) for bar in range(bars)]
    kit = [(at + beat * 480, 60, 36 if beat % 2 == 0 else 38) for at, _ in places for beat in range(4)]
    kit += [(at + step * 240, 60, 42) for at, _ in places for step in range(8)]
    bass = [(at + step * 240, 200, ROOTS[turn] - 24) for at, turn in places for step in range(8)]
    chords = [(at, BAR - 20, pitch) for at, turn in places for pitch in TRIADS[turn]]
    melody = [
        (at + step * 240, 220, SCALE[(step * (turn + 1)) % 8]) for at, turn in places for step in range(8)
    ]

    def named(name: str, channel: int, program: int) -> list[Any]:
        return [
            mido.MetaMessage("track_name", name=name),
            mido.Message("program_change", channel=channel, program=program),
        ]

    return midi_bytes(
        [
            head,
            notes([mido.MetaMessage("track_name", name="Kit")], 9, sorted(kit)),
            notes(named("low", 0, 33), 0, bass),
            notes(named("keys", 1, 4), 1, chords),
            notes(named("top", 2, 73), 2, melody),
        ]
    )


def loop() -> bytes:
    """Write four bars of chords."""
    chords = [(bar * BAR, BAR - 20, pitch) for bar, chord in enumerate(TRIADS) for pitch in chord]
    return midi_bytes([notes([], 0, chords)])


@pytest.fixture(scope="module")
def top(tmp_path_factory) -> Path:
    """Fill a library once; tests that change it make their own."""
    folder = tmp_path_factory.mktemp("parts")
    fill(folder)
    return folder


def fill(top: Path) -> None:
    """Run over a long song, a short one that begins late, and a loop."""
    (top / "in" / "pack one").mkdir(parents=True)
    (top / "in" / "pack one" / "Long Song.mid").write_bytes(song(32))
    (top / "in" / "Short.mid").write_bytes(song(8, silent=2))
    (top / "in" / "loop.mid").write_bytes(loop())
    run_midi(request(top))


def request(top: Path, **options: Any) -> MidiRun:
    """Say what is run."""
    places = (top / "in",), empty_store(top / "m.duckdb"), top / "library"
    return MidiRun(*places, frozenset(Stage), workers=0, **options)


def parts(top: Path, name: str) -> dict[str, dict[str, Any]]:
    """Rows of the view of parts of a file, by the name of the track."""
    with read_store(top / "m.duckdb") as connection:
        rows = connection.sql("SELECT * FROM midi_parts WHERE path LIKE ?", params=[f"%{name}"]).pl()
    return {row["name"]: row for row in rows.iter_rows(named=True)}


def test_each_part_is_analyzed_like_a_file(top: Path):
    """Category, key, bars, tempo and metre of each part; drums have no key."""
    found = parts(top, "Long Song.mid")
    assert {name: row["category"] for name, row in found.items()} == {
        "Kit": "Drums", "low": "Bass", "keys": "Chords", "top": "Melody",
    }  # fmt: skip
    assert {row["key"] for name, row in found.items() if name != "Kit"} == {"A Minor"}
    assert found["Kit"]["key"] is None
    assert {row["bars"] for row in found.values()} == {32}
    assert {(row["bpm"], row["numerator"], row["denominator"]) for row in found.values()} == {(124.0, 4, 4)}
    assert (found["keys"]["polyphony"], found["low"]["mean_polyphony"]) == (3, 1.0)
    assert (found["low"]["pitch_min"], found["low"]["pitch_max"]) == (26, 33)
    assert all(row["category_reason"] for row in found.values())
    assert "bass" in found["low"]["tags"]
    assert found["keys"]["chords"][:5] == ["Amin", "Dmin/A", "E/Gs", "Amin", "Dmin/A"]
    assert found["keys"]["chord_beats"][:3] == [4, 4, 4]
    assert [found[name]["chords"] for name in ("Kit", "low", "top")] == [[], [], []]
    assert found["low"]["song_chords"] == found["Kit"]["song_chords"] != []
    assert [sum(row["pitch_class_profile"]) for row in found.values()] == pytest.approx([1.0] * 4)


def test_a_part_counts_its_own_bars_and_notes(top: Path):
    """Bars are those it reaches over; the same notes later in a song have the same hash."""
    short, long = parts(top, "Short.mid"), parts(top, "Long Song.mid")
    assert {row["bars"] for row in short.values()} == {8}
    assert short["low"]["note_hash"] != long["low"]["note_hash"]
    split = next((top / "library").rglob("Short_t03_ch01_*.mid")).read_bytes()
    alone = top / "alone"
    (alone / "in").mkdir(parents=True, exist_ok=True)
    (alone / "in" / "part.mid").write_bytes(split)
    run_midi(request(alone))
    with read_store(alone / "m.duckdb") as connection:
        ((of_file, of_part),) = connection.execute(
            "SELECT f.note_hash, p.note_hash FROM midi_files f JOIN midi_parts p USING (sha256)"
        ).fetchall()
    assert of_file == of_part == short["low"]["note_hash"]


def test_the_one_part_of_a_file_is_what_the_file_is(top: Path):
    """Key, category and name in the library of a loop are those of its part."""
    file = find_files(top / "m.duckdb", words=("loop",)).row(0, named=True)
    part = find_parts(top / "m.duckdb", words=("loop",)).row(0, named=True)
    assert (file["category"], file["bars"]) == ("Progressions", 4)
    for name in ("key", "category", "library_name", "bars"):
        assert file[name] == part[name], name


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"instrument": "bass"}, {"low"}),
        ({"instrument": "fingered bass"}, {"low"}),
        ({"instrument": "flute"}, {"top"}),
        ({"instrument": "drums"}, {"Kit"}),
        ({"category": "mel"}, {"top"}),
        ({"words": ("KEYS", "song")}, {"keys"}),
        ({"key": "Am", "category": "bass", "bars": "20-40", "bpm": "124"}, {"low"}),
        ({"bars": "20-40", "metre": "4/4"}, {"Kit", "low", "keys", "top"}),
        ({"bars": "20-40", "metre": "3/4"}, set()),
        ({"bars": "20-40", "chords": "i iv V i iv"}, {"Kit", "low", "keys", "top"}),
        ({"chords": "i VI"}, set()),
    ],
)
def test_parts_are_found_by_what_they_are(top: Path, asked, found):
    """Each condition narrows the list of parts."""
    rows = find_parts(top / "m.duckdb", **asked)
    rows = rows.filter(pl.col("path").str.ends_with("Long Song.mid"))
    assert set(rows["name"]) == found


def test_files_are_found_by_their_parts_and_chords(top: Path):
    """A file has the instruments of its parts; chords follow one another in its key."""

    def stems(**asked: Any) -> set[str]:
        return {Path(path).stem for path in find_files(top / "m.duckdb", **asked)["path"]}

    assert stems(instrument="flute") == {"Long Song", "Short"}
    assert stems(instrument="flute", bars="32") == {"Long Song"}
    assert stems(chords="i iv V i") == {"Long Song", "Short", "loop"}
    assert stems(chords="i, iv, V, i, iv") == {"Long Song", "Short"}
    assert stems(chords="I IV") == set()
    assert stems(words=("song",)) == {"Long Song"}
    assert stems(words=("pack one",)) == set()


def test_chords_of_a_part_are_its_own_and_not_those_around_it(tmp_path: Path):
    """A pad that holds one chord under changing ones is not found by these; the bass below them is."""
    (tmp_path / "in").mkdir()
    chords = [(bar * BAR, BAR - 20, pitch + 12) for bar in range(16) for pitch in TRIADS[bar % 4]]
    pad = [(bar * BAR, BAR - 20, pitch) for bar in range(16) for pitch in (45, 52)]
    bass = [(bar * BAR, BAR - 20, ROOTS[bar % 4] - 24) for bar in range(16)]
    tracks = (("keys", 0, chords), ("pad", 1, pad), ("low", 2, bass))
    named = [
        notes([mido.MetaMessage("track_name", name=name)], channel, played)
        for name, channel, played in tracks
    ]
    (tmp_path / "in" / "song.mid").write_bytes(midi_bytes([[], *named]))
    run_midi(request(tmp_path))
    found = parts(tmp_path, "song.mid")
    assert found["keys"]["chords"][:4] == ["Amin", "Dmin/A", "E/Gs", "Amin"]
    assert len(found["pad"]["chords"]) == 1
    assert set(find_parts(tmp_path / "m.duckdb", chords="i iv V i")["name"]) == {"keys", "low"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"bars": "8-4"}, {"bars": "few"}, {"bars": ""}, {"metre": "3"}, {"metre": "4/5"}, {"metre": ""},
        {"chords": ""}, {"chords": "I H"}, {"chords": "I " * 40}, {"instrument": ""}, {"instrument": "pinao"},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(top: Path, wrong):
    """A slip of the pen is an error with a hint, not an empty list."""
    with pytest.raises(EtlError) as error:
        find_parts(top / "m.duckdb", **wrong)
    assert error.value.hint


def names(top: Path) -> list[str]:
    """Names of the files in a library, sorted."""
    return sorted(path.name for path in (top / "library").rglob("*.mid"))


def test_parts_are_renamed_by_what_they_are_and_back(tmp_path: Path):
    """With their files, alone, or after them; names are unique, again changes nothing, undo takes it back."""
    fill(tmp_path)
    before = names(tmp_path)
    template = "{bpm}bpm_{key}_{category}"

    def renamed(choice: PartsWanted) -> int | None:
        return rename_library(
            tmp_path / "library", tmp_path / "m.duckdb", template=template, parts=choice
        ).run_id

    first = renamed(PartsWanted.ONLY)
    assert {"Long_Song.mid", "Short.mid", "loop.mid"} <= set(names(tmp_path))
    assert {"124bpm_Amin_bass.mid", "124bpm_Amin_bass_1.mid", "124bpm_nokey_drums.mid"} <= set(
        names(tmp_path)
    )
    second = renamed(PartsWanted.ALSO)
    assert len({name.lower() for name in names(tmp_path)}) == len(before)
    assert renamed(PartsWanted.ALSO) is None
    third = renamed(PartsWanted.NO)
    assert sum("_t03_ch01_fingered_bass" in name for name in names(tmp_path)) == 2
    for run_id in (third, second, first):
        undo(tmp_path / "m.duckdb", run_id)
    assert names(tmp_path) == before


def export(top: Path, drive: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """Export for the MPC; the index by path."""
    export_drive(
        top / "library", top / "m.duckdb", drive, DriveFormat.MPC_ONE, options=DriveOptions(**options)
    )
    index = json.loads((drive / "METADATA" / "file_index.json").read_text())
    assert all((drive / entry["path"]).is_file() for entry in index["files"])
    return {entry["path"].removeprefix("MPC_Documents/"): entry for entry in index["files"]}


def test_a_drive_has_each_part_where_it_belongs(top: Path, tmp_path: Path):
    """The bass line goes to Bass, the melody to Melody; only what is a progression goes to Progressions."""
    files = export(top, tmp_path / "drive", patterns=Patterns.NO)
    assert {path for path in files if "Long_Song" in path} == {
        "SAMPLES/Loops/Long_Song.mid",
        "SAMPLES/Drums/Long_Song_t02_ch10_drums.mid",
        "SAMPLES/Bass/Long_Song_t03_ch01_fingered_bass.mid",
        "SAMPLES/Chords/Long_Song_t04_ch02_electric_piano_1.mid",
        "SAMPLES/Melody/Long_Song_t05_ch03_flute.mid",
    }
    assert {"Progressions/loop.mid", "Progressions/loop.progression"} <= set(files)
    bass = files["SAMPLES/Bass/Long_Song_t03_ch01_fingered_bass.mid"]
    assert (bass["bpm"], bass["key"], bass["name"]) == (124.0, "A Minor", "low")
    assert bass["source"].endswith("pack one/Long Song.mid")
    assert "bass" in bass["tags"]
    only = export(top, tmp_path / "only", parts=PartsWanted.ONLY, patterns=Patterns.NO)
    assert set(files) - set(only) == {
        "SAMPLES/Loops/Long_Song.mid",
        "Progressions/Short.mid",
        "Progressions/Short.progression",
    }
    without = export(top, tmp_path / "without", parts=PartsWanted.NO, patterns=Patterns.NO)
    assert len(without) == 5
    again = export_drive(
        top / "library",
        top / "m.duckdb",
        tmp_path / "drive",
        DriveFormat.MPC_ONE,
        options=DriveOptions(patterns=Patterns.NO),
    )
    assert (again.copied, again.removed) == (0, 0)


def test_patterns_say_what_the_notes_say(top: Path, tmp_path: Path):
    """A pattern beside what has one part and up to 64 bars holds its notes, 960 to a quarter."""
    files = export(top, tmp_path / "drive")
    patterns = sorted(path for path in files if path.endswith(".mpcpattern"))
    assert len(patterns) == 9
    schema = json.loads((resource("schemas") / "metadata" / "mpc_pattern.json").read_text())
    rules = schema["properties"]["pattern"]["properties"]["events"]["items"]
    for path in patterns:
        midi = (tmp_path / "drive" / "MPC_Documents" / path).with_suffix(".mid").read_bytes()
        written = json.loads((tmp_path / "drive" / "MPC_Documents" / path).read_text())["pattern"]
        batch = read_files([midi])
        held = [event for event in written["events"] if event["type"] == 2]
        assert written["length"] == 2**63 - 1
        assert all(set(event) == set(rules["required"]) for event in written["events"])
        assert [event["1"] for event in held] == batch.notes["pitch"].tolist()
        assert [event["time"] for event in held] == (batch.notes["start_tick"] * 2).tolist()
        assert [round(event["2"] * 127) for event in held] == batch.notes["velocity"].tolist()
        assert all(event["len"] > 0 for event in held)


def test_what_the_library_has_lost_stays_on_the_drive_with_its_pattern(tmp_path: Path):
    """A deleted part is counted, and neither it nor its pattern is taken from the drive."""
    fill(tmp_path)
    drive = tmp_path / "drive"
    before = export(tmp_path, drive)
    next((tmp_path / "library").rglob("*_fingered_bass.mid")).unlink()
    left = export_drive(tmp_path / "library", tmp_path / "m.duckdb", drive, DriveFormat.MPC_ONE)
    assert (left.copied, left.removed, left.damaged) == (0, 0, 1)
    assert export(tmp_path, drive).keys() == before.keys()


def test_files_are_transposed_set_to_a_tempo_and_trimmed(top: Path, tmp_path: Path):
    """Pitched notes move to the key, drums do not; one tempo; silent bars are gone; the index says so."""
    files = export(top, tmp_path / "drive", changes=Rework("D Minor", 100.0, trim=True))
    plain = export(top, tmp_path / "plain")
    assert set(files) == set(plain)
    for path in (path for path in files if path.endswith(".mid")):
        changed, before = (
            read_files([(tmp_path / name / "MPC_Documents" / path).read_bytes()])
            for name in ("drive", "plain")
        )
        up = np.where(before.notes["channel"] == 9, 0, 5)
        late = 2 * BAR if "Short" in path else 0
        order = np.lexsort((before.notes["channel"], before.notes["pitch"], before.notes["start_tick"]))
        again = np.lexsort((changed.notes["channel"], changed.notes["pitch"], changed.notes["start_tick"]))
        assert (changed.notes["start_tick"][again] == before.notes["start_tick"][order] - late).all(), path
        for channel in np.unique(before.notes["channel"]):
            of = before.notes["channel"] == channel
            assert sorted(changed.notes["pitch"][changed.notes["channel"] == channel]) == sorted(
                before.notes["pitch"][of] + up[of]
            )
        assert changed.tempos["microseconds"].tolist() == [600_000] * len(changed.tempos)
        assert files[path]["bpm"] == 100.0
        assert files[path]["key"] in {"D Minor", None}
    chords = json.loads(
        (tmp_path / "drive" / "MPC_Documents" / "Progressions" / "loop.progression").read_text()
    )
    assert chords["progression"]["rootNote"] == "D"
    assert chords["progression"]["chords"][0]["name"] == "Dm"


def test_a_drive_is_sorted_by_pack_or_letter(top: Path, tmp_path: Path):
    """Folders are named by the pack or by the first letter; progressions may be at the root."""
    options = {"patterns": Patterns.NO, "progressions": ProgressionPlace.ROOT}
    packs = export(top, tmp_path / "packs", layout=Layout.PACK, **options)
    assert "SAMPLES/Packs/pack_one/Long_Song.mid" in packs
    assert "SAMPLES/Packs/in/Short_t03_ch01_fingered_bass.mid" in packs
    assert {path for path in packs if path.endswith(".progression")} == {
        "Progressions/loop.progression", "Progressions/Short.progression",
    }  # fmt: skip
    assert (tmp_path / "packs" / "Progressions" / "loop.progression").is_file()
    letters = export(top, tmp_path / "packs", layout=Layout.LETTER, patterns=Patterns.NO)
    assert "SAMPLES/Letters/l/Long_Song.mid" in letters
    assert not list((tmp_path / "packs" / "Progressions").glob("*"))


def test_matrices_and_tables_hold_parts(top: Path, tmp_path: Path):
    """The NPZ file has the parts of each file, and a table of parts can be had instead of one of files."""
    export_tables(
        top / "m.duckdb", npz=tmp_path / "m.npz", parquet=tmp_path / "m.parquet", parts=PartsWanted.ONLY
    )
    table = pl.read_parquet(tmp_path / "m.parquet")
    assert table.height == 9
    assert {"key", "category", "bpm", "tags", "path", "instrument"} <= set(table.columns)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as arrays:
        ids = arrays["ids"][arrays["part_file"]]
        assert ids.tolist() == table["sha256"].to_list()
        assert arrays["category_names"][arrays["part_category"]].tolist() == table["category"].to_list()
        assert arrays["part_pitch_class_profile"].shape == (9, 12)
        figures = dict(zip(arrays["part_figure_names"].tolist(), arrays["part_figures"].T, strict=True))
        assert figures["bars"].tolist() == table["bars"].to_list()
        assert arrays["part_channel"].tolist() == table["channel"].to_list()


def test_a_run_renames_and_exports_at_once(tmp_path: Path, monkeypatch):
    """One call reads, names and fills a drive; a drive that is not there is said before anything is read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mid").write_bytes(song(4))
    (tmp_path / "media" / "MPC").mkdir(parents=True)
    monkeypatch.setattr(targets, "_DRIVES", (tmp_path / "media", tmp_path / "mnt", tmp_path / "media"))
    for missing in ("MPC", "user/MPC"):
        with pytest.raises(EtlError, match=r"is empty|does not exist"):
            run_and_deliver(request(tmp_path), Delivery(target=tmp_path / "media" / missing))
    assert not (tmp_path / "library").exists()
    with pytest.raises(EtlError, match="artist"):
        run_and_deliver(request(tmp_path), Delivery(template="{artist}"))
    assert not (tmp_path / "library").exists()
    done = run_and_deliver(request(tmp_path), Delivery("{bpm}_{category}", tmp_path / "drive"))
    assert (done.read, len(done.renames.files)) == (1, 5)
    assert (tmp_path / "drive" / "Force_Documents" / "SAMPLES" / "Bass" / "124_bass.mid").is_file()


def test_several_numbers_of_workers_are_one_pool():
    """The largest counts; what is no number is refused."""
    assert read_workers("32,64,32,48,64,16") == 64
    assert read_workers("2") == 2
    for wrong in ("", "a", "2;3", "-1", "2,"):
        with pytest.raises(EtlError):
            read_workers(wrong)
