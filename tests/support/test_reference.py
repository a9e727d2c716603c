"""The index of the reference data: complete, and quick to say what is missing or changed."""

from __future__ import annotations

import csv
import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from etl.runtime.errors import EtlError
from tests.support.command_line import ROOT
from tests.support.reference import INDEX, checksums, has_reference, reference

if TYPE_CHECKING:
    from pathlib import Path

with INDEX.open(encoding="utf-8", newline="") as file:
    SETS = {row["path"]: row for row in csv.DictReader(file)}
BUNDLED = {
    "billboard/billboard_chordonomicon.csv": "etl/sample/billboard_chordonomicon.csv",
    "billboard/billboard_truth.csv": "etl/sample/billboard_truth.csv",
    "chordonomicon/suffixes.csv": "tests/data/chordonomicon/suffixes.csv",
}
SUFFIXES = ROOT / BUNDLED["chordonomicon/suffixes.csv"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that ``ETL_REFERENCE`` names."""
    monkeypatch.setenv("ETL_REFERENCE", str(tmp_path))
    return tmp_path


def test_every_file_belongs_to_one_set_with_its_source_and_licence() -> None:
    """A stranger learns of each file what it is, where it comes from and what may be done with it."""
    assert {name: len(checksums(name)) for name in SETS} == {n: int(s["files"]) for n, s in SETS.items()}
    assert sum(len(checksums(name)) for name in SETS) == len(checksums())
    assert all(all(text.strip() for text in row.values()) for row in SETS.values())


def test_files_that_are_bundled_too_are_the_same() -> None:
    """The index agrees with copies in the project, which are always at hand."""
    found = {name: hashlib.sha256((ROOT / copy).read_bytes()).hexdigest() for name, copy in BUNDLED.items()}
    assert found.items() <= checksums().items()


@pytest.mark.parametrize("name", SETS)
def test_the_data_at_hand_are_what_the_figures_were_measured_on(name: str) -> None:
    """All files of a set have their checksums."""
    if not has_reference(name):
        pytest.skip(f"the reference data `{name}` are not at hand (ETL_REFERENCE)")
    assert reference(name).is_dir()


def test_one_file_can_be_asked_for_by_itself(folder: Path) -> None:
    """A figure that needs one file does not need the rest of its set."""
    (folder / "chordonomicon").mkdir()
    shutil.copy(SUFFIXES, folder / "chordonomicon")
    assert reference("chordonomicon/suffixes.csv") == folder / "chordonomicon" / "suffixes.csv"
    with pytest.raises(EtlError, match=r"`chordonomicon/chords_mapping\.csv` are not in"):
        reference("chordonomicon")


def test_a_changed_file_is_named(folder: Path) -> None:
    """Figures from other data would look like figures from these."""
    changed = folder / "chordonomicon" / "suffixes.csv"
    changed.parent.mkdir()
    changed.write_bytes(SUFFIXES.read_bytes() + b"\n")
    with pytest.raises(EtlError, match=f"{changed} is not the file") as caught:
        reference("chordonomicon/suffixes.csv")
    assert "reference.csv" in caught.value.hint


def test_a_name_that_the_index_lacks_is_refused(folder: Path) -> None:
    """Data without source and checksum cannot stand behind a figure."""
    (folder / "secret.csv").touch()
    with pytest.raises(EtlError, match=r"`secret\.csv` is not among the reference data"):
        reference("secret.csv")


def test_a_setting_that_names_no_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped path does not pass for data that are not at hand."""
    monkeypatch.setenv("ETL_REFERENCE", str(tmp_path / "nowhere"))
    with pytest.raises(EtlError, match="which is not a folder"):
        has_reference("rs200")
