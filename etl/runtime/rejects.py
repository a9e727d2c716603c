"""What was refused, and why: rows, files and tracks alike, as one table."""

from __future__ import annotations

from typing import Final

REJECT_SCHEMA: Final = {
    "source": str, "line": int, "stage": str, "category": str, "reason": str, "raw": str,
}  # fmt: skip
"""Columns of a frame of rejects; ``line`` and ``raw`` may be left out."""
