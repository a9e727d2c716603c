"""Where machine code is kept between runs; found without numba, by a parent for its workers."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs

_VARIABLE: Final = "NUMBA_CACHE_DIR"
_NAME: Final = "music-etl"
LOCK: Final = "lock"
"""A file in the folder, on whose bytes processes wait for one another."""


@cache
def readable_folders() -> tuple[Path, ...]:
    """List the folders to look for machine code in, best first: one may be filled and not writable.

    ``NUMBA_CACHE_DIR`` decides; else it is the user's cache folder. Where neither can be written it is a
    folder of the user's in the system's temporary one, which workers inherit by the variable.
    """
    wanted = _wanted()
    if wanted is not None and _is_writable(wanted):
        return (wanted,)
    temporary = _temporary()
    log = logging.getLogger("etl")
    kept = (wanted,) if wanted is not None and wanted.is_dir() else ()
    if temporary is None:
        log.warning("etl: compiled code cannot be kept; set %s to a folder that can be written.", _VARIABLE)
        return kept
    if not kept:
        log.warning("etl: compiled code is kept in %s; set %s to keep it elsewhere.", temporary, _VARIABLE)
        os.environ[_VARIABLE] = str(temporary.parent)
    return (*kept, temporary)


@cache
def writable_folder() -> Path | None:
    """Give the folder to keep machine code in; None if there is none."""
    folders = readable_folders()
    return folders[-1] if folders and _is_writable(folders[-1]) else None


def kept_functions(package: str) -> int:
    """Count what is kept of a package's compiled functions, one for each kind of arguments."""
    folder = writable_folder()
    if folder is None:
        return 0
    names = (path.name for path in folder.iterdir())
    return sum(name.startswith(f"{package}.") and not name.endswith(".new") for name in names)


def _wanted() -> Path | None:
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        return Path(chosen).absolute() / _NAME
    own = platformdirs.user_cache_path(_NAME) / "compiled"
    return own if own.is_absolute() else None  # without a home


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("ab"):
            return True
    except OSError:
        return False


def _temporary() -> Path | None:
    """Give a folder that nobody else can write: what is in it will be run."""
    try:
        own = Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}"
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
    except (OSError, AttributeError):  # no place, or a system without user ids
        return None
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return own / _NAME if is_own and _is_writable(own / _NAME) else None
