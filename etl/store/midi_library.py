"""The MIDI library in the store: copies with safe names, their parts, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.store.frames import read_frame
from etl.store.midi import SPLIT

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_MOST_TAGS: Final = 3
_SUREST_TAGS: Final = (
    "(SELECT sha256, list(tag ORDER BY confidence DESC, tag)[:?] AS tags FROM ("
    "  SELECT sha256, tag, max(confidence) AS confidence FROM midi_tags "
    "  WHERE kind IN ('instrument', 'role', 'genre') GROUP BY ALL"
    ") GROUP BY ALL)"
)
_THERE: Final = "sha256 IN (SELECT sha256 FROM midi_paths WHERE gone_at IS NULL)"
"""SQL condition: the content is at a path that is not gone."""


@dataclass
class LibraryNames:
    """What the library holds.

    Attributes
    ----------
    copies
        ``folder/name`` of each copy, by content hash.
    split
        Content hashes of the files whose parts are written, or whose copy was edited.
    parts
        ``folder/name`` of each part of theirs, by content hash, track and channel.
    """

    copies: dict[str, str]
    split: set[str]
    parts: dict[tuple[str, int, int], str]


def library_names(
    connection: duckdb.DuckDBPyConnection, *, split_version: str, with_parts: bool
) -> LibraryNames:
    """Read what the library holds; the parts only if they are wanted."""
    rows = connection.execute(
        "SELECT sha256, folder || '/' || name, sha256 IN (SELECT item FROM ledger "
        "WHERE task = ? AND version = ? AND status IN ('done', 'skipped')) "
        "OR edited_sha256 IS NOT NULL FROM midi_library WHERE track IS NULL",
        [SPLIT, split_version],
    ).fetchall()
    parts = connection.execute(
        "SELECT sha256, track, channel, folder || '/' || name FROM midi_library "
        "WHERE track IS NOT NULL AND split_from IS NULL AND ?",
        [with_parts],
    ).fetchall()
    return LibraryNames(
        copies={digest: place for digest, place, _ in rows},
        split={digest for digest, _, is_split in rows if is_split},
        parts={(digest, track, channel): place for digest, track, channel, place in parts},
    )


@dataclass(frozen=True)
class LibraryPiece:
    """A copy, or a part, that has been analysed.

    Attributes
    ----------
    sha256, size_bytes
        Of the file as it was found.
    track, channel
        Of a part; None for a copy.
    folder, name
        Where it is, within the library.
    category, category_reason, key, bpm, bars, chords, tags
        What it is; the chords of a part are those that it plays by itself.
    parts
        How many the file has.
    is_drums
        Whether all of it is drums.
    was_wrapped
        Whether the copy is not the file as it was found, but what was wrapped in it.
    title
        What the file was called, or the track of a part.
    path
        Where the file was found first.
    content_sha256
        Of what was written into the library; None where that is not known.
    pitch_class_profile
        Shares of the sounding time, twelve, from C, as analyzed.
    before
        Key and tempo that it had before it was edited, if it was: its name may say these.
    """

    sha256: str
    track: int | None
    channel: int | None
    folder: str
    name: str
    category: str | None
    category_reason: str | None
    key: str | None
    bpm: float | None
    bars: int | None
    chords: list[str]
    tags: list[str]
    parts: int
    is_drums: bool
    size_bytes: int
    was_wrapped: bool
    title: str | None
    path: str
    content_sha256: str | None
    pitch_class_profile: tuple[float, ...]
    before: tuple[str | None, float | None] | None = None


_FIRST_PATHS: Final = (
    "(SELECT sha256, min(path) AS path FROM midi_paths WHERE gone_at IS NULL GROUP BY sha256)"
)
_HELD: Final = "coalesce(edited_sha256, library.sha256)"
"""SQL expression: the content that a file of the library holds, if it is a whole file."""
_SPLIT_FROM: Final = "coalesce(library.split_from, library.sha256)"
"""SQL expression: the content that a part is one of; of a copy its own, as it was found."""
_FOUND_AT: Final = "coalesce(origin.path, held.path)"


def _of_part(table: str) -> str:
    """Write the SQL condition that a row of a table of parts is that of a part of the library."""
    return (
        f"{table}.sha256 = {_SPLIT_FROM} AND {table}.track = library.track "
        f"AND {table}.channel = library.channel"
    )


def analysed_files(connection: duckdb.DuckDBPyConnection) -> list[LibraryPiece]:
    """List the copies that have notes and an analysis, by name; of an edited one that of its edit."""
    return _whole_files(connection, "library.track IS NULL")


def analysed_parts(connection: duckdb.DuckDBPyConnection) -> list[LibraryPiece]:
    """List the parts that are in the library and have an analysis, by name; edited ones as files."""
    rows = connection.execute(
        "SELECT library.sha256, library.track, library.channel, folder, library.name, part.category, "
        "part.category_reason, part.key, bpm, part.bars, coalesce(part.chords, []), part.tags, parts, "
        f"tracks.drum_score > 0.9, 0, false, tracks.name, {_FOUND_AT}, content_sha256, "
        "part.pitch_class_profile "
        f"FROM midi_library AS library JOIN midi_part_analysis AS part ON {_of_part('part')} "
        f"JOIN midi_tracks AS tracks ON {_of_part('tracks')} "
        "JOIN midi_analysis AS now ON now.sha256 = part.sha256 "
        f"LEFT JOIN {_FIRST_PATHS} AS origin ON origin.sha256 = library.sha256 "
        f"LEFT JOIN {_FIRST_PATHS} AS held ON held.sha256 = now.sha256 "
        f"WHERE edited_sha256 IS NULL AND {_FOUND_AT} IS NOT NULL ORDER BY library.name"
    ).fetchall()
    edited = _whole_files(connection, "library.track IS NOT NULL AND edited_sha256 IS NOT NULL")
    return sorted([*(LibraryPiece(*row) for row in rows), *edited], key=lambda piece: piece.name)


def _whole_files(connection: duckdb.DuckDBPyConnection, wanted: str) -> list[LibraryPiece]:
    """List files of the library that have an analysis as files have it."""
    rows = connection.execute(
        "SELECT library.sha256, library.track, library.channel, folder, library.name, now.category, "
        "now.category_reason, now.key, now.bpm, now.bars, now.chords, coalesce(tagged.tags, []), now.parts, "
        "now.drum_notes = now.notes, files.size_bytes, list_contains(files.repairs, 'junk_before_header'), "
        f"CASE WHEN library.track IS NULL THEN regexp_extract({_FOUND_AT}, '[^/!]+$') ELSE tracks.name END, "
        f"{_FOUND_AT}, CASE WHEN edited_sha256 IS NOT NULL THEN edited_sha256 "
        "WHEN list_contains(files.repairs, 'junk_before_header') THEN library.content_sha256 "
        "ELSE library.sha256 END, now.pitch_class_profile, "
        "CASE WHEN edited_sha256 IS NOT NULL "
        "THEN row(if(library.track IS NULL, before.key, part.key), before.bpm) END "
        f"FROM midi_library AS library JOIN midi_analysis AS now ON now.sha256 = {_HELD} "
        f"JOIN midi_files AS files ON files.sha256 = now.sha256 "
        f"LEFT JOIN midi_analysis AS before ON before.sha256 = {_SPLIT_FROM} "
        f"LEFT JOIN midi_part_analysis AS part ON {_of_part('part')} "
        f"LEFT JOIN midi_tracks AS tracks ON {_of_part('tracks')} "
        f"LEFT JOIN {_FIRST_PATHS} AS origin ON origin.sha256 = library.sha256 "
        f"LEFT JOIN {_FIRST_PATHS} AS held ON held.sha256 = now.sha256 LEFT JOIN ("
        "  SELECT sha256, list_sort(list(DISTINCT tag)) AS tags FROM midi_tags GROUP BY sha256"
        f") AS tagged ON tagged.sha256 = now.sha256 WHERE {wanted} AND now.notes > 0 "
        f"AND {_FOUND_AT} IS NOT NULL ORDER BY library.name"
    ).fetchall()
    return [LibraryPiece(*row) for row in rows]


def count_unanalysed(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the copies that have no analysis."""
    count: int = connection.execute(
        "SELECT count(*) FROM midi_library AS library "
        f"ANTI JOIN midi_analysis AS now ON now.sha256 = {_HELD} "
        f"WHERE track IS NULL AND {_HELD} IN (SELECT sha256 FROM midi_paths WHERE gone_at IS NULL)"
    ).fetchall()[0][0]
    return count


