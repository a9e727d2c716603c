"""Plan new names: for the sources themselves, or for the library by what its files are."""

from __future__ import annotations

import os
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.midi.instruments import instrument
from etl.midi.sanitize import distinct_names, safe_stems
from etl.midi.split import part_suffix
from etl.midi.text import decode_text, plain_name
from etl.pipelines.midi.rename_journal import Rename, Renames, carry_out
from etl.pipelines.midi.request import PartsWanted
from etl.pipelines.midi.touched import touched
from etl.runtime.errors import EtlError, ExitCode
from etl.sources.folders.midi import Found, find_midi
from etl.sources.folders.walk import check_sources, shown, whole
from etl.store.database import read_store
from etl.store.midi_edits import library_stamps
from etl.store.midi_library import analysed_files, analysed_parts, figures_for_names, parts_for_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

_ANY_NAME: Final = "xANYx"
_FIELDS: Final = frozenset({"bpm", "key", "tags", "category", "bars", "name"})
_ENDING: Final = ".mid"
_MIDI_ENDING: Final = re.compile(r"\.midi?$", re.IGNORECASE)
_TOO_WIDE: Final = re.compile(r"[0-9]{3}|[{]")
_NO_PART: Final = (pl.lit(None, pl.Int32).alias("track"), pl.lit(None, pl.Int16).alias("channel"))
_WRAPPED: Final = ".rmi"  # a RIFF file with a MIDI file in it, and no MIDI file


def sanitize_in_place(
    sources: tuple[Path, ...], database: Path, *, library: Path, pattern: str = "*", dry_run: bool = False
) -> Renames:
    """Give files on disk safe names, each folder by itself; archives and the library are left alone.

    Raises
    ------
    EtlError
        If a source is missing, or a file cannot be renamed; then none is.
    """
    check_sources(sources)
    folders: dict[Path, list[Path]] = {}
    for found in find_midi(sources, pattern=pattern, library=library):
        if isinstance(found, Found) and not found.is_archive:
            path = Path(found.location)
            folders.setdefault(path.parent, []).append(path)
    plan = [rename for folder, paths in folders.items() for rename in _safe_names(folder, paths)]
    return carry_out(database, "midi sanitize --in-place", plan, dry_run=dry_run)


def _safe_names(folder: Path, paths: list[Path]) -> Iterator[Rename]:
    """Rename what has no safe name, or one that differs only by case from another's."""
    decoded = [plain_name(decode_text(os.fsencode(path.stem))) for path in paths]
    stems = pl.DataFrame({"stem": decoded}, schema={"stem": pl.String}).select(safe_stems(pl.col("stem")))
    wanted = {
        path: (stem, _WRAPPED if path.suffix.lower() == _WRAPPED else _ENDING)
        for path, stem in zip(paths, stems["stem"], strict=True)
    }
    staying: set[str] = set()
    moving = []
    for path, (stem, ending) in wanted.items():
        if path.name == stem + ending and path.name.lower() not in staying:
            staying.add(path.name.lower())
        else:
            moving.append(path)
    staying |= {shown(name).lower() for name in os.listdir(folder)} - {shown(p.name).lower() for p in paths}  # noqa: PTH208
    for path in moving:
        stem, ending = wanted[path]
        (name,) = distinct_names([stem], staying, ending=ending)
        yield Rename(str(path), str(folder / name))


