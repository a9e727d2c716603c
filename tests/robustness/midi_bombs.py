"""Seconds until archives that swell, nest and climb are refused, and what was left behind.

python -m tests.robustness.midi_bombs [MEGABYTES=4096]

The whole command is timed, interpreter start included, as for ``nothing``, an empty folder. Fails if anything
lies beside the store, or if a bomb is taken in whole.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.archive_bombs import make_bombs, refused
from tests.support.figures import show, sizes


def main(megabytes: int) -> None:
    """Import each and print what became of it."""
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for bomb in make_bombs(folder, megabytes << 20):
            with tempfile.TemporaryDirectory() as top:
                figures = refused([bomb], Path(top))
            is_bomb = bomb.is_file()
            failed |= bool(figures["written_beside_the_store"]) or (
                is_bomb and not figures["refused"][bomb.name]
            )
            show({bomb.name: ", ".join(f"{what} {figure}" for what, figure in figures.items())})
            if is_bomb:
                bomb.unlink()
    raise SystemExit(failed)


if __name__ == "__main__":
    main(*sizes(4096))
