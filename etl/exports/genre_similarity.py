"""Near genres as a file that people may correct: YAML, one line a pair, what they change wins.

Each line that the program wrote ends in a few digits of a hash of the pair and its weight. A line without
them, or with others, was changed by somebody: its weight is kept from then on, whatever the counts say.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from etl.runtime.disk.files import atomic_file
from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

_HEAD: Final = """\
# How near genres are, 0 to 1: one pair a line, in alphabetical order. Change a number, or add a line, and it
# stays as you wrote it. The digits behind a line say that nobody has changed it.
# Other comments are not kept.
"""
_LINE: Final = re.compile(r"^(?P<pair>\S.*): +(?P<weight>\S+) *(?:# *(?P<mark>\S+) *)?$")
_BETWEEN: Final = " | "
_PLAIN: Final = re.compile(r"[^\W\d_][^:#\n'\"\\]*")  # what YAML reads as text without quotes


def write_similarity(pairs: pl.DataFrame, target: Path) -> int:
    """Write pairs (``a``, ``b``, ``weight``, ``by_user``), ordered; give the number of lines."""
    with atomic_file(target) as file:
        file.write(_HEAD.encode())
        for a, b, weight, by_user in pairs.sort("a", "b").select("a", "b", "weight", "by_user").iter_rows():
            pair, number = f"{a}{_BETWEEN}{b}", f"{weight:.4f}"
            mark = "" if by_user else f"  # {_mark(pair, number)}"
            file.write(f"{_quoted(pair)}: {number}{mark}\n".encode())
    return pairs.height


def changed_pairs(path: Path) -> dict[tuple[str, str], float]:
    """Read the pairs that somebody has changed or added; none where there is no file.

    Raises
    ------
    EtlError
        If a line is not of the form; the message says which.
    """
    if not path.is_file():
        return {}
    changed: dict[tuple[str, str], float] = {}
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.match(line)
        pair = _unquoted(found["pair"]) if found else ""
        names = tuple(name.strip() for name in pair.split(_BETWEEN.strip()))
        weight = _weight(found["weight"]) if found else None
        if found is None or weight is None or len(names) != 2 or not all(names):
            raise EtlError(
                f"{path}, line {number} is not a pair of genres and a number from 0 to 1: {line[:80]}",
                "Write it as  first genre | second genre: 0.5  or take the line out.",
                exit_code=ExitCode.BAD_DATA,
            )
        if found["mark"] != _mark(pair, found["weight"]):
            a, b = sorted(names)
            changed[a, b] = weight
    return changed


def _mark(pair: str, weight: str) -> str:
    return hashlib.blake2s(f"{pair}\n{weight}".encode(), digest_size=3).hexdigest()


def _weight(text: str) -> float | None:
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if 0 <= weight <= 1 else None


def _quoted(text: str) -> str:
    """Write a name as YAML reads it back; most need no quotes."""
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
