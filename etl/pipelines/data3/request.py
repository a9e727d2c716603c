"""What a data3 build is to do, and whether it can."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from etl.chords.analysis import ANALYSIS_VERSION
from etl.chords.keys import KEY_VERSIONS, KeyMethod
from etl.chords.romantext import RomanStyle
from etl.chords.section_keys import SECTION_KEYS_VERSION
from etl.exports.data3 import SONG_COLUMNS
from etl.pipelines.data3.midi_songs import midi_source
from etl.runtime.disk.targets import check_distinct, is_stream
from etl.runtime.limits import LIMITS, Limits
from etl.runtime.rejects import check_rejects_file
from etl.runtime.work.cores import default_workers
from etl.sources.chords.files import Source, open_source
from etl.sources.chords.streams import is_pipe, readable, source_name
from etl.store.kept_files import check_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etl.chords.notations import Notation


@dataclass(frozen=True)
class Data3Build:
    """What to build.

    Attributes
    ----------
    inputs
        Chord song files, in order; ``-`` is standard input.
    output
        The data3 CSV.
    database
        The store, or None for none.
    npz
        The matrices, or None for none.
    midi
        A store whose MIDI library is one more input, the last, or None.
    chords_column, id_column
        Headers of the columns with the chords and the ids, or None for ``chords`` and ``id``.
    notation
        What the chords are spelled in, or None to find it for each input.
    method
        How keys are found; None for the trained method, and for MIDI files the key that their notes gave.
    style
        How the CSV spells numerals.
    section_keys
        Whether the store gets the key of each section.
    limit
        Stop after this many rows, or None for all.
    force
        Analyze again what the store has.
    workers
        Threads that analyze.
    limits
        Sizes and patience; no result depends on them.
    """

    inputs: tuple[Path, ...]
    output: Path
    database: Path | None
    npz: Path | None = None
    midi: Path | None = None
    chords_column: str | None = None
    id_column: str | None = None
    notation: Notation | None = None
    method: KeyMethod | None = None
    style: RomanStyle = RomanStyle.HOUSE
    section_keys: bool = False
    limit: int | None = None
    force: bool = False
    workers: int = field(default_factory=default_workers)
    limits: Limits = LIMITS

    @property
    def key_method(self) -> KeyMethod:
        """How keys are found where none is given."""
        return self.method or KeyMethod.TRAINED

    @property
    def version(self) -> str:
        """What the results depend on beside the input."""
        sections = f".sections-{SECTION_KEYS_VERSION}" if self.section_keys else ""
        given = ".given" if self.midi is not None and self.method is None else ""
        keys = f"{self.key_method}-{KEY_VERSIONS[self.key_method]}{given}"
        notation = f".{self.notation}" if self.notation else ""
        return f"{ANALYSIS_VERSION}.{keys}{sections}{notation}.limit-{self.limit}"

    @property
    def rejects_file(self) -> Path:
        """Where refused rows go if there is no store: beside the CSV, in the current folder beside a pipe."""
        beside = Path("data3.csv") if is_stream(self.output) else self.output
        return beside.with_suffix(".rejects.csv")

    @property
    def targets(self) -> tuple[Path, ...]:
        """The files that are written whole."""
        return (self.output,) if self.npz is None else (self.output, self.npz)

    @contextmanager
    def opened_inputs(self) -> Iterator[list[Source]]:
        """Look at each input once, however often and by whatever path it is given; pipes are kept meanwhile.

        Raises
        ------
        EtlError
            If one cannot be read, or has no column with chords.
        """
        distinct: dict[str, Path] = {}
        for path in self.inputs:
            distinct.setdefault(source_name(path), path)
        options = {"chords": self.chords_column, "id": self.id_column}
        chosen = {name: header for name, header in options.items() if header is not None}
        with ExitStack() as stack:
            sources = [
                open_source(
                    stack.enter_context(readable(path)),
                    SONG_COLUMNS,
                    required=("chords",),
                    chosen=chosen,
                    keep_others=self.database is not None,
                    name=name,
                )
                for name, path in distinct.items()
            ]
            if self.midi is not None:
                sources.append(midi_source(self.midi, keys=self.method is None, limits=self.limits))
            yield sources

    def check_targets(self) -> None:
        """Refuse to write over an input, a store or a file of others, or two things to one file.

        Raises
        ------
        EtlError
            If an output is one of these.
        """
        rejects = None if self.database else self.rejects_file
        files = [path for path in self.inputs if not is_pipe(path)]
        if self.database:
            check_distinct([self.database], files)
        inputs = files if self.midi is None else [*files, self.midi]
        check_outputs([*self.targets, rejects], inputs=inputs, database=self.database)
        if rejects:
            check_rejects_file(rejects)


def key_method_of(version: str) -> KeyMethod | None:
    """Tell how the keys of a build were found; None where another version of the analysis made it."""
    for method in KeyMethod:
        if version.startswith(f"{ANALYSIS_VERSION}.{method}-{KEY_VERSIONS[method]}."):
            return method
    return None


def has_given_keys(version: str) -> bool:
    """Tell whether a build took keys that were known better than from the chords."""
    return ".given." in f"{version}."


def has_section_keys(version: str) -> bool:
    """Tell whether a build found the keys of sections, as this version does."""
    return f".sections-{SECTION_KEYS_VERSION}." in version
