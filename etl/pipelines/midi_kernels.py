"""What the server that worker processes are forked from imports: machine code, and nothing with threads."""

from __future__ import annotations

import numpy as np

from etl.midi import beat_kernel, onset_kernel  # noqa: F401 - loaded for those that come after
from etl.midi.reader import read_files
from etl.midi.stats_kernel import FILE_STATS, PART, file_stats, part_stats
from etl.runtime.jit import without_matrix_products

# The compiled code is loaded at the first call.
with without_matrix_products():
    _EMPTY = read_files([])
    part_stats(_EMPTY.files, _EMPTY.notes, _EMPTY.note_offsets, np.empty(0, PART))
    file_stats(_EMPTY.files, _EMPTY.notes, _EMPTY.note_offsets, np.empty(0, FILE_STATS))
