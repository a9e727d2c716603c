"""`etl evaluate keys`: measure the key finders on annotated songs."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from etl.chords.keys import KeyMethod
from etl.cli.main import app
from etl.pipelines.data3.evaluate_keys import evaluate_keys
from etl.runtime.errors import EtlError
from etl.runtime.resources import resource

SONGS = [
    ("1", "C F G C", "C Major"),
    ("2", "Amin Dmin E7 Amin", "A minor"),
    ("3", "D G A7 D", "G:maj"),  # annotated a fifth too low: found a fifth above
    ("4", "C F G C", ""),
    ("5", "C F G C", "atonal"),
]


@pytest.fixture
def annotated(tmp_path):
    """Write a file of songs with keys, one row broken."""
    path = tmp_path / "songs.csv"
    lines = ["id,chords,key", *(",".join(song) for song in SONGS), "6,too,many,fields"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_songs_are_scored_and_what_is_left_out_is_counted(annotated):
    """Every row is either compared or in one of the reasons."""
    result = evaluate_keys(annotated, bands=1)
    assert result.songs == 3
    assert sorted(result.left_out.values()) == [1, 1, 1]
    for method in KeyMethod:
        scores = result.scores[method].row(0, named=True)
        assert scores["songs"] == 3
        assert (scores["exact"], scores["fifth"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
        assert scores["mirex"] == pytest.approx(2.5 / 3)
    assert not result.is_training_data


def test_the_truth_may_be_a_file_of_its_own():
    """The bundled songs with their truth file; they are known as what the model was trained on."""
    songs, truth = (resource(f"sample/billboard_{part}.csv") for part in ("chordonomicon", "truth"))
    result = evaluate_keys(songs, truth=truth, methods=[KeyMethod.KRUMHANSL])
    assert result.is_training_data
    assert result.songs == 731
    assert result.scores[KeyMethod.KRUMHANSL]["exact"][0] == pytest.approx(0.705, abs=5e-4)


def test_the_command_prints_both_methods_and_every_band(annotated):
    """Tables of scores and reliability."""
    result = CliRunner().invoke(app, ["evaluate", "keys", str(annotated), "--bands", "2"])
    assert result.exit_code == 0, result.output
    assert result.output.count("\n0-50 % ") == result.output.count("\n50-100 % ") == 2
    for word in ("\ntrained\n", "\nkrumhansl\n", "mirex", "calibration error", "3 songs compared"):
        assert word in result.output


def test_a_file_without_keys_says_what_keys_look_like(tmp_path):
    """The error shows what was found and how a key is written."""
    path = tmp_path / "songs.csv"
    path.write_text("id,chords,key\n1,C F G C,dorian\n", encoding="utf-8")
    with pytest.raises(EtlError, match="'dorian'") as error:
        evaluate_keys(path)
    assert "C Major" in str(error.value)


def test_a_missing_column_is_named(annotated):
    """The error lists the columns there are."""
    with pytest.raises(EtlError, match="global_key"):
        evaluate_keys(annotated, key_column="global_key")


@pytest.mark.parametrize("flags", [["--format", "json"], ["--json"]])
def test_figures_are_written_as_json(annotated, flags):
    """Both spellings give the same document; the confidences say which they are."""
    result = CliRunner().invoke(app, ["evaluate", "keys", str(annotated), *flags])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {"band", "lowest_confidence", "exact"} <= document["scores"]["trained"][0].keys()
    assert "mean_confidence" in document["reliability"]["krumhansl"][0]


def test_scores_are_written_as_csv(annotated):
    """A row for each method and band, ready for a spreadsheet."""
    result = CliRunner().invoke(app, ["evaluate", "keys", str(annotated), "--bands", "2", "--format", "csv"])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [(row["method"], row["band"]) for row in rows] == [
        (method, band) for method in KeyMethod for band in ("all", "0-50 %", "50-100 %")
    ]
    assert float(rows[0]["lowest_confidence"]) <= float(rows[1]["lowest_confidence"])
