"""What the server that worker processes are forked from imports: code that describes, compiled and loaded.

It starts no threads, so it must not import polars.
"""

from __future__ import annotations

from etl.audio.features import Mode
from etl.pipelines.audio.describe import load
from etl.runtime.jit import without_matrix_products

without_matrix_products()  # those of NumPy are not meant
load(Mode.BEAT)
