"""Kill a run over many MIDI files again and again, run it to its end, compare with a run left alone.

python -m tests.robustness.midi_kills [FILES=20000] [KILLS=10] [SPLIT=0]

With SPLIT 1 parts are written too. Fails if a table or the library differs, or a temporary file is left.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.support.figures import show, sizes
from tests.support.midi_corpus import write_corpus
from tests.support.midi_kills import compare


def main(files: int, kills: int, split: int) -> None:
    """Run and print."""
    stages = "import,analyze,sanitize" + (",split" if split else "")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name)
        write_corpus(top / "corpus", files)
        figures: dict[str, Any] = compare(top, top / "corpus", stages, kills=kills)
    show({f"{files:,} files, {stages}": figures})
    is_equal = all(figures["tables_equal"].values()) and figures["library_equal"]
    raise SystemExit(not is_equal or bool(figures["temporary_files"]))


if __name__ == "__main__":
    main(*sizes(20_000, 10, 0))
