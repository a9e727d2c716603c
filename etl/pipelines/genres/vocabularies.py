"""The vocabulary of a store: the shipped one, and the user's beside the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.genres.vocabulary import Vocabulary, read_vocabulary
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource

if TYPE_CHECKING:
    from pathlib import Path


def own_vocabulary_path(database: Path) -> Path:
    """Where the user's vocabulary lies: ``genres.yaml`` beside the store."""
    return database.absolute().parent / "genres.yaml"


def vocabulary_of(database: Path) -> Vocabulary:
    """Read the vocabulary that is right for a store.

    Raises
    ------
    EtlError
        If the user's file is not UTF-8 or not of the form; the message names it.
    """
    own = own_vocabulary_path(database)
    try:
        text = own.read_text(encoding="utf-8-sig") if own.is_file() else ""
    except UnicodeDecodeError as error:
        raise EtlError(
            f"{own} is not UTF-8: {error.reason} at byte {error.start}.", exit_code=ExitCode.BAD_DATA
        ) from None
    shipped = resource("genres/vocabulary.yaml").read_text(encoding="utf-8")
    try:
        return read_vocabulary(shipped, text)
    except EtlError as error:
        raise EtlError(f"{own}: {error.args[0]}", error.hint, exit_code=ExitCode.BAD_DATA) from None
