"""Files that ship with the package: SQL, schemas and the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import etl

_PACKAGE: Final = Path(etl.__file__).parent


def resource(relative: str) -> Path:
    """Path of a shipped file or folder, such as ``sql/migrations``.

    An installed package carries ``sql`` and ``schemas`` inside itself; a checkout has them beside it.
    """
    for base in (_PACKAGE, _PACKAGE.parent):
        path = base / relative
        if path.exists():
            return path
    raise FileNotFoundError(relative)
