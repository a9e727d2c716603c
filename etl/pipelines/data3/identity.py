"""Which inputs of a build are known by their content, whatever their names, dates and compression."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from etl.sources.chords.files import identified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from etl.sources.chords.files import Source
    from etl.store.songs import StoredContent


class Likeness(StrEnum):
    """How an input is like another one."""

    COPY = "copy"
    SAME = "same"
    LONGER = "longer"


@dataclass(frozen=True)
class Recognized:
    """An input whose content is known from elsewhere.

    Attributes
    ----------
    name
        The input.
    likeness
        ``copy``: of another input of this build, and not read; ``same``: as that of a source in the store,
        whose name it takes over; ``longer``: it begins with that of a source in the store.
    other
        What it is like.
    """

    name: str
    likeness: Likeness
    other: str


@dataclass(frozen=True)
class Inputs:
    """What a build reads.

    Attributes
    ----------
    sources
        Each content once.
    recognized
        What is known of them.
    """

    sources: Sequence[Source]
    recognized: tuple[Recognized, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """By what names the store knows them."""
        return tuple(source.name for source in self.sources)

    @property
    def same(self) -> list[str]:
        """Sources in the store that have the content of one of these under another name."""
        return [each.other for each in self.recognized if each.likeness is Likeness.SAME]


def recognize(
    sources: Sequence[Source], stored: Sequence[StoredContent]
) -> tuple[list[Source], tuple[Recognized, ...]]:
    """Tell sources by their content; gives each content once, and what is known of them.

    Raises
    ------
    EtlError
        If a source is damaged.
    """
    lengths = {content.content_bytes for content in stored}
    distinct: dict[str, Source] = {}
    found: list[Recognized] = []
    for source in (identified(source, lengths) for source in sources):
        first = distinct.setdefault(source.content_hash, source)
        if first is not source:
            found.append(Recognized(source.name, Likeness.COPY, first.name))
            continue
        for content in stored:
            if content.content_hash == source.content_hash:
                likeness = Likeness.SAME
            elif source.beginnings.get(content.content_bytes) == content.content_hash:
                likeness = Likeness.LONGER
            else:
                continue
            if content.path != source.name:
                found.append(Recognized(source.name, likeness, content.path))
    return list(distinct.values()), tuple(found)
