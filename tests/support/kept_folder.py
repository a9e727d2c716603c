"""A folder that is filled once and put back as it was for each test that changes it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class KeptFolder:
    """Keeps a copy of a folder. It is put back at its own place: stores know files by whole paths, and times.

    Parameters
    ----------
    folder
        With all that is to be there again; nothing of it is open.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder.with_name(f"{folder.name}.kept")
        shutil.copytree(folder, self._kept, symlinks=True)

    def again(self) -> Path:
        """Put it back, without what was made in it since, and give its path."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._kept, self._folder, symlinks=True)
        return self._folder