def rename_library(
    library: Path,
    database: Path,
    *,
    template: str,
    parts: PartsWanted = PartsWanted.ALSO,
    dry_run: bool = False,
) -> Renames:
    """Rename the library's files, and the parts split from them, by what they are.

    Parameters
    ----------
    library, database
        The library and the store.
    template
        With fields in braces: bpm, key, tags, category, bars, name.
    parts
        Whether parts are named by what each of them is, or, for `PartsWanted.NO`, after their file. What was
        edited in the library is named by what it is now.
    dry_run
        Give what would be done, and do nothing.

    Raises
    ------
    EtlError
        If the template cannot be read, has an unknown field or none, nothing has been analysed, or a file
        cannot be renamed; then none is.
    """
    stem = check_template(template)
    if not library.is_dir():
        raise EtlError(
            f"there is no library at {library}.", "Pass --library DIR, or fill it: `etl midi run`."
        )
    library = Path(whole(library))  # the journal must find the files from any folder
    with read_store(database) as connection:
        files, of_files = figures_for_names(connection), parts_for_names(connection)
        changes = _edited_since(connection, library)
    if files.is_empty():
        raise EtlError(
            f"the files of {library} are not analyzed, or there are none.", "Run `etl midi analyze SOURCE`."
        )
    if not changes.is_empty():
        files, of_files = _updated(files, changes), _updated(of_files, changes)
    plan: list[Rename] = []
    taken = set(files["name"].str.to_lowercase())
    if parts is not PartsWanted.ONLY:
        plan += _by_template(library, files.with_columns(_NO_PART), stem, set())
        taken = {Path(entry.new).name.lower() for entry in plan}
    if parts is PartsWanted.NO:
        plan += _after_files(library, of_files, plan)
    else:
        analysed = of_files.filter(pl.col("category").is_not_null())
        named = analysed.with_columns(tags=_tags_or_instrument(analysed))
        plan += _by_template(library, named, stem, taken)  # on a drive they may lie side by side
    there = [entry for entry in plan if entry.old != entry.new and os.path.lexists(entry.old)]
    return carry_out(database, "midi rename", there, dry_run=dry_run)


_CHANGING: Final = ("bpm", "key", "category", "bars")


