"""Genres as files: matrices, rows, or the pairs of near genres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.exports.genre_similarity import write_similarity
from etl.exports.genre_vectors import write_genre_vectors
from etl.pipelines.genres.vocabularies import vocabulary_of
from etl.runtime.disk.files import atomic_path
from etl.runtime.errors import EtlError
from etl.store import genres as stored
from etl.store.database import read_store
from etl.store.kept_files import check_known, check_outputs

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class GenreExport:
    """What was written.

    Attributes
    ----------
    output
        The file.
    rows, genres
        Items (or lines) and genres in it.
    """

    output: Path
    rows: int
    genres: int


def export_genres(database: Path, output: Path, *, item: str) -> GenreExport:
    """Write the genres of ``tracks`` or ``songs`` as NPZ, Parquet or CSV, or the near genres as YAML.

    Raises
    ------
    EtlError
        If there are none, or the target is something that must stay.
    """
    check_outputs([output], database=database)
    with read_store(database) as connection:
        check_known(connection, [output])
        pairs, similar = stored.genres_of_tracks(connection, item), stored.similarity(connection)
    if (similar if output.suffix.lower() == ".yaml" else pairs).is_empty():
        raise EtlError(f"the store has no genres of {item}.", "Run `etl genres fetch` first.")
    genres = pairs["name"].n_unique()
    match output.suffix.lower():
        case ".yaml":
            return GenreExport(output, write_similarity(similar, output), similar["a"].n_unique())
        case ".npz":
            rows, genres = write_genre_vectors(pairs, similar, vocabulary_of(database), output, item=item)
            return GenreExport(output, rows, genres)
        case ending:
            with atomic_path(output) as temporary:
                if ending == ".parquet":
                    pairs.write_parquet(temporary)
                else:
                    pairs.write_csv(temporary)
            return GenreExport(output, pairs.height, genres)
