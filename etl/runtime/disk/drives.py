"""Which drive a folder is on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from pathlib import Path


class Drive(NamedTuple):
    """Something that is mounted.

    Attributes
    ----------
    mount_point
        Where.
    device
        What, as the system calls it: a device, a share, the name of a file system in memory.
    """

    mount_point: str
    device: str


def drive_of(folder: Path, drives: list[Drive]) -> Drive | None:
    """Give the drive that a folder is on, links followed; None if none of these.

    Examples
    --------
    >>> from pathlib import Path
    >>> drive_of(Path("/"), [Drive("/", "/dev/sda1"), Drive("/media/usb", "/dev/sdb1")]).device
    '/dev/sda1'
    """
    place = os.path.realpath(folder)
    found = [drive for drive in drives if is_below(place, drive.mount_point)]
    return max(found, key=lambda drive: len(drive.mount_point), default=None)


def mounted_drives() -> list[Drive]:
    """List what is mounted now; nothing where the system does not tell."""
    try:
        return [Drive(each.mountpoint, each.device) for each in psutil.disk_partitions(all=True)]
    except (OSError, psutil.Error):
        return []


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder, or below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
