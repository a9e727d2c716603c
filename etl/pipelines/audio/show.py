"""What is in one file: its tags, and what its sound says; no store is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from etl.audio.loudness import REPLAYGAIN_LUFS
from etl.pipelines.audio.describe import describe_file
from etl.pipelines.audio.recording import Recording
from etl.runtime.errors import EtlError
from etl.runtime.watch.progress import Watch
from etl.sources.audio.tag_frames import tags_frame
from etl.sources.audio.tags import read_tags

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.audio.features import Mode
    from etl.runtime.watch.progress import Renderer

_SOUND = (
    "duration_s", "bpm", "bpm_confidence", "fallback", "key_name", "camelot", "key_confidence",
    "loudness_lufs", "loudness_range_lu", "true_peak_dbtp", "rms_db", "crest_db", "dynamic_range_db",
)  # fmt: skip


@dataclass(frozen=True)
class ShownFile:
    """A file.

    Attributes
    ----------
    path
        The file.
    tags
        What its tags and its header say, by the columns of table ``tracks``; without what is missing.
    sound
        What its sound says, by the columns of table ``sonic_features``, with ``replaygain_proposed_db``;
        without what is missing.
    """

    path: Path
    tags: dict[str, Any]
    sound: dict[str, Any]


def show_file(path: Path, mode: Mode, renderers: Sequence[Renderer] = ()) -> ShownFile:
    """Read the tags of a file and describe its sound.

    Raises
    ------
    EtlError
        If there is no such file, or no sound in it that can be decoded.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise EtlError(f"{path} {what}.", "Give an audio file.")
    with Watch("etl library show", [], renderers) as watch:
        watch.waiting_for("the description")
        (tags,) = tags_frame([read_tags(path)]).to_dicts()
        described = describe_file(Recording("", str(path), mode))
    lufs = described["loudness_lufs"]
    gain = None if lufs is None else REPLAYGAIN_LUFS - lufs
    sound = {name: described[name] for name in _SOUND} | {"replaygain_proposed_db": gain}
    return ShownFile(path, _present(tags), _present(sound))


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
