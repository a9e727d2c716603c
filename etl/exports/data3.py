"""The data3 CSV: 17 columns, the input's own text in the first ten, written as bytes block by block."""

from __future__ import annotations

import io
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from etl.chords.fingerprints import fingerprint_texts
from etl.chords.ragged import Ragged
from etl.chords.romantext import RomanStyle, styled
from etl.exports.line_kernel import complete_lines, field_bytes
from etl.exports.song_names import UNKNOWN_ARTIST, UNKNOWN_TRACK
from etl.music.spotify_ids import SPOTIFY_ID
from etl.runtime.jit.plain import COPY_STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from etl.chords.vocabulary import Vocabulary
    from etl.exports.line_kernel import Field

SOURCE_COLUMNS: Final = (
    "id",
    "chords",
    "release_date",
    "genres",
    "decade",
    "rock_genre",
    "artist_id",
    "main_genre",
    "spotify_song_id",
    "spotify_artist_id",
)
"""The Chordonomicon columns."""

SONG_COLUMNS: Final = (*SOURCE_COLUMNS, "artist", "title")
"""What is read of a song by name: the Chordonomicon columns, and names where the source has them."""

COLUMNS: Final = (
    *SOURCE_COLUMNS,
    "artist_name",
    "artist_url",
    "song_name",
    "song_url",
    "key",
    "roman_numerals",
    "harmonic_fingerprint",
)
"""The data3 columns."""

HEADER: Final = (",".join(COLUMNS) + "\n").encode()

NO_URL: Final = "N/A"

NO_NUMERALS: Final = ("empty", "parse_error")
"""What stands for the numerals of a song without tokens, and of one without known chords."""


class LineBuffer:
    """Memory for lines that serves one batch after the other: memory never touched before is slow.

    Attributes
    ----------
    head
        For all fields but the last two.
    lines
        For whole lines.
    """

    def __init__(self) -> None:
        self.head = io.BytesIO()
        self.lines = np.empty(0, np.uint8)

    def __reduce__(self) -> tuple[type[LineBuffer], tuple[()]]:
        return LineBuffer, ()  # a copy in another process is memory, not what is in it

    def room(self, size: int) -> NDArray[np.uint8]:
        """Give room for whole lines; what it held is lost."""
        if len(self.lines) < size + COPY_STEP:
            self.lines = np.empty(size + size // 8 + COPY_STEP, np.uint8)
        return self.lines


class LineBuffers:
    """Buffers that are not in use; any thread may take one and put it back. A copy elsewhere has none."""

    def __init__(self) -> None:
        self._free: SimpleQueue[LineBuffer] = SimpleQueue()

    def __reduce__(self) -> tuple[type[LineBuffers], tuple[()]]:
        return LineBuffers, ()

    def take(self) -> LineBuffer:
        """Take one that was put back, or a new one."""
        try:
            return self._free.get_nowait()
        except Empty:
            return LineBuffer()

    def put_back(self, buffer: LineBuffer) -> None:
        """Let others use it."""
        self._free.put(buffer)


def write_data3(
    songs: pl.DataFrame,
    vocabulary: Vocabulary,
    numeral_texts: Sequence[str],
    buffer: LineBuffer,
    style: RomanStyle = RomanStyle.HOUSE,
) -> NDArray[np.uint8]:
    r"""Write analyzed songs as data3 lines, without the header.

    Parameters
    ----------
    songs
        The source columns, ``tokens``, ``numerals``, ``n_chords``, ``key``, ``key_name``, and, where they are
        known, ``artist_name`` and ``song_name``.
    vocabulary
        What ``tokens`` index.
    numeral_texts
        What ``numerals`` index: numerals in the house style, and section tags.
    buffer
        Where to write; what it held is lost.
    style
        How numerals are spelled.

    Returns
    -------
    ndarray
        The lines, in the buffer: UTF-8, ``\n``; null is empty, the empty string is ``""``, quotes only where
        needed.
    """
    tokens = Ragged.from_series(songs["tokens"])
    numerals = Ragged.from_series(songs["numerals"])
    _check(numerals, numeral_texts)
    spelled, texts = styled(numerals, songs["key"].to_numpy(), numeral_texts, style, vocabulary.glossary)
    is_silent = songs["n_chords"].to_numpy() == 0
    if is_silent.any():
        spelled = spelled.instead(np.flatnonzero(is_silent), len(texts) + (tokens.lengths[is_silent] > 0))
        tokens = tokens.where(~np.repeat(is_silent, tokens.lengths))
    head = _head(songs, buffer.head)
    numeral_field = _field(spelled, [*texts, *NO_NUMERALS])
    fingerprint_field = _field(tokens, fingerprint_texts(vocabulary))
    separators = 4 * songs.height  # two commas, two quotes
    size = len(head) + field_bytes(numeral_field) + field_bytes(fingerprint_field) + separators
    lines = buffer.room(size)
    return lines[: complete_lines(head, numeral_field, fingerprint_field, lines)]


def _check(ids: Ragged, texts: Sequence[str]) -> None:
    """Refuse values without a text: compiled code would write what happens to stand there."""
    if ids.values.max(initial=-1) >= len(texts) or ids.values.min(initial=0) < 0:
        message = f"a value has no text among {len(texts)}"
        raise IndexError(message)


def _field(ids: Ragged, texts: Sequence[str]) -> Field:
    _check(ids, texts)
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)])
    return ids.values, ids.offsets, np.frombuffer(b"".join([*encoded, bytes(COPY_STEP)]), np.uint8), ends


def _head(songs: pl.DataFrame, buffer: io.BytesIO) -> NDArray[np.uint8]:
    """Write all fields but the last two."""
    artist = pl.col("artist_name") if "artist_name" in songs.columns else pl.lit(None, pl.String)
    title = pl.col("song_name") if "song_name" in songs.columns else pl.lit(None, pl.String)
    rows = songs.select(
        *SOURCE_COLUMNS,
        artist_name=artist.fill_null(UNKNOWN_ARTIST),
        artist_url=_url("artist", pl.col("spotify_artist_id")),
        song_name=title.fill_null(UNKNOWN_TRACK),
        song_url=_url("track", pl.col("spotify_song_id")),
        key="key_name",
    )
    buffer.seek(0)
    rows.write_csv(buffer, include_header=False, line_terminator="\n")
    head = np.frombuffer(buffer.getbuffer()[: buffer.tell()], np.uint8)
    head.flags.writeable = False
    return head


def _url(kind: str, spotify_id: pl.Expr) -> pl.Expr:
    return (
        pl.when(spotify_id.str.contains(f"^{SPOTIFY_ID}$"))
        .then(pl.concat_str(pl.lit(f"https://open.spotify.com/{kind}/"), spotify_id))
        .otherwise(pl.lit(NO_URL))
    )
