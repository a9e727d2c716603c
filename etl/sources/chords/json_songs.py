"""Songs as JSON: an object a line, or an array of objects; numbers keep the text that they have there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.runtime.errors import EtlError
from etl.sources.chords.columns import bad_data, find_columns, has_header, other_columns
from etl.sources.chords.values import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BOM: Final = "\ufeff"
_SHOWN: Final = 60


class _Decimal(float):
    """A number with a fraction or an exponent, and the text that it has in the file."""

    text: str


@dataclass(frozen=True)
class JsonRow:
    """One object.

    Attributes
    ----------
    texts
        Text of each wanted value; null where there is none.
    others
        JSON of all other values, null where none are kept.
    """

    texts: list[str | None]
    others: str | None


class JsonReader:
    """Reads objects one by one; the keys of each are looked at once for all objects that have the same.

    Parameters
    ----------
    file
        What to call the file in errors.
    wanted, chosen
        As of :func:`~etl.sources.chords.columns.find_columns`.
    keep_others
        Whether to keep what is not wanted.
    """

    def __init__(
        self, file: str, wanted: Sequence[str], chosen: Mapping[str, str], *, keep_others: bool
    ) -> None:
        self._file, self._wanted, self._chosen, self._keep = file, wanted, chosen, keep_others
        self._known: dict[tuple[str, ...], tuple[list[str | None], dict[str, str]]] = {}

    def read(self, line: str) -> JsonRow:
        """Read one object.

        Raises
        ------
        ValueError
            If it is none, or a wanted value is no text, list of texts, number, truth value or null.
        """
        try:
            row = _DECODER.decode(line)
        except RecursionError as error:
            message = "it is nested too deeply"
            raise ValueError(message) from error
        if not isinstance(row, dict):
            message = "it is not an object"
            raise ValueError(message)  # noqa: TRY004 -- of the file, not of an argument
        keys, others = self._columns(tuple(row))
        texts = [
            None if key is None else _text(key, joined(role, row[key]))
            for role, key in zip(self._wanted, keys, strict=True)
        ]
        kept = {name: _plain(row[key]) for name, key in others.items()} if self._keep else None
        return JsonRow(texts, json.dumps(kept, ensure_ascii=False) if kept else None)

    def _columns(self, keys: tuple[str, ...]) -> tuple[list[str | None], dict[str, str]]:
        known = self._known.get(keys)
        if known is None:
            chosen = {role: key for role, key in self._chosen.items() if has_header(keys, key)}
            try:
                found = find_columns(self._file, keys, self._wanted, chosen)
            except EtlError as error:
                raise ValueError(error.args[0]) from error
            others = {name: keys[at] for name, at in other_columns(keys, found.values()).items()}
            known = [keys[found[name]] if name in found else None for name in self._wanted], others
            self._known[keys] = known
        return known


def sample_keys(file: str, head: bytes) -> tuple[str, ...]:
    """Give the keys of the objects at the beginning of a file, in order.

    Raises
    ------
    EtlError
        If it does not begin with an object.
    """
    text = head.decode("utf-8", "ignore").removeprefix(_BOM).lstrip()
    keys: dict[str, None] = {}
    try:
        if text.startswith("["):
            for row in _elements(text):
                keys |= dict.fromkeys(_object(row))
        else:
            first, *more = text.split("\n")
            keys |= dict.fromkeys(_object(_DECODER.decode(first)))
            for line in more[:-1]:
                keys |= dict.fromkeys(_object(_DECODER.decode(line)))
    except (ValueError, RecursionError) as error:
        if not keys:
            raise bad_data(
                f"{file} is not JSON lines, nor a JSON array of objects: it begins {text[:_SHOWN]!r}.",
                'Expected one object a line, such as {"id": 1, "chords": "C G Am F"}.',
            ) from error
    if not keys:
        raise bad_data(f"{file} has no objects with keys.", "Expected at least the key `chords`.")
    return tuple(keys)


def array_lines(text: str) -> Iterator[str]:
    """Give the elements of a JSON array, each on one line.

    Raises
    ------
    ValueError
        Where the text is no JSON array any more, after the elements before.
    """
    text = text.removeprefix(_BOM)
    start = text.index("[") + 1
    for end, _ in _ends(text, start):
        yield text[start:end].strip(" \t\r\n,").replace("\n", " ").replace("\r", " ")
        start = end


def _elements(text: str) -> Iterator[Any]:
    for _, value in _ends(text, 1):
        yield value


def _ends(text: str, at: int) -> Iterator[tuple[int, Any]]:
    """Where each element of an array ends, and its value."""
    while True:
        at = _behind_blanks(text, at)
        if text.startswith("]", at):
            if text[at + 1 :].strip():
                message = "text follows the array"
                raise ValueError(message)
            return
        value, at = _DECODER.raw_decode(text, at)
        yield at, value
        at = _behind_blanks(text, at)
        if text.startswith(",", at):
            at += 1
        elif not text.startswith("]", at):
            message = "the array is not closed" if at == len(text) else "no comma between two elements"
            raise ValueError(message)


def _behind_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = "not an object"
        raise ValueError(message)  # noqa: TRY004 -- of the file, not of an argument
    return value


def _number(text: str) -> _Decimal:
    number = _Decimal(text)
    number.text = text
    return number


def _constant(text: str) -> str:
    return text  # NaN and Infinity are no JSON, but Python and others write them


_DECODER: Final = json.JSONDecoder(parse_float=_number, parse_constant=_constant)


def _text(key: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Decimal):
        return value.text
    if isinstance(value, int):
        return str(value)
    message = f"`{key}` is an object, or a list of other things than texts"
    raise ValueError(message)


def _plain(value: Any) -> Any:
    """Numbers by their text, as columns of a CSV are; lists and objects as they are."""
    return value if isinstance(value, (list, dict)) else _text("", value)