def _edited_since(connection: duckdb.DuckDBPyConnection, library: Path) -> pl.DataFrame:
    """Give new figures of files that were edited since a run looked last; none if nothing was."""
    places = set(touched(library, library_stamps(connection)))
    if not places:
        return pl.DataFrame()
    from etl.pipelines.midi.edited import as_they_are  # noqa: PLC0415 - it compiles

    pieces = [
        piece
        for piece in (*analysed_files(connection), *analysed_parts(connection))
        if f"{piece.folder}/{piece.name}" in places
    ]
    now, _ = as_they_are(library, pieces)
    schema = {"folder": pl.String, "name": pl.String, "bpm": pl.Float64, "key": pl.String,
              "category": pl.String, "bars": pl.Int64}  # fmt: skip
    rows = [
        tuple(getattr(piece, column) for column in schema)
        for piece, before in zip(now, pieces, strict=True)
        if piece.content_sha256 != before.content_sha256
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _updated(rows: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Put new figures in the place of old ones, also where the new one is that there is none."""
    new = changes.with_columns(is_new=True)
    joined = rows.join(new, on=("folder", "name"), how="left", suffix="_now", maintain_order="left")
    return joined.with_columns(
        pl.when("is_new").then(f"{name}_now").otherwise(name).alias(name) for name in _CHANGING
    ).select(rows.columns)


def _by_template(library: Path, rows: pl.DataFrame, stem: str, taken: set[str]) -> list[Rename]:
    """Name files or parts by what they are; ``taken`` are names of others, in lower case."""
    values = rows.select(
        bpm=pl.col("bpm").round(0).cast(pl.Int64).cast(pl.String).fill_null("no"),
        key=pl.col("key").str.replace(" Major", "maj").str.replace(" Minor", "min").fill_null("nokey"),
        tags=pl.col("tags").list.join("_").fill_null(""),
        category=pl.col("category").str.to_lowercase().fill_null("other"),
        bars=pl.col("bars").cast(pl.String).fill_null("no"),
        name=pl.col("name").str.replace(r"\.mid$", ""),
    )
    stems = _filled_in(stem, values)
    if "{name}" in stem:
        around = _filled_in(stem, values.with_columns(name=pl.lit(_ANY_NAME)))
        stems = [
            old if _is_so_named(old, frame) else new
            for old, new, frame in zip(values["name"], stems, around, strict=True)
        ]
    ours = set(rows.select(pl.col("folder") + "/" + pl.col("name")).to_series())
    others = taken | _foreign_names(library, set(rows["folder"]), ours)
    final = _final_names(rows["name"].to_list(), stems, others)
    places = rows.select("sha256", "track", "channel", "folder", "name").rows()
    return [
        Rename(str(library / folder / old), str(library / folder / new), digest, track, channel)
        for (digest, track, channel, folder, old), new in zip(places, final, strict=True)
    ]


def _filled_in(template: str, values: pl.DataFrame) -> list[str]:
    names = pl.DataFrame(
        {"stem": [template.format(**row) for row in values.iter_rows(named=True)]}, schema={"stem": pl.String}
    )
    return names.select(safe_stems(pl.col("stem"))).to_series().to_list()


def _is_so_named(name: str, frame: str) -> bool:
    """Whether a name is the template around another already."""
    before, found, after = frame.partition(_ANY_NAME)
    is_framed = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return bool(found) and is_framed


def _after_files(library: Path, parts: pl.DataFrame, files: list[Rename]) -> Iterator[Rename]:
    """Name parts as their file is named, with the end of their name that says which part it is."""
    stems = {entry.sha256: Path(entry.new).name.removesuffix(_ENDING) for entry in files}
    columns = ("sha256", "track", "channel", "folder", "name", "program", "drum_score")
    for digest, track, channel, folder, name, program, drum_score in parts.select(columns).iter_rows():
        if digest not in stems:
            continue
        # Tracks and channels are counted from 1 in names.
        number = name.rfind(f"_t{track + 1:02d}_ch{channel + 1:02d}_")
        end = name[number:] if number >= 0 else part_suffix(track, channel, program, drum_score) + _ENDING
        new = str(library / folder / (stems[digest] + end))
        yield Rename(str(library / folder / name), new, digest, track, channel)


def _tags_or_instrument(parts: pl.DataFrame) -> pl.Series:
    """Give the tags of parts, and the instrument of those that have none."""
    rows = parts.select("tags", "program", "drum_score").iter_rows()
    return pl.Series(
        [tags or [instrument(program, score)] for tags, program, score in rows], dtype=pl.List(pl.String)
    )


def check_template(template: str) -> str:
    """Take the ending off a template of names.

    Raises
    ------
    EtlError
        If it cannot be filled in.
    """
    stem = _MIDI_ENDING.sub("", template)
    try:
        fields = [(name, width) for _, name, width, _ in string.Formatter().parse(stem) if name is not None]
        is_wide = any(_TOO_WIDE.search(width or "") for _, width in fields)
        unknown = sorted({name for name, _ in fields} - _FIELDS)
        if not is_wide:
            stem.format(**dict.fromkeys([*_FIELDS, *unknown], ""))
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise _unusable(template, f"cannot be read: {error}") from error
    if is_wide:
        raise _unusable(template, "has a field wider than a name can be")
    if unknown:
        raise _unusable(template, f"has the unknown field {', '.join(unknown)}")
    if not fields:
        raise _unusable(template, "has no field")
    return stem


def _unusable(template: str, problem: str) -> EtlError:
    fields = ", ".join(f"{{{field}}}" for field in sorted(_FIELDS))
    return EtlError(
        f"the template `{template}` {problem}.", f"Available fields: {fields}.", exit_code=ExitCode.USAGE
    )


def _final_names(names: list[str], stems: list[str], taken: set[str]) -> list[str]:
    """Give every stem a name; a file that has one with that stem, numbered or not, keeps it."""
    final: list[str | None] = []
    for name, stem in zip(names, stems, strict=True):
        fits = re.fullmatch(rf"{re.escape(stem)}(_[1-9][0-9]*)?{re.escape(_ENDING)}", name)
        stays = fits is not None and name.lower() not in taken
        final.append(name if stays else None)
        if stays:
            taken.add(name.lower())
    others = iter(
        distinct_names([stem for stem, name in zip(stems, final, strict=True) if name is None], taken)
    )
    return [name or next(others) for name in final]


def _foreign_names(library: Path, folders: set[str], ours: set[str]) -> set[str]:
    """Lower-case names of what lies in the library's folders and is not in the store."""
    names = set()
    for folder in folders:
        place = library / folder
        if place.is_dir():
            entries = (entry.name for entry in place.iterdir())
            names |= {shown(name).lower() for name in entries if f"{folder}/{name}" not in ours}
    return names
