"""Where things go on a drive for an Akai MPC or Force, and what its progression files look like.

References
----------
.. [1] Progression files as the MPC's pad-perform mode reads them: one JSON object ``progression`` with a
   name, root note, scale, recording octave and up to sixteen chords, the first in the role ``Root``; after
   the files that github.com/liotier/AkaiMPC writes and that load on an MPC One.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from etl.midi.chord_notes import QUALITY_NOTES
from etl.music.pitch_classes import CHORDONOMICON_SHARP_NAMES, SHARP_NAMES, note_pitch_class

if TYPE_CHECKING:
    from collections.abc import Sequence


class Layout(StrEnum):
    """By what files are sorted into folders: category, the pack they come from, or their first letter."""

    CATEGORY = "category"
    PACK = "pack"
    LETTER = "letter"


class ProgressionPlace(StrEnum):
    """Where progression files are: beside their MIDI file on the device's folder, or at the drive's root."""

    DEVICE = "device"
    ROOT = "root"


class DriveFormat(StrEnum):
    """The device that a drive is for."""

    MPC_ONE = "mpc-one"
    FORCE = "force"
    BOTH = "both"


ROOT_FOLDERS: Final = {
    DriveFormat.MPC_ONE: ("MPC_Documents",),
    DriveFormat.FORCE: ("Force_Documents",),
    DriveFormat.BOTH: ("MPC_Documents", "Force_Documents"),
}

CATEGORY_FOLDERS: Final = {
    "DrumKicks": "SAMPLES/Drums/Kicks",
    "DrumSnares": "SAMPLES/Drums/Snares",
    "DrumHats": "SAMPLES/Drums/Hats",
    "DrumCymbals": "SAMPLES/Drums/Cymbals",
    "DrumToms": "SAMPLES/Drums/Toms",
    "DrumPerc": "SAMPLES/Drums/Percussion",
    "Drums": "SAMPLES/Drums",
    "Bass": "SAMPLES/Bass",
    "Melody": "SAMPLES/Melody",
    "Chords": "SAMPLES/Chords",
    "Progressions": "Progressions",
    "FX": "SAMPLES/FX",
    "Loops": "SAMPLES/Loops",
}
"""Folder of each of `etl.midi.categories.CATEGORIES`, below the root folder."""

PROGRESSIONS_AT_ROOT: Final = "Progressions"
PACKS_FOLDER: Final = "SAMPLES/Packs"
LETTERS_FOLDER: Final = "SAMPLES/Letters"

EMPTY_FOLDERS: Final = ("Patterns", "Programs")
METADATA_FOLDER: Final = "METADATA"

MOST_IN_FOLDER: Final = 3000
"""Names in one folder: FAT32 has room for 65,536 entries, and a long name beside its progression takes 20."""

MOST_CHORDS: Final = 16  # pads
RECORDING_OCTAVE: Final = 2
_LOWEST_ROOT: Final = 48  # C3
_BASS_OCTAVE: Final = 36  # C2
# Suffixes of `etl.midi.chords` as lead sheets write them.
_LEAD_SHEET: Final = {
    "min": "m", "min7": "m7", "dim7": "m7b5", "dimb7": "dim7", "minadd13": "m6", "add13": "6",
}  # fmt: skip


def subfolders(names: Sequence[str], most: int = MOST_IN_FOLDER) -> dict[str, str]:
    """Give each name the subfolder that it belongs in: none where they are few, else a beginning it shares.

    Examples
    --------
    >>> subfolders(["kick.mid", "Snare.mid"])
    {'kick.mid': '', 'Snare.mid': ''}
    >>> subfolders(["kick.mid", "Snare_1.mid", "snare_2.mid"], most=2)
    {'kick.mid': 'k_', 'Snare_1.mid': 's_', 'snare_2.mid': 's_'}
    """
    placed = dict.fromkeys(names, "")
    longest = max(map(len, names), default=0)
    crowded, length = list(names), 0
    while len(crowded) > most and length < longest:
        length += 1
        groups: dict[str, list[str]] = {}
        for name in crowded:
            # The dash at the end keeps clear of the names that Windows reserves.
            placed[name] = f"{name[:length].lower()}_"
            groups.setdefault(placed[name], []).append(name)
        crowded = [name for group in groups.values() if len(group) > most for name in group]
    return placed


def progression(name: str, key: str, chords: Sequence[str]) -> dict[str, Any]:
    """Build the content of a ``.progression`` file [1]_.

    Parameters
    ----------
    name
        Its name.
    key
        One of `etl.music.keys.KEY_NAMES`.
    chords
        Symbols as `etl.midi.chords.spell_chords` writes them; the first sixteen different ones become pads.

    Returns
    -------
    dict
        Ready for JSON.

    Examples
    --------
    >>> made = progression("Loop", "A Minor", ["Amin", "F/C", "Amin"])["progression"]
    >>> made["rootNote"], made["scale"], made["chords"][1]
    ('A', 'Minor', {'name': 'F/C', 'role': 'Normal', 'notes': [36, 53, 57, 60]})
    """
    tonic, scale = key.split(" ")
    pads = list(dict.fromkeys(chords))[:MOST_CHORDS]
    return {
        "progression": {
            "name": name,
            "rootNote": SHARP_NAMES[note_pitch_class(tonic)],
            "scale": scale,
            "recordingOctave": RECORDING_OCTAVE,
            "chords": [
                {"name": label, "role": "Normal" if place else "Root", "notes": notes}
                for place, (label, notes) in enumerate(map(_pad, pads))
            ],
        }
    }


def transposed(symbol: str, semitones: int) -> str:
    """Move a chord symbol up, spelt with sharps.

    Examples
    --------
    >>> transposed("Bbmin7/Db", 2), transposed("Csus4", 1)
    ('Cmin7/Ds', 'Cssus4')
    """
    chord, slash, bass = symbol.partition("/")
    root, suffix = _root_and_suffix(chord)

    def moved(note: str) -> str:
        return CHORDONOMICON_SHARP_NAMES[(note_pitch_class(note) + semitones) % 12]

    return moved(root) + suffix + slash + (moved(bass) if bass else "")


def _root_and_suffix(chord: str) -> tuple[str, str]:
    length = 2 if len(chord) > 1 and _is_accidental(chord[1:]) else 1
    return chord[:length], chord[length:]


def _pad(symbol: str) -> tuple[str, list[int]]:
    """Give a chord's lead-sheet name and its notes: the bass below, the chord from its root at C3 up."""
    chord, _, bass = symbol.partition("/")
    root, suffix = _root_and_suffix(chord)
    start = _LOWEST_ROOT + note_pitch_class(root)
    lowest = note_pitch_class(bass) if bass else note_pitch_class(root)
    label = (
        _lead_sheet_note(root)
        + _LEAD_SHEET.get(suffix, suffix)
        + (f"/{_lead_sheet_note(bass)}" if bass else "")
    )
    return label, [_BASS_OCTAVE + lowest, *(start + interval for interval in QUALITY_NOTES[suffix])]


def _is_accidental(rest: str) -> bool:
    """Whether what follows a root letter is a flat or a sharp, not the s of sus."""
    return rest[0] == "b" or (rest[0] == "s" and not rest.startswith("sus"))


def _lead_sheet_note(note: str) -> str:
    return note.replace("s", "#")
