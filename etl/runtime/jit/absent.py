"""Modules that numba imports where they are there, and does without where they are not."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Have the import of a module fail for now, unless it is loaded; call it before there are threads."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
