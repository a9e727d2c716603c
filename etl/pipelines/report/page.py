"""Make the report page: narrow the store, read the figures of each section, write one file.

Chords come first, since what is counted along them is counted in a sample, to which the sections that
follow keep.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from etl.exports.page import common, songs as song_words, tracks as track_words
from etl.exports.page.document import Figure, Section, document
from etl.music.keys import KEY_INDEX
from etl.pipelines.report.names import PAGE_SECTIONS, PageSection
from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.watch.progress import Watch
from etl.store.database import read_store
from etl.store.figures import others, recordings, songs
from etl.store.figures.scope import narrow, sample_songs
from etl.store.kept_files import check_known, check_outputs
from etl.store.statements import restrict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from etl.runtime.watch.progress import Renderer
    from etl.store.figures.scope import Scope

_PLAYLISTS: Final = 3
_TRACKS: Final = 500


@dataclass(frozen=True)
class PageRequest:
    """What page to write.

    Attributes
    ----------
    output
        The HTML file.
    where
        SQL condition over ``song_overview``, ``library`` and ``midi``, each as far as it has the columns.
    sections
        Which sections, all where there is none.
    """

    output: Path
    where: str | None = None
    sections: tuple[PageSection, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page that was written.

    Attributes
    ----------
    output
        The file.
    bytes
        How long it is.
    sections
        Names of its figures, by section.
    empty
        Sections that were wanted, and have nothing to show.
    left_out
        What the condition is not about: ``songs``, ``tracks`` or ``midi``.
    """

    output: Path
    bytes: int
    sections: dict[str, list[str]]
    empty: list[str]
    left_out: tuple[str, ...]


def make_page(database: Path, request: PageRequest, renderers: Sequence[Renderer] = ()) -> Page:
    """Write the page.

    Raises
    ------
    EtlError
        If the condition fits nothing, or no wanted section has anything to show.
    """
    check_outputs([request.output], database=database)
    wanted = request.sections or PAGE_SECTIONS
    made = []
    with Watch("etl report page", [], renderers) as watch, read_store(database) as connection:
        check_known(connection, [request.output])
        restrict(connection, request.output)  # a condition may be anything
        watch.waiting_for("the store")
        scope = narrow(connection, request.where)
        reader = _Reader(connection, scope, request.output)
        for name in PAGE_SECTIONS:
            if name in wanted:
                watch.waiting_for(f"figures of {name}")
                made.append(reader.section(name))
    sections = [section for section in made if section is not None]
    if not sections:
        raise EtlError(
            "there is nothing to show.",
            "Fill the store with `etl build data3`, `etl library run` or `etl midi run`, or loosen --where.",
            exit_code=ExitCode.FAILURE,
        )
    title = database.name if request.where is None else f"{database.name} where {request.where}"
    page = document(title, sections)
    with atomic_file(request.output) as file:
        file.write(page)
    shown = {section.name: [figure.name for figure in section.figures] for section in sections}
    return Page(
        request.output,
        len(page),
        shown,
        [str(name) for name in PAGE_SECTIONS if name in wanted and name not in shown],
        scope.left_out,
    )


