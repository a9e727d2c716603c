"""Where a cluster is, and by what paths its machines know the files of this one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from etl.runtime.errors import EtlError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMOTE: Final = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}")
_LOCAL: Final = re.compile(r"local:([1-9][0-9]{0,2})")


@dataclass(frozen=True)
class Cluster:
    """Where a cluster is.

    Attributes
    ----------
    address
        Of its scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``; or ``local:N`` for N workers on this
        machine that last as long as the run.
    maps
        Pairs of folders: as this machine calls them, and as the workers do.
    """

    address: str
    maps: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, address: str, maps: Sequence[str] = ()) -> Self:
        """Read what a user wrote.

        Parameters
        ----------
        address
            As above.
        maps
            Each ``HERE=THERE``, absolute paths.

        Raises
        ------
        EtlError
            If it is no address, or a map is none.

        Examples
        --------
        >>> Cluster.parse("local:2")
        Cluster(address='local:2', maps=())
        >>> Cluster.parse("tcp://10.0.0.1:8786", ["/music=/mnt/music"]).there("/music/a.flac")
        '/mnt/music/a.flac'
        """
        if not (_REMOTE.fullmatch(address) or _LOCAL.fullmatch(address)):
            raise EtlError(
                f"`{address}` is not a cluster.",
                "Give the address of its scheduler, such as tcp://10.0.0.1:8786, or local:2 to try.",
                exit_code=ExitCode.USAGE,
            )
        pairs = []
        for text in maps:
            here, equals, there = text.partition("=")
            if not (equals and here.startswith("/") and there.startswith("/")):
                raise EtlError(
                    f"`{text}` is not a map.",
                    "Write the folder here, then the folder on the workers: --map /music=/mnt/music",
                    exit_code=ExitCode.USAGE,
                )
            pairs.append((here.rstrip("/"), there.rstrip("/")))
        pairs.sort(key=lambda pair: len(pair[0]), reverse=True)  # the deepest folder knows best
        return cls(address, tuple(pairs))

    @property
    def local_workers(self) -> int | None:
        """How many workers to start on this machine; None for a cluster that is there already."""
        local = _LOCAL.fullmatch(self.address)
        return int(local[1]) if local else None

    def there(self, path: str) -> str:
        """Give the path by which workers know a file of this machine."""
        absolute = os.path.abspath(path)  # noqa: PTH100 - once per file
        for here, there in self.maps:
            if absolute == here or absolute.startswith(f"{here}/"):
                return f"{there}{absolute[len(here) :]}" or "/"
        return absolute
