"""`etl.open`: a store as frames, read only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

import polars as pl

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import database_path
from etl.store import tables
from etl.store.database import read_store
from etl.store.queries import check_known_values, named_query
from etl.store.statements import restrict, select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from etl.store.queries import Value

Answer = TypeVar("Answer")


def open_library(path: str | PathLike[str] | None = None) -> Library:
    """Open a store for reading.

    Parameters
    ----------
    path
        The DuckDB file; None for that of ``ETL_DB`` or the configuration, else ``data/music.duckdb``.

    Returns
    -------
    Library
        Nothing of it stays open between two questions: runs go on writing, and there is nothing to close.

    Raises
    ------
    EtlError
        If there is no store, another process holds it for longer than five seconds, or its tables are of
        another version.

    Examples
    --------
    >>> library = etl.open("music.duckdb")
    >>> library
    Library('music.duckdb')
    """
    library = Library(database_path(None if path is None else Path(path)))
    library._read(lambda _: None)  # noqa: SLF001 - what is wrong with it is said here
    return library


class Library:
    """A store; :func:`etl.open` gives one.

    Each method reads what is there at that moment and gives a frame of its own.

    Attributes
    ----------
    path
        The DuckDB file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Library({str(self.path)!r})"

    @overload
    def sql(self, query: str, *, frame: Literal["polars"] = ..., **parameters: Value) -> pl.DataFrame: ...

    @overload
    def sql(self, query: str, *, frame: Literal["pandas"], **parameters: Value) -> pd.DataFrame: ...

    @overload
    def sql(self, query: str, *, frame: Literal["arrow"], **parameters: Value) -> pa.Table: ...

    def sql(
        self, query: str, *, frame: Literal["polars", "pandas", "arrow"] = "polars", **parameters: Value
    ) -> Any:
        """Ask the store in SQL, or by the name of a shipped query (``etl query --list``).

        Parameters
        ----------
        query
            SQL that reads; it can change nothing and see no other file. Or a name, such as ``progressions``.
        frame
            What to give the rows as: ``polars``, ``pandas`` (which has to be installed) or ``arrow``.
        **parameters
            Values of the ``$names`` in the SQL, or parameters of the shipped query.

        Returns
        -------
        polars.DataFrame, pandas.DataFrame or pyarrow.Table
            The rows.

        Raises
        ------
        EtlError
            If the SQL or its parameters do not fit the store, or there is no query of that name.

        Examples
        --------
        >>> library = etl.open("music.duckdb")
        >>> library.sql("SELECT count(*) AS songs FROM songs WHERE id <> $id", id="no such song").item()
        739
        >>> library.sql("progressions", n=4, limit=3)["progression"].to_list()
        ['I IV I IV', 'IV I IV I', 'IV V I IV']
        """
        if frame not in _AS:
            raise EtlError(
                f"frame cannot be {frame!r}.", f"Choose one of: {', '.join(_AS)}.", exit_code=ExitCode.USAGE
            )
        values: Mapping[str, Value] = parameters
        named = None
        if query.split() == [query]:
            named = named_query(query)
            given = {name: "null" if value is None else str(value) for name, value in parameters.items()}
            query, values = named.sql, named.bind(given)

        def ask(connection: duckdb.DuckDBPyConnection) -> Any:
            if named is not None:
                check_known_values(connection, named, values)
            restrict(connection, self.path)
            return _AS[frame](select(connection, query, values))

        return self._read(ask, alone=True)

    def songs(self) -> pl.DataFrame:
        """Read the chord songs of the latest build, one row each.

        Returns
        -------
        DataFrame
            ``song_id`` (i64, by which rows are sorted), ``id``, ``artist_name``, ``song_name``, ``genre``,
            ``decade``, ``release_year``, ``key_name``, ``key`` (0-11 major, 12-23 minor, -1 none),
            ``key_confidence`` (f32, 0-1), ``n_chords``, ``distinct_chords``, ``chord_entropy_bits`` and
            the other columns of view ``song_overview``.

        Examples
        --------
        >>> etl.open("music.duckdb").songs().select("id", "key_name").head(2).rows()
        [('1', 'C Major'), ('2', 'Ab Major')]
        """
        return self._read(tables.all_songs)

    def tokens(self) -> pl.DataFrame:
        """Read the chords of the songs of the latest build, one row for each song.

        Returns
        -------
        DataFrame
            ``song_id``, ``id``; ``chords`` and ``numerals`` (list of enum, one for each chord); ``sections``
            (list of enum) and ``section_starts`` (list of i32, the chord, from 0, that each begins with).

        Examples
        --------
        >>> song = etl.open("music.duckdb").tokens().row(0, named=True)
        >>> song["chords"][:4], song["numerals"][:4], song["sections"][:2], song["section_starts"][:2]
        (['Amin', 'C', 'Amin', 'C'], ['vi', 'I', 'vi', 'I'], ['<intro_1>', '<verse_1>'], [0, 6])
        """
        return self._read(tables.all_tokens)

    def tracks(self) -> pl.DataFrame:
        """Read the tracks of the audio library that are there, one row each.

        Returns
        -------
        DataFrame
            The columns of view ``library``: ``path`` (by which rows are sorted), tags, and the description of
            the sound (``bpm``, ``key_name``, ``loudness_lufs``, ``vector_whole``, array of 128 f32 ...), null
            where there is none.

        Examples
        --------
        >>> etl.open("music.duckdb").tracks().select("title", "duration_s").rows()
        [('Song 1', 3.0), ('Song 2', 3.0), ('Song 3', 3.0)]
        """
        return self._read(tables.all_tracks)

    def midi(self) -> pl.DataFrame:
        """Read the MIDI files that could be read, one row for each different content.

        Returns
        -------
        DataFrame
            The columns of view ``midi``: ``sha256``, the analysis (``bpm``, ``key``, ``chords``, ``category``
            ...), ``path`` (by which rows are sorted), ``copies`` and ``library_name``.

        Examples
        --------
        >>> etl.open("music.duckdb").midi().select("bpm", "notes").rows()
        [(120.0, 1)]
        """
        return self._read(tables.all_midi)

    def parts(self) -> pl.DataFrame:
        """Read the parts (track and channel) of the MIDI files, one row each.

        Returns
        -------
        DataFrame
            ``path`` of the file, ``sha256``, ``track``, ``channel``, ``program``, ``name``, ``notes``,
            ``role`` and what else the store has of parts.

        Examples
        --------
        >>> etl.open("music.duckdb").parts().select("track", "channel", "notes").rows()
        [(0, 0, 1)]
        """
        return self._read(tables.all_parts)

    def similar(self, *names: str, n: int = 50) -> pl.DataFrame:
        """List the tracks that sound most like some tracks, each recording once.

        Parameters
        ----------
        names
            Seeds: ids, paths, titles or ``artist - title``, whatever their case; a part of it is enough where
            it means one recording.
        n
            Most tracks to list.

        Returns
        -------
        DataFrame
            Most alike first: ``track_id``, ``path``, ``artist``, ``title``, ``duration_s``, ``bpm``,
            ``key_name``, ``camelot``, ``likeness`` (0-1).

        Raises
        ------
        EtlError
            If a name means no described track, or several recordings.

        Examples
        --------
        >>> etl.open("music.duckdb").similar("song 1", n=2)["title"].to_list()
        ['Song 2', 'Song 3']
        """
        from etl.pipelines.audio.similar import SimilarRequest, similar_tracks

        if not names:
            raise EtlError(
                "similar needs a track.", 'Write library.similar("a title").', exit_code=ExitCode.USAGE
            )
        return _rows(similar_tracks(self.path, SimilarRequest(names, n)).tracks)

    def playlist(
        self, seed: str | tuple[str, ...] | list[str] = (), *, count: int = 50, **options: Any
    ) -> pl.DataFrame:
        """Choose and order tracks; the same library and options give the same list.

        Parameters
        ----------
        seed
            What it should sound like, one or several, as :meth:`similar` takes them.
        count
            How many tracks.
        **options
            ``artist``, ``first``, ``last``, ``where``, ``gap``, ``preset`` and the other fields of
            :class:`etl.pipelines.playlists.request.PlaylistRequest` and of its ``Quality``: ``seconds``,
            ``confidence``, ``excluded_genres``, ``day``.

        Returns
        -------
        DataFrame
            In order: the columns of :meth:`similar` but ``likeness``, ``loudness_lufs``, ``transition`` (what
            it costs, 0-1) and its ``terms``.

        Raises
        ------
        EtlError
            If a name means no track, too few tracks are left, or there is no such option.

        Examples
        --------
        >>> made = etl.open("music.duckdb").playlist(seed="song 1", count=3, gap=0, seconds=(1, 600))
        >>> made.select("title").to_series().sort().to_list()
        ['Song 1', 'Song 2', 'Song 3']
        """
        from etl.pipelines.playlists.make import make_playlist
        from etl.pipelines.playlists.request import PlaylistRequest, Quality

        seeds = (seed,) if isinstance(seed, str) else tuple(seed)
        try:
            quality = Quality(
                **{name: options.pop(name) for name in Quality.__dataclass_fields__ if name in options}
            )
            request = PlaylistRequest(seeds=seeds, count=count, quality=quality, **options)
        except TypeError as error:
            known = {**PlaylistRequest.__dataclass_fields__, **Quality.__dataclass_fields__}
            fields = ", ".join(name for name in known if name not in {"seeds", "quality"})
            raise EtlError(f"{error}.", f"There are: {fields}.", exit_code=ExitCode.USAGE) from None
        return _rows(make_playlist(self.path, request).tracks)

    def _read(
        self, question: Callable[[duckdb.DuckDBPyConnection], Answer], *, alone: bool = False
    ) -> Answer:
        with read_store(self.path, alone=alone) as connection:
            return question(connection)


def _rows(tracks: list[Any]) -> pl.DataFrame:
    return pl.DataFrame([vars(track) for track in tracks])


def _pandas(relation: duckdb.DuckDBPyRelation) -> Any:
    try:
        return relation.df()
    except ImportError as error:
        raise EtlError("pandas is not installed.", "Install it, or leave `frame` out.") from error


_AS: Final[Mapping[str, Callable[[duckdb.DuckDBPyRelation], Any]]] = {
    "polars": lambda relation: relation.pl(),
    "pandas": _pandas,
    "arrow": lambda relation: relation.to_arrow_table(),
}
"""How the rows of a query become a frame."""
