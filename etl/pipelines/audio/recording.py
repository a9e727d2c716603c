"""A recording to be described; a module of its own, so that who sends one loads nothing that describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
