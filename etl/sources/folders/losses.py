"""Whether to believe that files are gone: a drive that is not mounted looks like an empty folder.

So a place that held files, fewer than half of which are left, is refused, unless that is said to be right.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etl.runtime.disk.drives import drive_of, is_below, mounted_drives
from etl.runtime.errors import EtlError
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Loss:
    """What a place held, and what is left of it."""

    held: int
    left: int


def below(places: Iterable[Path | str]) -> pl.Expr:
    """Say of ``path`` whether it is one of some places, or below one."""
    expressions = [
        (pl.col("path") == str(place)) | pl.col("path").str.starts_with(str(place).rstrip(os.sep) + os.sep)
        for place in places
    ]
    return pl.any_horizontal(expressions) if expressions else pl.lit(value=False)


def with_drives(places: Iterable[str], folders: Sequence[Path]) -> pl.DataFrame:
    """Say on which drives the places are that were looked through: ``path``, ``mount_point``, ``device``."""
    drives = mounted_drives()
    looked = {place for place in places if any(is_below(place, str(folder)) for folder in folders)}
    rows = [(place, *(drive_of(Path(place), drives) or (None, None))) for place in sorted(looked)]
    return pl.DataFrame(rows, dict.fromkeys(("path", "mount_point", "device"), pl.String), orient="row")


def lost_places(
    held: pl.DataFrame,
    lacking: pl.DataFrame,
    places: Iterable[str],
    here: Callable[[str], pl.Expr] = lambda place: below([place]),
) -> dict[str, Loss]:
    """Find the places of which over half of the files are gone, rather than passed over.

    Parameters
    ----------
    held, lacking
        Column ``path``: of all files that were there, and of those that were not found.
    places
        Where was looked.
    here
        Gives the condition on a row to be of a place.
    """
    lost: dict[str, Loss] = {}
    if lacking.is_empty():
        return lost
    for place in dict.fromkeys(places):
        were, gone = held.filter(here(place)), lacking.filter(here(place))
        if 2 * gone.height > were.height:
            left = were.height - sum(not os.path.lexists(path) for path in gone["path"])
            if 2 * left < were.height:
                lost[place] = Loss(were.height, left)
    return lost


def refusal(lost: Mapping[str, Loss], remembered: pl.DataFrame, *, what: str, kept: str) -> EtlError:
    """Make the error that says what is lost, and what to do.

    Parameters
    ----------
    lost
        From :func:`lost_places`.
    remembered
        As :func:`etl.store.roots.known_roots` gives it.
    what
        What a place holds, one of it: ``track``.
    kept
        What was not done because of it, a sentence.
    """
    place, loss = next(iter(lost.items()))
    others = f", and so in {number_of(len(lost) - 1, 'other place')}" if len(lost) > 1 else ""
    mounts = {path: (mount, device) for path, mount, device in remembered.iter_rows()}
    then = mounts.get(place, (None, None))
    now = drive_of(Path(place), mounted_drives())
    hint = "If a drive is not mounted, mount it."
    if then[0] is not None and (now is None or now.mount_point != then[0]):
        hint = f"It was on {then[1]}, mounted at {then[0]}, which is not mounted now: mount it."
    count = number_of(loss.held, what)
    return EtlError(
        f"{place} held {count}; {loss.left:,} of them are left{others}. {kept}",
        f"{hint} If the {what}s are gone for good, add --allow-gone.",
    )
