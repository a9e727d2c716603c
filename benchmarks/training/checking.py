"""The one option of a fit: whether the weights that ship come out again."""

from __future__ import annotations

import argparse


def is_check(description: str | None) -> bool:
    """Read the command line: ``--check`` or nothing."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare with the weights that ship")
    return bool(parser.parse_args().check)