class _Reader:
    """Reads the sections of one page."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scope: Scope, output: Path) -> None:
        self.connection = connection
        self.scope = scope
        self.output = output
        self._sampled: int | None = None

    def section(self, name: PageSection) -> Section | None:
        """Read a section; None where there is nothing to show."""
        readers: dict[PageSection, Callable[[], Section | None]] = {
            PageSection.CHORDS: self._chords,
            PageSection.AUDIO: self._audio,
            PageSection.MIDI: self._midi,
            PageSection.GENRES: self._genres,
            PageSection.PLAYLISTS: self._playlists,
            PageSection.RUNS: self._runs,
        }
        found = readers[name]()
        return found if found is not None and found.figures else None

    def _sample(self) -> str:
        """Keep to a sample of the songs from now on; say so, where it is not all of them."""
        if self._sampled is None:
            self._sampled = sample_songs(self.connection)
        count = self.scope.counts["songs"]
        return "" if self._sampled == count else f"Counted in {self._sampled:,} of the {count:,} songs."

    def _chords(self) -> Section | None:
        connection = self.connection
        totals = song_words.SongTotals(*songs.song_totals(connection))
        if not totals.songs:
            return None
        figures = []
        if keys := songs.songs_by_key(connection):
            figures.append(common.key_figure("keys", "songs", keys))
        if decades := songs.songs_by_decade_and_key(connection):
            figures.append(song_words.decade_figure(decades))
        confidence = songs.songs_by_confidence(connection)
        sample = self._sample()
        if rows := songs.named_rows(connection, "progressions", n=4, limit=50):
            figures.append(song_words.progression_figure(rows, sample))
        if rows := songs.named_rows(connection, "progressions", n=2, limit=400):
            figures.append(song_words.transition_figure(rows, sample))
        if rows := songs.categories_by_genre(connection, 10):
            figures.append(song_words.category_figure(rows, sample))
        if confidence:
            figures.append(song_words.confidence_figure(confidence))
        if rows := songs.named_rows(connection, "unknown-symbols", limit=100):
            figures.append(song_words.unknown_figure(rows, sample))
        figures.append(song_words.quality_figure(totals))
        return Section("chords", "Chords", song_words.summary(totals), figures)

    def _audio(self) -> Section | None:
        connection, count = self.connection, self.scope.counts["tracks"]
        if not count:
            return None
        figures = []
        if tempos := recordings.by_tempo(connection, "tracks"):
            figures.append(common.tempo_figure("tempo", "tracks", tempos))
        if keys := recordings.tracks_by_key(connection):
            figures.append(common.key_figure("track-keys", "tracks", keys))
        if loudness := recordings.tracks_by_loudness(connection):
            figures.append(track_words.loudness_figure(loudness))
        figures += self._map()
        problems = recordings.track_problems(connection)
        if problems:
            figures.append(track_words.problem_figure(problems, count))
        if found := recordings.copies(connection, 200):
            figures.append(track_words.copies_figure(found))
        figures.append(track_words.track_figure(recordings.track_rows(connection, _TRACKS), count))
        return Section("audio", "Audio", track_words.summary(count, problems), figures)

    def _map(self) -> list[Figure]:
        names, vectors = recordings.mapped_recordings(self.connection)
        if len(names) < 3:
            return []
        from etl.audio.features import TIMBRE  # noqa: PLC0415 - libraries of matrices, which a map alone needs
        from etl.exports.sonic import principal_components  # noqa: PLC0415

        scores, variances = principal_components(vectors[:, TIMBRE].astype("f8"))
        if scores.shape[1] < 2:
            return []
        shares = variances / variances.sum()
        places = [(float(x), float(y)) for x, y in scores[:, :2]]
        return [track_words.map_figure(names, places, (float(shares[0]), float(shares[1])))]

    def _midi(self) -> Section | None:
        connection, count = self.connection, self.scope.counts["midi"]
        if not count:
            return None
        figures = []
        if tempos := recordings.by_tempo(connection, "midi"):
            figures.append(common.tempo_figure("midi-tempo", "MIDI files", tempos))
        if keys := recordings.midi_by_key(connection):
            numbered = [(KEY_INDEX[name], files) for name, files in keys]
            figures.append(common.key_figure("midi-keys", "MIDI files", numbered))
        figures.append(track_words.category_figure(recordings.midi_by_category(connection)))
        figures.append(track_words.pack_figure(recordings.midi_packs(connection, 200)))
        notes, seconds = recordings.midi_totals(connection)
        return Section("midi", "MIDI", track_words.midi_summary(count, notes, seconds), figures)

    def _genres(self) -> Section | None:
        pairs = others.near_genres(self.connection)
        if not pairs:
            return None
        sample = self._sample()
        common_genres = others.common_genres(self.connection, 100)
        figures = [track_words.genre_figure(pairs, common_genres, sample)] if common_genres else []
        return Section("genres", "Genres", track_words.genre_summary(len(pairs)), figures)

    def _playlists(self) -> Section | None:
        if not others.has_playlists(self.connection):
            return None
        figures = []
        for number, request, _, _ in others.last_playlists(self.connection, _PLAYLISTS):
            tracks = others.tracks_of_playlist(self.connection, number)
            names = [_called(artist, title, path) for artist, title, path, *_ in tracks]
            sounds = [
                (_address(row[2], self.output), name)
                for row, name in zip(tracks, names, strict=True)
                if row[2] is not None
            ]
            figures += track_words.playlist_figures(number, _asked_for(request), tracks, names, sounds)
        return Section("playlists", "Playlists", track_words.playlist_summary(), figures)

    def _runs(self) -> Section | None:
        runs = others.run_rows(self.connection, 50)
        rejects = others.reject_rows(self.connection, 50)
        figures = []
        if runs:
            figures.append(track_words.run_figure(runs))
        if rejects:
            figures.append(track_words.reject_figure(rejects))
        return Section("runs", "Runs and rejects", track_words.run_summary(len(runs)), figures)


def _asked_for(request: str) -> str:
    """Word a request, which is kept as JSON."""
    options: dict[str, Any] = json.loads(request)
    values = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in options.items()
    }
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _called(artist: str | None, title: str | None, path: str | None) -> str:
    return " - ".join(text for text in (artist, title) if text) or Path(path or "").name


def _address(path: str, output: Path) -> str:
    """Give the address of a recording from the page, so that both may move together."""
    from urllib.parse import quote  # noqa: PLC0415 - a page without playlists needs none

    try:
        relative = os.path.relpath(path, output.absolute().parent)
    except ValueError:  # on another drive
        relative = path
    return quote(relative.replace(os.sep, "/").encode("utf-8", "surrogateescape"))
