"""A worker of which one file kills the process, as the system does without memory, and one takes long."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from etl.pipelines.midi import worker

if TYPE_CHECKING:
    from etl.pipelines.midi.messages import Batch, Result, Wanted


def process_batch(batch: Batch, wanted: Wanted) -> Result:
    """Process a batch; one file kills the process, another takes a second and a half."""
    if any(entry.name == "slow.mid" for entry in batch.entries):
        time.sleep(1.5)
    if any(entry.name == "poison.mid" for entry in batch.entries):
        os.kill(os.getpid(), signal.SIGKILL)
    return worker.process_batch(batch, wanted)
