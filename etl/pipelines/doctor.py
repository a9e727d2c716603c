"""Look at an installation: what is there, what can be written, what is missing; changes nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import etl
from etl.pipelines.configuration import read_configuration
from etl.runtime.compile_folder import kept_functions, writable_folder
from etl.runtime.errors import EtlError
from etl.store.database import read_store

if TYPE_CHECKING:
    from pathlib import Path

_LITTLE_BYTES: Final = 1 << 30
_DECODERS: Final = ("mp3", "aac", "alac", "flac", "vorbis", "opus", "wmav2", "ape", "wavpack", "dsd_lsbf")
_OPTIONAL: Final = {"plot": "matplotlib", "rar": "libarchive", "cluster": "distributed"}
"""Optional parts, and the module that each needs."""

_COMPILED: Final = {"chords": "etl.chords", "MIDI": "etl.midi", "audio": "etl.audio"}


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """Something that was looked at.

    Attributes
    ----------
    name
        What.
    state
        A note is about what is not needed, or not yet; a problem keeps commands from working.
    found
        What was found.
    hint
        What to do about it, if anything.
    """

    name: str
    state: State
    found: str
    hint: str = ""


def examine(database: Path) -> tuple[Check, ...]:
    """Look at everything that commands need.

    Parameters
    ----------
    database
        The store.
    """
    return (
        Check("version", State.OK, f"music-etl {etl.__version__}"),
        _python(),
        _packages(),
        *_optional(),
        _decoders(),
        _compiled(),
        _store(database),
        _disk(database),
        _configuration(),
        *_secrets(),
    )


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"
    if sys.platform != "linux":
        return Check("python", State.NOTE, found, "Tests run on Linux only.")
    return Check("python", State.OK, found)


def _packages() -> Check:
    """Look whether what is needed is installed, in versions that will do."""
    try:
        needed = [each for each in metadata.requires("music-etl") or [] if "extra ==" not in each]
    except metadata.PackageNotFoundError:
        return Check("packages", State.NOTE, "music-etl runs from its source folder and is not installed")
    names = [re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0] for each in needed]
    missing = [name for name in names if not _version(name)]
    if missing:
        return Check(
            "packages",
            State.PROBLEM,
            f"missing: {', '.join(missing)}",
            "Install music-etl again: pip install . in its source folder",
        )
    main = ", ".join(f"{name} {_version(name)}" for name in ("polars", "duckdb", "numpy", "numba"))
    return Check("packages", State.OK, f"{len(names)} needed, all installed; {main}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _optional() -> tuple[Check, ...]:
    return tuple(
        Check(f"part {name}", State.OK, f"{module} is installed")
        if find_spec(module)
        else Check(
            f"part {name}", State.NOTE, f"{module} is not installed", f"If wanted: pip install '.[{name}]'"
        )
        for name, module in _OPTIONAL.items()
    )


def _decoders() -> Check:
    try:
        import av  # noqa: PLC0415 - a library that does not load is a finding
        import soundfile  # noqa: PLC0415
    except (ImportError, OSError) as error:
        return Check("decoders", State.PROBLEM, f"cannot be loaded: {error}", "Install again: av, soundfile.")
    lacking = [name for name in _DECODERS if name not in av.codecs_available]
    found = f"libsndfile {soundfile.__libsndfile_version__}, FFmpeg by av {av.__version__}"
    if lacking:
        return Check(
            "decoders", State.NOTE, f"{found}, without {', '.join(lacking)}", "Install av from its wheel."
        )
    return Check("decoders", State.OK, found)


def _compiled() -> Check:
    folder = writable_folder()
    if folder is None:
        return Check(
            "compiled code",
            State.PROBLEM,
            "no folder for it is writable, so every run compiles for up to half a minute",
            "Set NUMBA_CACHE_DIR to a writable folder.",
        )
    counts = {name: kept_functions(package) for name, package in _COMPILED.items()}
    found = f"{folder}: " + ", ".join(f"{name} {count}" for name, count in counts.items()) + " functions"
    if not all(counts.values()):
        return Check("compiled code", State.NOTE, found, "`etl warm-up` compiles everything ahead of time.")
    return Check("compiled code", State.OK, found)


def _store(database: Path) -> Check:
    if database.exists():
        try:
            with read_store(database):
                pass
        except EtlError as error:
            return Check("store", State.PROBLEM, str(error.args[0]), error.hint)
        if not os.access(database, os.W_OK):
            return Check(
                "store",
                State.NOTE,
                f"{database} can be read but not written",
                "Check its owner and permissions.",
            )
        return Check("store", State.OK, f"{database}, {database.stat().st_size / 1e6:,.1f} MB")
    folder = _nearest_folder(database)
    if not os.access(folder, os.W_OK):
        return Check(
            "store", State.PROBLEM, f"no {database}, and {folder} cannot be written", "Choose one with --db."
        )
    return Check("store", State.NOTE, f"no {database} yet", "The first command that needs it creates it.")


def _nearest_folder(path: Path) -> Path:
    """Give the folder that a file is to be in, or the one to make it in."""
    return next(parent for parent in path.absolute().parents if parent.is_dir())


def _disk(database: Path) -> Check:
    folder = _nearest_folder(database)
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:,.1f} GB free at {folder}"
    if free < _LITTLE_BYTES:
        return Check("disk", State.PROBLEM, found, "Free some space, or choose another place with --db.")
    return Check("disk", State.OK, found)


def _configuration() -> Check:
    try:
        found = read_configuration()
    except EtlError as error:
        return Check("configuration", State.PROBLEM, str(error.args[0]), error.hint)
    if found.unknown:
        names = (
            each.name + (f" (did you mean {each.nearest}?)" if each.nearest else "") for each in found.unknown
        )
        return Check(
            "configuration",
            State.PROBLEM,
            f"{found.path} has unknown settings: {', '.join(names)}",
            "`etl config show` lists all settings.",
        )
    if not found.is_there:
        return Check("configuration", State.OK, f"none at {found.path}: defaults and environment")
    return Check("configuration", State.OK, str(found.path))


def _secrets() -> tuple[Check, ...]:
    """Say which keys are there, and never what they are."""
    try:
        secrets = [each for each in read_configuration().settings if each.is_secret]
    except EtlError:  # which the check before this says
        return ()
    return tuple(
        Check(f"key {each.name}", State.NOTE, "not set", f"Only needed for its service: {each.variable}.")
        if each.source == "not set"
        else Check(f"key {each.name}", State.OK, f"set by {each.source}")
        for each in secrets
    )
