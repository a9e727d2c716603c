"""A build of parts gives what one build of all inputs gives, by processes here or by a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from etl.exports.data3 import HEADER
from etl.pipelines.data3.build import build
from etl.pipelines.data3.export import SongExport, export_parquet
from etl.pipelines.data3.parts import PartsBuild, build_parts
from etl.pipelines.data3.request import Data3Build
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.work.cluster.address import Cluster
from tests.support.command_line import ended_here, run_here
from tests.support.dask_cluster import address_of, started

if TYPE_CHECKING:
    from collections.abc import Iterator

CHORDS = ("C F G C", "<verse_1> Amin Dmin E7 Amin", "D G A7 D <chorus_1> Bmin X? D", "", "Fs B Cs7 Fs")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Write eight files of songs."""
    folder = tmp_path_factory.mktemp("inputs")
    paths = [folder / f"songs-{number}.csv" for number in range(8)]
    for number, path in enumerate(paths):
        rows = [f"{number}-{row},{chords},{1950 + row}.0" for row, chords in enumerate(CHORDS * 3)]
        path.write_text("\n".join(["id,chords,decade", *rows, ""]), encoding="utf-8")
    return tuple(paths)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a worker."""
    with started(1) as connection:
        yield address_of(connection)


def test_eight_files_on_a_cluster_are_those_of_one_build(inputs, address, tmp_path):
    """The CSV parts are the one CSV, byte for byte; the Parquet parts have its rows; a rerun is idle."""
    whole = Data3Build(inputs=inputs, output=tmp_path / "all.csv", database=tmp_path / "all.duckdb")
    songs = build(whole).songs
    export_parquet(SongExport(path=tmp_path / "all.parquet", database=tmp_path / "all.duckdb"))
    request = PartsBuild(inputs, tmp_path / "parts", cluster=Cluster.parse(address))
    done = build_parts(request)
    assert (done.built, done.unchanged, done.failed, done.songs, done.repeated_ids) == (8, 0, {}, songs, 0)
    lines = [(tmp_path / "parts" / path.name).read_bytes().removeprefix(HEADER) for path in inputs]
    assert HEADER + b"".join(lines) == (tmp_path / "all.csv").read_bytes()
    parts = pl.concat(pl.read_parquet(tmp_path / "parts" / f"{path.stem}.parquet") for path in inputs)
    assert parts.equals(pl.read_parquet(tmp_path / "all.parquet"))
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == sorted(
        ["parts.json", *(f"{path.stem}{ending}" for path in inputs for ending in (".csv", ".parquet"))]
    )
    again = build_parts(request)
    assert (again.built, again.unchanged, again.songs) == (0, 8, songs)


def test_a_run_that_was_stopped_goes_on_and_a_changed_input_is_built_again(inputs, tmp_path):
    """What the list names as about to be written may be replaced; nothing else."""
    folder = tmp_path / "parts"
    source = tmp_path / "songs.csv"
    source.write_bytes(inputs[0].read_bytes())
    build_parts(PartsBuild((source,), folder))
    listed = json.loads((folder / "parts.json").read_text())
    (folder / "parts.json").write_text(json.dumps({**listed, "done": []}))  # killed before it was entered
    assert build_parts(PartsBuild((source,), folder)).built == 1
    source.write_text(source.read_text() + "new,C G C,\n")
    done = build_parts(PartsBuild((source, *inputs[1:2]), folder))
    assert (done.built, done.unchanged, done.songs) == (2, 0, 31)


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000])
def test_a_list_that_is_none_is_said_and_left(inputs, tmp_path, text):
    """It may be somebody's file of that name."""
    listed = tmp_path / "parts" / "parts.json"
    listed.parent.mkdir()
    listed.write_text(text)
    with pytest.raises(EtlError, match="is not a list of parts"):
        build_parts(PartsBuild(inputs[:1], listed.parent))
    assert listed.read_text() == text


def test_a_bad_input_costs_no_other_and_rejects_and_repeated_ids_are_told(inputs, tmp_path):
    """With its name and reason, and exit code 1."""
    twice, bad = tmp_path / "twice.csv", tmp_path / "bad.csv"
    twice.write_text(inputs[0].read_text() + "0-0,C,\n")
    bad.write_text("a,b\n1,2\n")
    folder, store = tmp_path / "parts", tmp_path / "parts.duckdb"
    arguments = ("build", "data3", inputs[0], bad, twice, "--output-dir", folder, "--db", store, "--json")
    done = ended_here(*arguments, "--workers", "1")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["built"], told["songs"], told["rejected"], told["repeated_ids"]) == (2, 30, 1, 15)
    assert told["stored"] == 15
    assert "no column `chords`" in told["failed"][str(bad)]
    assert "duplicate id" in (tmp_path / "parts" / "twice.rejects.csv").read_text()


def test_files_of_others_stay_and_two_inputs_are_two_parts(inputs, tmp_path):
    """Refused before anything is built."""
    (tmp_path / "songs-0.csv").write_text("mine")
    with pytest.raises(EtlError, match="not written by a build of parts") as raised:
        build_parts(PartsBuild(inputs[:1], tmp_path))
    assert raised.value.exit_code is ExitCode.CANNOT_WRITE
    assert (tmp_path / "songs-0.csv").read_text() == "mine"
    with pytest.raises(EtlError, match="is an input"):
        build_parts(PartsBuild(inputs[:1], inputs[0].parent))
    with pytest.raises(EtlError, match="would both become"):
        build_parts(PartsBuild((Path("a/x.csv.gz"), Path("b/x.tsv")), tmp_path / "new"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cluster", "local:1"), "--cluster has no effect without --output-dir"),
        (("--output-dir", "x", "--npz", "x.npz"), "--npz has no effect with --output-dir"),
        (("--output-dir", "x", "--cluster", "here"), "is not a cluster"),
        (("--output-dir", "x", "--map", "/a=/b"), "Pass --cluster"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(inputs, options, said):
    """As usage errors."""
    assert said in run_here("build", "data3", inputs[0], *options, expect=ExitCode.USAGE)
