"""Tempo, key and ReplayGain in the tags of audio files: read as they are, written without touching the sound.

Conventions
-----------
Values are lists of texts, by field; an absent field is an empty list.

==========  ==================  ==============  ==============================  =====================
field       ID3                 Vorbis, APEv2   MP4                             ASF
==========  ==================  ==============  ==============================  =====================
``bpm``     ``TBPM``            ``BPM``         ``tmpo``                        ``WM/BeatsPerMinute``
``key``     ``TKEY``            ``INITIALKEY``  ``----:...:initialkey``         ``WM/InitialKey``
all others  ``TXXX:`` and name  their name      ``----:com.apple.iTunes:``      their name
==========  ==================  ==============  ==============================  =====================

Opus has its gain in ``R128_TRACK_GAIN``, in 1/256 dB to -23 LUFS (RFC 7845). An MP3 or TTA may have
APEv2 beside ID3, or in its place, which players read as well.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import mutagen
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.id3 import ID3, TBPM, TKEY, TXXX, ID3FileType
from mutagen.mp4 import MP4Tags

from etl.runtime.disk.files import atomic_path
from etl.runtime.errors import EtlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

REPLAYGAIN_FIELDS: Final = (
    "replaygain_track_gain", "replaygain_track_peak", "replaygain_album_gain", "replaygain_album_peak",
)  # fmt: skip
R128_FIELDS: Final = ("r128_track_gain", "r128_album_gain")
FIELDS: Final = ("bpm", "key", *REPLAYGAIN_FIELDS, *R128_FIELDS)
"""What can be read and written."""

BESIDE: Final = "apev2 "
"""Stands before the name of a field of an APEv2 tag that is beside an ID3 tag."""

Sound = TypeVar("Sound")

_ITUNES: Final = "----:com.apple.iTunes:"
_NAMES: Final = {"bpm": "BPM", "key": "INITIALKEY"}
_ASF_NAMES: Final = {"bpm": "WM/BeatsPerMinute", "key": "WM/InitialKey"}
_ID3_TEXT: Final = "TXXX:"
_TEXT_OF_USER: Final[Any] = TXXX
_ID3_FRAMES: Final[dict[str, Any]] = {"bpm": TBPM, "key": TKEY}


class TagError(EtlError):
    """The tags of a file cannot be read or written; the message says why."""


def read_fields(path: Path) -> dict[str, list[str]]:
    """Read the fields of a file.

    Returns
    -------
    dict
        All `FIELDS`; and, with `BESIDE` before their names, those that a second tag has as well.

    Raises
    ------
    TagError
        If its tags cannot be read.
    """
    first, *others = map(_tags, _opened(path))
    found = {field: _values(first, field) for field in FIELDS}
    for tags in others:
        found |= {BESIDE + field: values for field in FIELDS if (values := _values(tags, field))}
    return found


def places(found: Mapping[str, Sequence[str]], field: str) -> list[str]:
    """Say where a field is to be written: wherever it stands already, else in the first tag.

    Parameters
    ----------
    found
        As `read_fields` gives it.
    field
        One of `FIELDS`.
    """
    return [name for name in (field, BESIDE + field) if found.get(name)] or [field]


def write_fields(
    path: Path, values: Mapping[str, Sequence[str]], *, sound_of: Callable[[Path], Sound]
) -> Sound:
    """Write fields into the tags of a file, which is replaced whole, by one of the same sound.

    Parameters
    ----------
    path
        The file. A link stays, and what it leads to is replaced.
    values
        What each field is to have, by the names of `read_fields`; an empty list removes it. Others stay.
    sound_of
        What must be the same of the file before and after: a hash of its sound.

    Returns
    -------
    object
        What `sound_of` gave.

    Raises
    ------
    TagError
        If the format has no tags that can be written, or its sound would change; then the file is as it was.
    EtlError
        If it cannot be written.
    """
    kinds = [type(holder) for holder in _opened(path)]
    sound = sound_of(path)
    real = path.resolve()
    with atomic_path(real) as temporary:
        shutil.copyfile(real, temporary)
        try:
            for number, kind in enumerate(kinds):
                _write(kind(temporary), temporary, _of_tag(values, is_beside=number > 0))
        except (mutagen.MutagenError, NotImplementedError, ValueError, TypeError, KeyError) as error:
            raise TagError(f"{path}: its tags cannot be written: {error}.") from error
        if sound_of(temporary) != sound:
            raise TagError(f"{path}: its sound would change with its tags.", "The file is as it was.")
        _keep_mode(real, temporary)
    return sound


def _of_tag(values: Mapping[str, Sequence[str]], *, is_beside: bool) -> dict[str, Sequence[str]]:
    """Keep the fields of the second tag, or of the first."""
    return {
        name.removeprefix(BESIDE): texts
        for name, texts in values.items()
        if name.startswith(BESIDE) == is_beside
    }


def _write(holder: Any, path: Path, values: Mapping[str, Sequence[str]]) -> None:
    if not values:
        return
    if _tags(holder) is None:
        holder.add_tags()
    for field, texts in values.items():
        _set(_tags(holder), field, list(texts))
    if _kind(_tags(holder)) is ID3 and _tags(holder).version[:2] == (2, 3):  # which some players know only
        _tags(holder).update_to_v23()
        holder.save(path, v2_version=3)
    else:
        holder.save(path)


def _opened(path: Path) -> list[Any]:
    """Open what holds the tags of a file, in the order in which they count.

    That is the file; a second tag beside ID3, or APEv2 alone where there is no ID3; and of sound that has no
    tags of its own those that someone put around it.
    """
    try:
        file: Any = mutagen.File(path)
    except Exception as error:
        if around := _around(path):
            return around
        raise TagError(f"{path}: its tags cannot be read: {error}.") from error
    try:
        if file.tags is None:
            file.add_tags()  # in memory
    except (AttributeError, mutagen.MutagenError, NotImplementedError) as error:
        if around := _around(path):
            return around
        raise TagError(f"{path}: the format has no tags that can be written.") from error
    ape = _loaded(APEv2, path) if isinstance(file, ID3FileType) else None
    if ape is None:
        return [file]
    return [ape] if _loaded(ID3, path, load_v1=False) is None else [file, ape]


def _around(path: Path) -> list[Any]:
    """Open the tags that stand around sound of any kind."""
    return [tag for tag in (_loaded(ID3, path, load_v1=False), _loaded(APEv2, path)) if tag is not None]


def _loaded(kind: Any, path: Path, **options: Any) -> Any:
    """Read a tag of a kind; None if there is none."""
    try:
        return kind(path, **options)
    except mutagen.MutagenError:
        return None


def _tags(holder: Any) -> Any:
    return holder.tags if isinstance(holder, mutagen.FileType) else holder


def _values(tags: Any, field: str) -> list[str]:
    kind = _kind(tags)
    values: list[Any] = []
    for key in _like(tags, _key(kind, field)):
        values += tags[key].text if kind is ID3 else list(tags[key])
    if kind is MP4Tags and field != "bpm":
        return [bytes(value).decode("utf-8", "replace") for value in values]
    return [str(value) for value in values]


def _set(tags: Any, field: str, texts: list[str]) -> None:
    kind = _kind(tags)
    key = _key(kind, field)
    for former in _like(tags, key):
        del tags[former]
    if not texts:
        return
    if kind is ID3:
        frame = _ID3_FRAMES.get(field, partial(_TEXT_OF_USER, desc=key.removeprefix(_ID3_TEXT)))
        tags.add(frame(encoding=3, text=texts))
    elif kind is MP4Tags:
        tags[key] = [round(float(text)) if field == "bpm" else text.encode() for text in texts]
    else:
        tags[key] = texts


def _key(kind: type | None, field: str) -> str:
    """Give the name of a field in tags of a kind."""
    name = _NAMES.get(field, field.upper())
    if kind is ID3:
        return _ID3_FRAMES[field].__name__ if field in _ID3_FRAMES else _ID3_TEXT + name
    if kind is MP4Tags:
        return "tmpo" if field == "bpm" else _ITUNES + name.lower()
    return _ASF_NAMES.get(field, name) if kind is ASFTags else name


def _kind(tags: Any) -> type | None:
    return next((kind for kind in (ID3, MP4Tags, ASFTags, APEv2) if isinstance(tags, kind)), None)


def _like(tags: Any, key: str) -> list[str]:
    """Give the keys that differ by case only."""
    return list(dict.fromkeys(found for found in tags.keys() if found.lower() == key.lower()))  # noqa: SIM118


def _keep_mode(original: Path, copy: Path) -> None:
    """Give a copy the permissions of the original, and its owner where that is allowed."""
    shutil.copymode(original, copy)
    status = original.stat()
    if hasattr(os, "chown") and os.geteuid() == 0:
        os.chown(copy, status.st_uid, status.st_gid)
