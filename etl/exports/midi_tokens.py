"""Tokens of MIDI files through MidiTok, the tokenizers that the field uses (extra ``tokens``).

References
----------
.. [1] Fradet et al., "MidiTok: A Python Package for MIDI File Tokenization", 2021.
.. [2] Huang and Yang, "Pop Music Transformer: Beat-based Modeling and Generation of Expressive Pop Piano
   Compositions", 2020 (REMI).
.. [3] Liao et al., "Symusic: A Swift and Unified Toolkit for Symbolic Music Processing", 2024.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from etl.midi.arrays import Repair
from etl.runtime.errors import missing_part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from etl.midi.arrays import MidiBatch


class Remi:
    """REMI with programs, tempos and time signatures: one stream of tokens for each file.

    Attributes
    ----------
    vocabulary
        The tokens, by number.
    description
        JSON with the versions of the libraries; saved as a file it makes the same tokenizer again
        (``REMI(params=...)``).

    Raises
    ------
    EtlError
        If MidiTok is not installed.
    """

    def __init__(self) -> None:
        try:
            from miditok import REMI, TokenizerConfig  # noqa: PLC0415 - an extra, and three seconds
        except ImportError as error:
            raise missing_part("tokens need MidiTok", "tokens") from error
        config = TokenizerConfig(use_programs=True, use_tempos=True, use_time_signatures=True)
        self._tokenizer = REMI(config)
        vocabulary = self._tokenizer.vocab
        self.vocabulary: list[str] = sorted(vocabulary, key=vocabulary.__getitem__)
        with TemporaryDirectory(prefix="etl-tokens-") as folder:
            saved = Path(folder) / "tokenizer.json"
            self._tokenizer.save(saved)
            self.description: str = saved.read_text(encoding="utf-8")

    def tokens(self, batch: MidiBatch, file: int) -> NDArray[np.int32]:
        """Give the tokens of a file of a batch, int32; none where it has no notes, or a damaged time."""
        endless = int(batch.files[file]["warnings"]) & Repair.IMPLAUSIBLE_LENGTH
        if endless or not len(batch.notes_of(file)):
            return np.empty(0, np.int32)
        return np.asarray(self._tokenizer(score(batch, file)).ids, np.int32)


def score(batch: MidiBatch, file: int) -> Any:
    """Give a file as symusic has it: its notes by program, tempos and time signatures, in ticks."""
    import symusic  # noqa: PLC0415 - as above

    record = batch.files[file]
    made: Any = symusic.Score(int(record["division"]))
    notes = batch.notes_of(file)
    notes = notes[notes["end_tick"] > notes["start_tick"]]
    programs = np.where(notes["program"] == 255, 0, notes["program"]).astype(np.int64)
    keys = (
        (notes["track"].astype(np.int64) * 16 + notes["channel"]) * 256 + programs * 2 + (notes["drum"] > 0)
    )
    for key in np.unique(keys):
        part = notes[keys == key]
        track: Any = symusic.Track("", int(key % 256 // 2), bool(key % 2))
        track.notes = symusic.Note.from_numpy(
            part["start_tick"].astype(np.int32),
            (part["end_tick"] - part["start_tick"]).astype(np.int32),
            part["pitch"].astype(np.int8),
            part["velocity"].astype(np.int8),
        )
        made.tracks.append(track)
    first, last = batch.tempo_offsets[file], batch.tempo_offsets[file + 1]
    for step in batch.tempos[first:last]:
        made.tempos.append(symusic.Tempo(int(step["tick"]), mspq=int(step["microseconds"])))
    for event in batch.events_of(file):
        if event["status"] == 0xFF and event["kind"] == 0x58:
            numerator, power = (int(each) for each in batch.data[event["offset"] : event["offset"] + 2])
            made.time_signatures.append(symusic.TimeSignature(int(event["tick"]), numerator, 1 << power))
    return made
