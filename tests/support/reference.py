"""The reference data that published figures are measured on, none of it part of the project.

They lie in the folder that ``ETL_REFERENCE`` names, by default in ``../shared/data`` beside the checkout.
``reference.csv`` says of each set what it is, where a stranger finds it and under which licence;
``reference.sha256`` holds the checksum of each file, in the form that ``sha256sum --check`` reads.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from etl.runtime.errors import EtlError

INDEX: Final = Path(__file__).with_name("reference.csv")
CHECKSUMS: Final = Path(__file__).with_name("reference.sha256")
_BESIDE: Final = Path(__file__).parents[3] / "shared" / "data"


def reference_root() -> Path:
    """Folder of the reference data; the default need not be there, but one that is named must be."""
    named = os.environ.get("ETL_REFERENCE")
    if named and not Path(named).is_dir():
        raise EtlError(
            f"ETL_REFERENCE is {named}, which is not a folder.", f"{INDEX.name} says what it holds."
        )
    return Path(named or _BESIDE)


def checksums(name: str = ".") -> dict[str, str]:
    """SHA-256 of each file of the reference data, or of one set of it, by path below the root."""
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines()
    by_path = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    return {path: digest for path, digest in by_path.items() if PurePosixPath(path).is_relative_to(name)}


def has_reference(name: str) -> bool:
    """Tell whether a set or file is at hand."""
    return (reference_root() / name).exists()


def needs_reference(name: str) -> pytest.MarkDecorator:
    """Mark a test that is skipped where a set or file is not at hand."""
    return pytest.mark.skipif(
        not has_reference(name), reason=f"the reference data `{name}` are not at hand (ETL_REFERENCE)"
    )


def reference(name: str) -> Path:
    """Give the path of a set or file of the reference data, once it is known to be what it was.

    Parameters
    ----------
    name
        Path below the root, such as ``rs200`` or ``rs200/rs200_truth.csv``.

    Raises
    ------
    EtlError
        If it is not in the index, not there, or not the same as when the figures were measured.
    """
    return _checked(reference_root(), name)


@cache
def _checked(root: Path, name: str) -> Path:
    expected = checksums(name)
    if not expected:
        raise EtlError(f"`{name}` is not among the reference data.", f"{INDEX.name} lists them.")
    for path, digest in expected.items():
        file = root / path
        if not file.is_file():
            raise EtlError(
                f"the reference data `{path}` are not in {root}.",
                f"{INDEX.name} says where to find them; name their folder in ETL_REFERENCE.",
            )
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise EtlError(
                f"{file} is not the file that the figures were measured on (SHA-256).",
                f"Fetch it again; {INDEX.name} says where.",
            )
    return root / name
