"""The MIDI library in the store: copies with safe names, their parts, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from etl.store.midi import SPLIT

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_MOST_TAGS: Final = 3
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
        Content hashes of the files whose parts are written.
    parts
        ``folder/name`` of each part, by content hash, track and channel.
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
        "FROM midi_library WHERE track IS NULL",
        [SPLIT, split_version],
    ).fetchall()
    parts = connection.execute(
        "SELECT sha256, track, channel, folder || '/' || name FROM midi_library "
        "WHERE track IS NOT NULL AND ?",
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


def analysed_files(connection: duckdb.DuckDBPyConnection) -> list[LibraryPiece]:
    """List the copies that have notes and an analysis, by name."""
    rows = connection.execute(
        "SELECT library.sha256, NULL, NULL, folder, library.name, category, category_reason, key, bpm, bars, "
        "chords, coalesce(tags, []), parts, drum_notes = notes, size_bytes, "
        "list_contains(repairs, 'junk_before_header'), regexp_extract(path, '[^/!]+$'), path, "
        "CASE WHEN NOT list_contains(repairs, 'junk_before_header') THEN library.sha256 END, "
        "midi_analysis.pitch_class_profile "
        "FROM midi_library AS library JOIN midi_analysis USING (sha256) JOIN midi_files USING (sha256) "
        f"JOIN {_FIRST_PATHS} USING (sha256) LEFT JOIN ("
        "  SELECT sha256, list_sort(list(DISTINCT tag)) AS tags FROM midi_tags GROUP BY sha256"
        f") USING (sha256) WHERE track IS NULL AND notes > 0 AND {_THERE} ORDER BY library.name"
    ).fetchall()
    return [LibraryPiece(*row) for row in rows]


def analysed_parts(connection: duckdb.DuckDBPyConnection) -> list[LibraryPiece]:
    """List the parts that are in the library and have an analysis, by name."""
    rows = connection.execute(
        "SELECT library.sha256, track, channel, folder, library.name, part.category, part.category_reason, "
        "part.key, bpm, part.bars, coalesce(part.chords, []), part.tags, parts, tracks.drum_score > 0.9, 0, "
        "false, tracks.name, path, content_sha256, part.pitch_class_profile "
        "FROM midi_library AS library JOIN midi_part_analysis AS part USING (sha256, track, channel) "
        "JOIN midi_tracks AS tracks USING (sha256, track, channel) JOIN midi_analysis USING (sha256) "
        f"JOIN {_FIRST_PATHS} USING (sha256) WHERE {_THERE} ORDER BY library.name"
    ).fetchall()
    return [LibraryPiece(*row) for row in rows]


def count_unanalysed(connection: duckdb.DuckDBPyConnection) -> int:
    """Count the copies that have no analysis."""
    count: int = connection.execute(
        "SELECT count(*) FROM midi_library ANTI JOIN midi_analysis USING (sha256) "
        f"WHERE track IS NULL AND {_THERE}"
    ).fetchall()[0][0]
    return count


def has_analysis(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any MIDI file has been analysed."""
    return bool(connection.execute(f"SELECT 1 FROM midi_analysis WHERE {_THERE} LIMIT 1").fetchall())


def analysis_rows(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give the table ``midi_analysis``, by content hash; what is gone is left out."""
    rows: pl.DataFrame = connection.sql(f"SELECT * FROM midi_analysis WHERE {_THERE} ORDER BY sha256").pl()
    return rows


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
    rows: pl.DataFrame = connection.sql(
        "SELECT midi.*, (SELECT list_sort(list(DISTINCT tag)) FROM midi_tags AS t "
        f"WHERE t.sha256 = midi.sha256) AS tags{own if with_parts else ''} "
        "FROM midi WHERE seconds IS NOT NULL ORDER BY sha256"
    ).pl()
    return rows


def part_rows(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give the view ``midi_parts``: each part with its analysis, and what it has of its file."""
    rows: pl.DataFrame = connection.sql("SELECT * FROM midi_parts ORDER BY sha256, track, channel").pl()
    return rows


def figures_for_names(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give what copies may be named by: place, tempo, key, category, bars and the three surest tags."""
    rows: pl.DataFrame = connection.sql(
        "SELECT sha256, folder, library.name, bpm, key, category, bars, tags "
        "FROM midi_library AS library JOIN midi_analysis USING (sha256) LEFT JOIN ("
        "  SELECT sha256, list(tag ORDER BY confidence DESC, tag)[:?] AS tags FROM ("
        "    SELECT sha256, tag, max(confidence) AS confidence FROM midi_tags "
        "    WHERE kind IN ('instrument', 'role', 'genre') GROUP BY ALL"
        "  ) GROUP BY ALL"
        ") USING (sha256) WHERE track IS NULL ORDER BY library.name",
        params=[_MOST_TAGS],
    ).pl()
    return rows


def parts_for_names(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Give what parts may be named by, as `figures_for_names`; with program and drum score."""
    rows: pl.DataFrame = connection.sql(
        "SELECT sha256, track, channel, folder, library.name, program, tracks.drum_score, bpm, part.key, "
        "part.category, part.bars, part.tags[:?] AS tags "
        "FROM midi_library AS library JOIN midi_tracks AS tracks USING (sha256, track, channel) "
        "LEFT JOIN midi_part_analysis AS part USING (sha256, track, channel) "
        "LEFT JOIN midi_analysis USING (sha256) ORDER BY sha256, track, channel",
        params=[_MOST_TAGS],
    ).pl()
    return rows
