"""Fill the store from parts: with what one build of all inputs would put there, analyzed no second time.

All in one transaction, in the order of the inputs, by the process that gave out the work. Numbers of chords,
numerals and section tags become those of the store, and a song whose id an earlier part had is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from etl.chords.notations import Notation
from etl.pipelines.data3.build import is_stored, record_sources, run_arguments, source_rows
from etl.pipelines.data3.identity import Inputs, recognize
from etl.pipelines.data3.notations import SourceNotations
from etl.pipelines.data3.part_songs import PartSongs
from etl.runtime.rejects import REJECT_SCHEMA
from etl.sources.chords.rows import song_rejects
from etl.sources.chords.seen_ids import SeenIds
from etl.store.database import open_store, transaction
from etl.store.runs import recorded_run
from etl.store.scope import current_set, set_current
from etl.store.songs import SongWriter, rename_sources, stored_contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from etl.pipelines.data3.parts_list import BuiltPart, Part
    from etl.pipelines.data3.request import Data3Build
    from etl.runtime.watch.progress import Watch
    from etl.sources.chords.files import Source
    from etl.store.runs import Run

STAGE: Final = "store"

_REJECTS: Final = {name: pl.Int64 if kind is int else pl.String for name, kind in REJECT_SCHEMA.items()}


@dataclass(frozen=True)
class StoredParts:
    """What the store has of parts.

    Attributes
    ----------
    songs
        Songs in it.
    repeated
        Songs of the parts that it refused: an earlier part has their id.
    is_stored
        Whether they were there already.
    """

    songs: int
    repeated: int
    is_stored: bool


def store_parts(request: Data3Build, parts: Sequence[tuple[Part, BuiltPart]], watch: Watch) -> StoredParts:
    """Make the store that of one build.

    Parameters
    ----------
    request
        The build of all inputs that became parts, with a store.
    parts
        These, in the order of the inputs.
    watch
        Has the stage :data:`STAGE`.

    Raises
    ------
    EtlError
        If the store is in use, or cannot be written; it is as before then.
    """
    assert request.database is not None  # noqa: S101 - asked for
    watch.waiting_for(f"the store {request.database}")
    with (
        request.opened_inputs() as opened,
        open_store(request.database, limits=request.limits) as connection,
        recorded_run(connection, "build data3", run_arguments(request)) as run,
    ):
        watch.waiting_for(None)
        run.meter = watch
        of_source = {part.name: (part, done) for part, done in reversed(parts)}
        known = [
            replace(
                source,
                content_hash=of_source[source.name][1].content_hash,
                content_bytes=of_source[source.name][1].content_bytes,
            )
            for source in opened
        ]
        inputs = Inputs(*recognize(known, stored_contents(connection)))
        run.items_in = sum(of_source[name][1].records for name in inputs.names)
        if not request.force and is_stored(connection, request, inputs.sources):
            songs, repeated, was_stored = _kept(connection, run, inputs), 0, True
        else:
            chosen = [(source, *of_source[source.name]) for source in inputs.sources]
            songs, repeated = _filled((connection, run), request, inputs, chosen, watch)
            was_stored = False
        run.items_out = songs
        run.items_rejected = run.items_in - songs
        return StoredParts(songs, repeated, was_stored)


def _kept(connection: duckdb.DuckDBPyConnection, run: Run, inputs: Inputs) -> int:
    """Make what is stored the current set; gives its songs."""
    with transaction(connection):
        rename_sources(connection, {each.content_hash: each.name for each in inputs.sources})
        set_current(connection, run.run_id, inputs.names)
    return sum(source.songs for source in current_set(connection))


def _filled(
    store: tuple[duckdb.DuckDBPyConnection, Run],
    request: Data3Build,
    inputs: Inputs,
    chosen: Sequence[tuple[Source, Part, BuiltPart]],
    watch: Watch,
) -> tuple[int, int]:
    """Write all songs; gives how many, and how many were refused."""
    connection, run = store
    notations = SourceNotations()
    notations.of_source |= {source.name: Notation(done.notation) for source, _, done in chosen}
    watch.total(STAGE, sum(done.songs for _, _, done in chosen))
    seen, songs, repeated = SeenIds(), 0, 0
    rejects = [pl.DataFrame(schema=REJECT_SCHEMA)]
    with transaction(connection), watch.timed(STAGE):
        writer = SongWriter(connection, inputs.names, inputs.same)
        for source, part, done in chosen:
            if done.rejected:
                own = pl.read_csv(part.rejects, schema=_REJECTS)
                rejects.append(own.with_columns(source=pl.lit(source.name)))
            read = PartSongs(Path(part.songs))
            numbers = writer.lexicon.numbers_of(read.lexicon)
            rows_in = done.records
            for batch in read.batches():
                kept = batch
                if source.has_ids and (again := seen.repeated(batch["id"])) is not None:
                    kept = batch.filter(~again)
                    refused = batch.filter(again).with_columns(problem=pl.lit("duplicate id"))
                    rejects.append(song_rejects(source, refused))
                    repeated += refused.height
                writer.add(source.name, numbers.of(kept), rows_in)
                rows_in = 0  # counted
                songs += kept.height
                watch.advance(STAGE, done=batch.height)
        writer.finish(source_rows(inputs.sources, run, notations))
        record_sources(store, request, inputs.sources, pl.concat(rejects))
    return songs, repeated
