"""What the server that worker processes are forked from imports before anything else."""

from __future__ import annotations

from etl.runtime.work.garbage import collect_rarely

collect_rarely()
