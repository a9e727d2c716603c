"""A recording to be described; a module of its own, so that who sends one loads nothing that describes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from etl.audio.features import Mode


@dataclass(frozen=True)
class Recording:
    """A content, and one of the files that hold it; copies of it are the same recording.

    Attributes
    ----------
    content_hash
        The content.
    path
        A file.
    mode
        How to describe it.
    """

    content_hash: str
    path: str
    mode: Mode


def placed(recording: Recording, there: Callable[[str], str]) -> tuple[Recording, tuple[str]]:
    """Give a recording as another machine knows it, and the file that must be the same there."""
    return replace(recording, path=there(recording.path)), (recording.path,)
