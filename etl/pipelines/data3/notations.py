"""What the chords of each input are spelled in: said by the user, or found from its first songs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from etl.chords.glossary import Glossary
from etl.chords.notations import Foreign, Notation, detect, foreign_spelling
from etl.chords.symbols import Kind
from etl.sources.chords.rows import parse_block
from etl.store.songs import stored_notations, stored_spellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import duckdb

    from etl.sources.chords.blocks import Block

_SONGS: Final = 1000  # of an input that its notation is found from

_EXAMPLES: Final = 5


@dataclass(frozen=True)
class NotationUse:
    """What was read in a notation.

    Attributes
    ----------
    notation
        The notation.
    sources
        The inputs that are in it.
    spellings, read
        Distinct spellings, and how many of them could be read.
    unknown
        A few that could not.
    foreign
        How many of these look like names that no notation has.
    better
        The notation that reads most of these, if any does.
    """

    notation: Notation
    sources: tuple[str, ...]
    spellings: int
    read: int
    unknown: tuple[str, ...]
    foreign: Mapping[Foreign, int]
    better: Notation | None

    @property
    def share(self) -> float:
        """Share of the spellings that could be read, 0-1."""
        return self.read / self.spellings if self.spellings else 1.0

    @classmethod
    def of(cls, notation: Notation, sources: Iterable[str], spellings: Mapping[str, bool]) -> NotationUse:
        """Sum up spellings, each known or not."""
        unknown = [text for text, is_known in spellings.items() if not is_known]
        looks = Counter(look for look in map(foreign_spelling, unknown) if look)
        return cls(
            notation,
            tuple(sources),
            len(spellings),
            len(spellings) - len(unknown),
            tuple(sorted(unknown)[:_EXAMPLES]),  # threads meet them in no fixed order
            dict(looks),
            found.notation if (found := detect([" ".join(unknown)])).read else None,
        )


@dataclass
class SourceNotations:
    """The notation of each input, and what the build has learnt about the tokens of each notation.

    Attributes
    ----------
    asked
        The notation of all inputs, or None to find it.
    of_source
        What was found, by the name of the source.
    glossaries
        One for each notation that occurs.
    """

    asked: Notation | None = None
    of_source: dict[str, Notation] = field(default_factory=dict)
    glossaries: dict[Notation, Glossary] = field(default_factory=dict)

    def found(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Pass blocks on in their order; before the first of a source its notation is found."""
        for block in blocks:
            self.glossary(block)
            yield block

    def glossary(self, block: Block) -> Glossary:
        """Give what is known about the tokens of the source of a block."""
        name = block.source.name
        if name not in self.of_source:
            notation = self.asked or block.source.notation
            if notation is None:
                notation = detect(parse_block(block).songs["chords"].head(_SONGS)).notation
            self.glossaries.setdefault(notation, Glossary(notation))
            self.of_source[name] = notation
        return self.glossaries[self.of_source[name]]

    def uses(self) -> tuple[NotationUse, ...]:
        """Sum up what was read in each notation."""
        return tuple(
            NotationUse.of(
                notation,
                [name for name, of_it in self.of_source.items() if of_it is notation],
                {text: kind == Kind.CHORD for text, kind in glossary.kinds() if kind != Kind.SECTION},
            )
            for notation, glossary in self.glossaries.items()
        )


def stored_uses(connection: duckdb.DuckDBPyConnection, source_ids: Sequence[int]) -> tuple[NotationUse, ...]:
    """Sum up what the store has of sources, notation by notation."""
    sources: dict[str, list[str]] = {}
    for path, notation in stored_notations(connection, source_ids).values():
        sources.setdefault(notation, []).append(path)
    spellings = stored_spellings(connection, source_ids)
    return tuple(
        NotationUse.of(Notation(notation), names, dict(spellings.get(notation, [])))
        for notation, names in sources.items()
    )
