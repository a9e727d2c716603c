"""What the server that worker processes are forked from imports: machine code, and nothing with threads."""

from __future__ import annotations

import numpy as np

from etl.midi import beat_kernel, onset_kernel  # noqa: F401 - loaded for those that come after
from etl.midi.arrays import FILE
from etl.midi.reader import read_files
from etl.midi.shingles import signatures
from etl.midi.split_kernel import write_parts
from etl.midi.stats_kernel import FILE_STATS, PART, file_stats, part_stats
from etl.runtime.jit import without_matrix_products
from etl.runtime.work.memory import keep_freed_memory

without_matrix_products()
keep_freed_memory()

# The compiled code is loaded at the first call.
_EMPTY = read_files([])
part_stats(_EMPTY.files, _EMPTY.notes, _EMPTY.note_offsets, np.empty(0, PART))
file_stats(_EMPTY.files, _EMPTY.notes, _EMPTY.note_offsets, np.empty(0, FILE_STATS))
onset_kernel.grid_fits(_EMPTY.files, _EMPTY.notes, _EMPTY.note_offsets, np.empty((0, 2)))
signatures(_EMPTY)
_NONE = np.empty(0, np.int64)
_RECORD = np.zeros(1, FILE)[0]
write_parts(_EMPTY.data, _RECORD, _EMPTY.notes, _EMPTY.events, _NONE, _NONE, np.empty(0, np.uint8))
