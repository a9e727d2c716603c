"""What an enrichment is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.chords.romantext import RomanStyle
from etl.runtime.limits import LIMITS, Limits
from etl.services.politeness.retry import Patience
from etl.services.settings import limits_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.store.preferences import Preferences


@dataclass(frozen=True)
class Enrichment:
    """What to do.

    Attributes
    ----------
    database
        The store.
    command
        The command line that goes on with the work; told to the user when the service is parked.
    folder
        Where partial CSVs go.
    output
        The data3 CSV to write again at the end, None for none.
    output_is_fresh
        Whether ``output`` has all names that are known now, so that it need not be written without new ones.
    sources
        Sources whose songs are meant; the current set where none is named.
    style
        How the CSVs spell Roman numerals.
    budget
        Requests that this run may send, None for no bound.
    priority
        Songs to prefer.
    wait
        Sleep while the service is parked and go on, in place of ending.
    partial_every
        Write a partial CSV each time this many more songs are settled.
    partial_keep
        Partial CSVs of this store that are kept, the newest.
    patience
        How long requests may take.
    contact
        Whom the service can write to; part of the User-Agent.
    limits_file
        Record of the requests of all runs, whichever their store.
    limits
        How often the store is written, and settled songs are counted.
    """

    database: Path
    command: str
    folder: Path
    output: Path | None = None
    output_is_fresh: bool = False
    sources: Sequence[str] = ()
    style: RomanStyle = RomanStyle.HOUSE
    budget: int | None = None
    priority: Preferences = field(default_factory=dict)
    wait: bool = False
    partial_every: int = 50_000
    partial_keep: int = 1
    patience: Patience = field(default_factory=Patience)
    contact: str | None = None
    limits_file: Path = field(default_factory=limits_path)
    limits: Limits = LIMITS
