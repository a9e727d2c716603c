"""`etl export`: files for machine learning from the store, without analyzing anything again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.options import AsJson, Database, RomanStyles, Sources, Spelling
from etl.cli.output import show
from etl.cli.tables import table
from etl.cli.targets import check_name, is_standard_output
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from etl.pipelines.data3.dataset import WrittenDataset
    from etl.pipelines.data3.export import StoredExport

app = typer.Typer(help="Write what the store holds as files for other programs.", no_args_is_help=True)


class ChordSpelling(StrEnum):
    """How chord symbols are spelled."""

    CHORDONOMICON = "chordonomicon"
    LEADSHEET = "leadsheet"
    HARTE = "harte"


_SHARE_TOLERANCE = 0.02
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write; `-` is standard output.")]


@app.command(epilog="Example: etl export data3 -o data3.csv")
def data3(
    output: Output = Path("data3.csv"),
    db: Database = None,
    source: Sources = None,
    roman_style: Spelling = RomanStyles.HOUSE,
    as_json: AsJson = False,
) -> None:
    """Write the 17-column data3 CSV, the same as `etl build data3` writes."""
    from etl.chords.romantext import RomanStyle
    from etl.pipelines.data3.export import Data3Export, export_data3
    from etl.runtime.watch.renderers import renderers

    check_name(output, ".csv")
    request = Data3Export(
        path=output,
        database=database_path(db),
        sources=tuple(source or ()),
        style=RomanStyle(roman_style),
    )
    done = export_data3(request, renderers(request.database))
    show(done, _describe_file, as_json=as_json, aside=is_standard_output(output))


@app.command(epilog="Example: etl export npz -o data3.npz")
def npz(
    output: Output = Path("data3.npz"), db: Database = None, source: Sources = None, as_json: AsJson = False
) -> None:
    """Write matrices that numpy loads: keys, profiles, fingerprints, categories, token ids."""
    from etl.pipelines.data3.export import SongExport, export_npz
    from etl.runtime.watch.renderers import renderers

    check_name(output, ".npz")
    request = SongExport(path=output, database=database_path(db), sources=tuple(source or ()))
    done = export_npz(request, renderers(request.database))
    show(done, _describe_file, as_json=as_json, aside=is_standard_output(output))


@app.command(epilog="Example: etl export parquet -o songs.parquet --spell harte")
def parquet(
    output: Output = Path("songs.parquet"),
    db: Database = None,
    source: Sources = None,
    spell: Annotated[
        ChordSpelling | None,
        typer.Option(
            help="Spell all chords in this notation; default: as in their source.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one typed row per song: source columns, key, statistics, chords and numerals as lists."""
    from etl.chords.notations import Notation
    from etl.pipelines.data3.export import SongExport, export_parquet
    from etl.runtime.watch.renderers import renderers

    check_name(output, ".parquet")
    request = SongExport(path=output, database=database_path(db), sources=tuple(source or ()))
    done = export_parquet(
        request, renderers(request.database), spell=None if spell is None else Notation(spell)
    )
    show(done, _describe_file, as_json=as_json, aside=is_standard_output(output))


@app.command(epilog="Example: etl export dataset songs-dataset --seed 1 --fractions 0.8,0.1,0.1")
def dataset(
    folder: Annotated[Path, typer.Argument(help="The folder to write.")],
    db: Database = None,
    source: Sources = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random split.")] = 0,
    fractions: Annotated[str, typer.Option(help="Shares of train, validation and test.")] = "0.8,0.1,0.1",
    force: Annotated[
        bool, typer.Option("--force", help="Move what the folder holds aside, under another name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write train, validation and test Parquet: no artist, recording or progression is in more than one."""
    from etl.pipelines.data3.dataset import DatasetExport, export_dataset
    from etl.runtime.watch.renderers import renderers

    request = DatasetExport(
        folder=folder,
        database=database_path(db),
        sources=tuple(source or ()),
        seed=seed,
        fractions=_fractions(fractions),
        force=force,
    )
    show(export_dataset(request, renderers(request.database)), _describe_dataset, as_json=as_json)


def _describe_file(export: StoredExport) -> str:
    return f"{number_of(export.songs, 'song')} written: {export.path}"


def _describe_dataset(written: WrittenDataset) -> str:
    facts = written.facts

    def share(songs: int) -> str:
        return f"{songs:,} ({songs / facts.total:.1%})"

    lines = [
        f"{number_of(facts.total, 'song')}: "
        + ", ".join(f"{split} {share(songs)}" for split, songs in facts.songs.items()),
        (
            f"linked songs are in one split: {number_of(facts.groups, 'group')}, the largest has "
            f"{number_of(facts.largest_group, 'song')} ({facts.largest_group / facts.total:.1%})"
        ),
        "",
        table(
            ("linked by", "songs", "shared", "largest", "left out"),
            [
                (
                    kind.replace("_", " "),
                    *(f"{number:,}" for number in (link.songs, link.shared, link.largest, link.left_out)),
                )
                for kind, link in facts.links.items()
            ],
            right=(False, True, True, True, True),
        ),
        "",
        f"same chords as an earlier song: {facts.duplicates:,}; in any key: {facts.transpositions:,}",
    ]
    if facts.without_chord:
        lines.append(f"left out: {number_of(facts.without_chord, 'song')} without a known chord")
    if facts.linked_left_out:
        linked = number_of(facts.linked_left_out, "song")
        lines.append(f"left out, linked to a song in another split: {linked}")
    if facts.off_by > _SHARE_TOLERANCE:
        lines.append("the shares differ from those requested: linked songs stay together, leaks are left out")
    return "\n".join([*lines, f"written: {written.folder}"])


def _fractions(text: str) -> tuple[float, float, float]:
    """Read three shares that sum to 1, train first."""
    try:
        train, validation, test = (float(part) for part in text.split(","))
    except ValueError:
        train = validation = test = -1.0
    if not (train > 0 and min(validation, test) >= 0 and abs(train + validation + test - 1) <= 1e-6):  # nan
        raise EtlError(
            f"--fractions {text} is not three shares.",
            "Train (above 0), validation and test must sum to 1, for example 0.8,0.1,0.1.",
            exit_code=ExitCode.USAGE,
        )
    return train, validation, test
