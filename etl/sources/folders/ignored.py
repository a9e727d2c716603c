"""What a walk leaves out: globs that are given, and those in files called `.etlignore`.

Patterns are those of `.gitignore`. ``*`` and ``?`` stop at a slash, ``**`` does not. A pattern without a
slash, or with one at its end alone, holds for names at any depth; any other for the path below the folder
that it is given for. A slash at the end means folders only; ``!`` takes in again what an earlier pattern
leaves out. Upper and lower case differ.

References
----------
.. [1] git, "gitignore: PATTERN FORMAT", https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

IGNORE_FILE: Final = ".etlignore"
"""Its lines hold for the folder that it is in and all below."""

NEVER_MUSIC: Final = (IGNORE_FILE, "#recycle", ".Trash*", "@eaDir", "._*", "*.part")
"""Such files themselves, bins and thumbnails of network drives, what macOS puts beside files, downloads that
are not whole."""

_TOKEN: Final = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.DOTALL)


class _Rule(NamedTuple):
    is_left_out: bool
    folders_only: bool
    by_name: bool
    expression: re.Pattern[str]


@dataclass(frozen=True)
class Ignored:
    """Rules that hold in a folder, those of folders above it first; the last that matches decides."""

    _rules: tuple[tuple[int, _Rule], ...] = ()
    _names: re.Pattern[str] | None = None  # any of the rules by name, where there are no others

    def below(self, folder: str, patterns: Iterable[str]) -> Ignored:
        """Add patterns that hold below a folder."""
        rules = [(len(folder.rstrip("/")) + 1, rule) for each in patterns if (rule := _rule(each))]
        if not rules:
            return self
        rules = [*self._rules, *rules]
        by_name = all(rule.by_name for _, rule in rules)
        names = "|".join(rule.expression.pattern for _, rule in rules)
        return Ignored(tuple(rules), re.compile(names, re.DOTALL) if by_name else None)

    def leaves_out(self, path: str, name: str, *, is_folder: bool) -> bool:
        """Whether a file or folder, given by its whole path and its name, is left out."""
        if self._names is not None and not self._names.fullmatch(name):
            return False
        for length, rule in reversed(self._rules):
            if rule.folders_only and not is_folder:
                continue
            if rule.expression.fullmatch(name if rule.by_name else path[length:]):
                return rule.is_left_out
        return False


def ignore_lines(text: str) -> list[str]:
    """Give the patterns of a file: its lines, but for empty ones and comments."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


@lru_cache(maxsize=1024)
def _rule(pattern: str) -> _Rule | None:
    is_left_out = not pattern.startswith("!")
    body = pattern.removeprefix("!")
    folders_only = body.endswith("/")
    body = body.rstrip("/")
    if not body:
        return None
    by_name = "/" not in body
    text = "".join(map(_translated, _TOKEN.findall(body.removeprefix("/"))))
    try:
        return _Rule(is_left_out, folders_only, by_name, re.compile(text, re.DOTALL))
    except re.error:  # such as [z-a], which matches nothing
        return None


def _translated(token: str) -> str:
    fixed = {"**/": "(?:.*/)?", "/**": "/.+", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in fixed:
        return fixed[token]
    if len(token) > 2 and token[0] == "[":
        inside = token[1:-1].replace("\\", "\\\\")
        return f"[^/{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]"
    return re.escape(token[1:] if token[0] == "\\" and len(token) == 2 else token)