def has_analysis(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any MIDI file has been analysed."""
    return bool(connection.execute(f"SELECT 1 FROM midi_analysis WHERE {_THERE} LIMIT 1").fetchall())


def analysis_rows(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give the table ``midi_analysis``, by content hash; what is gone is left out."""
    return read_frame(connection.sql(f"SELECT * FROM midi_analysis WHERE {_THERE} ORDER BY sha256"))


def analysed_with_tags(connection: duckdb.DuckDBPyConnection, *, with_parts: bool) -> pl.DataFrame:
    """Give the view ``midi`` (analysis, first path, name in the library) of analysed files, with tags.

    With parts, ``part_list`` has a structure for each: the columns of :func:`part_rows` that are its own.
    """
    own = (
        ", (SELECT list(struct_pack(track, channel, program, name, role, role_confidence, notes, start_tick, "
        "end_tick, pitch_min, pitch_max, polyphony, mean_polyphony, drum_score, bars, note_hash, key, "
        "key_confidence, category, tags, chords, chord_beats) ORDER BY track, channel) FROM midi_parts AS p "
        "WHERE p.sha256 = midi.sha256) AS part_list"
    )
    return read_frame(
        connection.sql(
            "SELECT midi.*, (SELECT list_sort(list(DISTINCT tag)) FROM midi_tags AS t "
            f"WHERE t.sha256 = midi.sha256) AS tags{own if with_parts else ''} "
            "FROM midi WHERE seconds IS NOT NULL ORDER BY sha256"
        )
    )


def part_rows(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give the view ``midi_parts``: each part with its analysis, and what it has of its file."""
    return read_frame(connection.sql("SELECT * FROM midi_parts ORDER BY sha256, track, channel"))


def figures_for_names(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give what copies may be named by: place, tempo, key, category, bars and the three surest tags."""
    return read_frame(
        connection.sql(
            "SELECT library.sha256, folder, library.name, bpm, key, category, bars, tags "
            f"FROM midi_library AS library JOIN midi_analysis AS now ON now.sha256 = {_HELD} "
            f"LEFT JOIN {_SUREST_TAGS} AS tagged ON tagged.sha256 = now.sha256 "
            "WHERE track IS NULL ORDER BY library.name",
            params=[_MOST_TAGS],
        )
    )


def parts_for_names(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give what parts may be named by, as `figures_for_names`; with program and drum score."""
    return read_frame(
        connection.sql(
            "SELECT library.sha256, library.track, library.channel, folder, library.name, program, "
            "tracks.drum_score, now.bpm, if(edited_sha256 IS NULL, part.key, now.key) AS key, "
            "if(edited_sha256 IS NULL, part.category, now.category) AS category, "
            "if(edited_sha256 IS NULL, part.bars, now.bars) AS bars, part.tags[:?] AS tags "
            f"FROM midi_library AS library JOIN midi_tracks AS tracks ON {_of_part('tracks')} "
            f"LEFT JOIN midi_part_analysis AS part ON {_of_part('part')} "
            f"LEFT JOIN midi_analysis AS now ON now.sha256 = coalesce(edited_sha256, {_SPLIT_FROM}) "
            "ORDER BY library.sha256, library.track, library.channel",
            params=[_MOST_TAGS],
        )
    )
