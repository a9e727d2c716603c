"""What came of an enrichment; filled while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from etl.services.contract import Answer


@dataclass
class EnrichmentResult:
    """What came of an enrichment.

    Attributes
    ----------
    gives
        What the service gives: names, tags.
    ids
        Ids that this run set out to ask about.
    cached
        Ids of the songs that the store had settled already: look-ups saved.
    answers
        Ids answered, by status.
    errors
        Failed requests and partial CSVs, by category.
    requests, requests_left
        Sent by this run, and what budget and known quota leave (None: no bound is known).
    songs, songs_named, songs_settled, songs_complete
        Songs in the store; those with any answer of this service; those with nothing left to ask; and those
        all of whose valid ids are found.
    written
        Partial CSVs and the final one.
    """

    gives: str = "names"
    ids: int = 0
    cached: int = 0
    answers: dict[str, int] = field(default_factory=lambda: {"found": 0, "gone": 0, "error": 0})
    errors: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    requests_left: int | None = None
    songs: int = 0
    songs_named: int = 0
    songs_settled: int = 0
    songs_complete: int = 0
    written: list[Path] = field(default_factory=list)

    def count(self, answers: list[Answer], doubted: int = 0) -> None:
        """Count answers that are stored; ``doubted`` of them were counted as errors before."""
        self.answers["error"] -= doubted
        for answer in answers:
            self.answers[answer.status] += 1

    @property
    def answered(self) -> int:
        """Ids answered by this run."""
        return sum(self.answers.values())
