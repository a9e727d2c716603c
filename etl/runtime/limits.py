"""Sizes, cadences and patience that long runs keep to: one frozen value, handed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class ArchiveLimits:
    """What may come out of an archive that nobody has reason to trust.

    Attributes
    ----------
    member_bytes
        Largest member, and largest file beside archives.
    archive_bytes
        Largest archive on disk, and the most that may come out of one, nested archives included.
    ratio
        The most that may come out of an archive, as a multiple of what has been read of it; what is below
        ``free_bytes`` does not count, since short files of nothing compress well.
    members
        Most members.
    depth
        How deep archives may be nested.
    child_bytes, child_s
        Memory and processor seconds of a process that reads one with a library in C; dictionaries of rar are
        up to 64 MB where libarchive reads them.
    """

    member_bytes: int = 32 << 20
    archive_bytes: int = 2 << 30
    ratio: int = 200
    free_bytes: int = 32 << 20
    members: int = 200_000
    depth: int = 4
    child_bytes: int = 2 << 30
    child_s: int = 300


@dataclass(frozen=True)
class Limits:
    """What a run keeps to.

    Attributes
    ----------
    burst_s, burst_items
        Results go to the store when the first of them is so many seconds old, or when so many items wait.
    hold_s
        Seconds after which a burst that is not written yet is cut, so that readers get in before the rest.
    patience_s
        Seconds to wait for another process to let go of the store.
    poll_s
        Seconds between two attempts to open it.
    track_s, track_bytes
        The most that an audio file may take to be described: a recording of two hours takes about a minute
        and 2 GB.
    worker_bytes
        What a worker that describes audio takes for a recording of three minutes.
    track_tries
        How often a file that costs its process is tried, in as many runs.
    count_s
        Seconds between two counts of the songs that an enrichment has completed.
    block_bytes, block_most_bytes
        How much of a chord file is read at a time: to begin with, and at most.
    block_s
        Least and most seconds that a block should take; its size follows.
    parquet_rows
        Rows of Parquet to decode at a time; a block is one or more of them.
    record_bytes
        Longest record of a CSV; a file without a line end for as long is given up.
    memory_bytes
        Memory for all blocks at work.
    batch_files, batch_bytes
        MIDI files that a worker is handed at once: so many, or so many bytes of them.
    batch_s
        Longest time for these, which take one or two seconds.
    copied_files, copied_bytes
        Files that are copied to a drive before they are flushed and read back.
    spare_bytes
        Room to leave free on a drive.
    archives
        What may come out of archives.
    """

    burst_s: float = 5.0
    burst_items: int = 1000
    hold_s: float = 1.0
    patience_s: float = 5.0
    poll_s: float = 0.03
    track_s: float = 300.0
    track_bytes: int = 2_500_000_000
    worker_bytes: int = 400_000_000
    track_tries: int = 3
    count_s: float = 10.0
    block_bytes: int = 4 << 20
    block_most_bytes: int = 32 << 20
    block_s: tuple[float, float] = (0.1, 0.5)
    parquet_rows: int = 1024
    record_bytes: int = 256 << 20
    memory_bytes: int = 2 << 30
    batch_files: int = 512
    batch_bytes: int = 8 << 20
    batch_s: float = 300.0
    copied_files: int = 256
    copied_bytes: int = 64 << 20
    spare_bytes: int = 1 << 20
    archives: ArchiveLimits = field(default_factory=ArchiveLimits)


LIMITS: Final = Limits()
"""What holds where nothing else is said."""
