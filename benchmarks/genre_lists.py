"""How well tags are understood that others have written down: aliases, what is no genre, names of genres.

    python -m benchmarks.genre_lists [FILE...]

``tests/data/genres/other_lists.csv`` holds what they say. An alias is understood where both spellings mean a
genre in common; a tag that says nothing about a genre is caught where it is taken for none. Each FILE has a
name of a genre on a line: of these it is counted how many are taken for something else.
"""

from __future__ import annotations

import csv
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etl.genres.normalize import normalized
from etl.genres.vocabulary import read_vocabulary
from etl.runtime.resources import resource
from tests.support.figures import show

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTS = Path(__file__).parents[1] / "tests" / "data" / "genres" / "other_lists.csv"


def genres_of(tags: Iterable[str]) -> dict[str, set[str]]:
    """Give the genres that each tag means; none for those that mean something else."""
    vocabulary = read_vocabulary(resource("genres/vocabulary.yaml").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = defaultdict(set)
    genres = normalized(pl.Series(sorted(set(tags))), vocabulary).filter(pl.col("kind") == "genre")
    for raw, name in genres.select("raw", "name").iter_rows():
        found[raw].add(name)
    return found


def folded(tag: str) -> str:
    """Fold a tag to its letters, as a program without a vocabulary could."""
    plain = unicodedata.normalize("NFKD", tag.casefold().replace("&", " and "))
    return "".join(filter(str.isalnum, plain))


def main() -> None:
    """Measure."""
    with LISTS.open(encoding="utf-8", newline="") as file:
        rows = [(row["kind"], row["looked_at"], row["raw"], row["meant"]) for row in csv.DictReader(file)]
    genres = genres_of(tag for *_, raw, meant in rows for tag in (raw, meant))
    figures = {}
    for kind, told in (("alias", "aliases understood"), ("reject", "rejects caught")):
        for is_seen in ("yes", "no"):
            chosen = [row for row in rows if row[:2] == (kind, is_seen)]
            hits = sum(
                bool(genres[raw] & genres[meant]) if kind == "alias" else not genres[raw]
                for *_, raw, meant in chosen
            )
            whose = "looked at" if is_seen == "yes" else "never looked at"
            figures[f"{told}, {whose} ({len(chosen)}), %"] = f"{100 * hits / len(chosen):.1f}"
            if kind == "alias":
                same = sum(folded(raw) == folded(meant) for *_, raw, meant in chosen)
                figures[f"by letters alone, {whose}, %"] = f"{100 * same / len(chosen):.1f}"
    for name in sys.argv[1:]:
        names = list(dict.fromkeys(filter(None, Path(name).read_text(encoding="utf-8").splitlines())))
        known = genres_of(names)
        dropped = 100 * sum(not known[each] for each in names) / len(names)
        figures[f"genres dropped, {Path(name).name} ({len(names):,}), %"] = f"{dropped:.1f}"
    show(figures)


if __name__ == "__main__":
    main()
