"""Which columns of a file hold what: by their headers, whatever case and blanks, or as the user says."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_HEADERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "artist": ("artist", "artist_name", "performer"),
        "title": ("title", "song_name", "song_title", "track_name", "track_title", "song", "track"),
    }
)
"""Headers of columns that go by several names, best first; all others go by their own."""

_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({"chords": "--chords-column", "id": "--id-column"})

_COMPUTED: Final = frozenset(
    ("artist_url", "song_url", "key", "key_name", "roman_numerals", "harmonic_fingerprint")
)
_MARK: Final = "harmonic_fingerprint"  # no file has it but a data3 CSV

bad_data = partial(EtlError, exit_code=ExitCode.BAD_DATA)


def find_columns(
    file: str, columns: Sequence[str], wanted: Sequence[str], chosen: Mapping[str, str]
) -> dict[str, int]:
    """Find the columns that hold what is wanted.

    Parameters
    ----------
    file
        What to call the file in errors.
    columns
        The headers.
    wanted
        What to look for, by the names that the program has for it.
    chosen
        Headers that the user gave, by these names.

    Returns
    -------
    dict
        Position of the column by name, of those that are there.

    Raises
    ------
    EtlError
        If two columns may be meant, or a chosen one is not there.
    """
    headers = [_plain(column) for column in columns]
    found = {role: _chosen_column(file, columns, headers, role, header) for role, header in chosen.items()}
    taken = set(found.values())
    for role in wanted:
        if role in found:
            continue
        for header in _HEADERS.get(role, (role,)):
            places = [at for at, each in enumerate(headers) if each == header and at not in taken]
            if places:
                found[role] = _only(file, columns, places, role)
                break
    return {role: found[role] for role in wanted if role in found}


def has_header(columns: Sequence[str], header: str) -> bool:
    """Whether there is a column of that header, whatever case and blanks."""
    return _plain(header) in map(_plain, columns)


def known_headers(columns: Sequence[str], wanted: Sequence[str], chosen: Mapping[str, str]) -> int:
    """Count the headers that mean something."""
    names = {header for role in wanted for header in _HEADERS.get(role, (role,))}
    return sum(column in chosen.values() or _plain(column) in names for column in columns)


def check_required(
    file: str, columns: Sequence[str], found: Collection[str], required: Sequence[str]
) -> None:
    """Refuse a file that lacks a column.

    Raises
    ------
    EtlError
        If it does.
    """
    missing = [name for name in required if name not in found]
    if not missing:
        return
    option = next((_OPTIONS[name] for name in missing if name in _OPTIONS), None)
    other = next((column for column in columns if column.strip() and _plain(column) not in found), "NAME")
    hint = f", or pass {option} {other!r}" if option else ""
    raise bad_data(
        f"{file} has no column {', '.join(f'`{name}`' for name in missing)}.",
        f"It has: {', '.join(columns)[:400]}. Rename one{hint}.",
    )


def other_columns(columns: Sequence[str], taken: Collection[int]) -> dict[str, int]:
    """Name the columns that hold nothing that is known by name, each differently, and give their positions.

    What a data3 CSV has from an earlier build is left out: it is computed again.
    """
    computed = _COMPUTED if _MARK in columns else frozenset()
    named: dict[str, int] = {}
    for at, column in enumerate(columns):
        if at not in taken and column not in computed:
            name = column.strip() or f"column_{at + 1}"
            while name in named:
                name = f"{name}_{at + 1}"
            named[name] = at
    return named


def _plain(header: str) -> str:
    return header.removeprefix("\ufeff").strip().casefold().replace(" ", "_")


def _chosen_column(file: str, columns: Sequence[str], headers: Sequence[str], role: str, header: str) -> int:
    places = [at for at, column in enumerate(columns) if column == header]
    places = places or [at for at, each in enumerate(headers) if each == _plain(header)]
    if not places:
        raise bad_data(
            f"{file} has no column `{header}`.",
            f"It has: {', '.join(columns)[:400]}. Pass one of them as {_OPTIONS[role]}.",
        )
    return _only(file, columns, places, role)


def _only(file: str, columns: Sequence[str], places: Sequence[int], role: str) -> int:
    if len(places) == 1:
        return places[0]
    first, second = (columns[at] for at in places[:2])
    if first == second:
        raise bad_data(f"{file} has the column `{first}` twice.", "Remove or rename one of them.")
    option = f", or name the one that is meant with {_OPTIONS[role]}" if role in _OPTIONS else ""
    raise bad_data(
        f"{file} has both a column `{first}` and a column `{second}`.",
        f"Remove or rename one of them{option}.",
    )
