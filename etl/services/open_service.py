"""What services have in common that anyone may ask: no token to fetch, one session, an address by itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from etl.services.contract import Answer, Kind, Service
from etl.services.portions import look_up_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from etl.services.politeness.gate import Gate
    from etl.services.settings import ServiceSettings
    from etl.services.state import ServiceState

MBID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
"""What MusicBrainz and those that build on it name things by."""


class OpenService(Service):
    """A service whose limits are for whoever asks.

    Parameters
    ----------
    settings
        Where and how often.
    account
        Whose limits they are, where the user has not said so.
    secrets
        Texts that no error may quote.

    Attributes
    ----------
    server, root
        Its address, and the path that all its look-ups begin with.
    requests_per_second
        The pace that it asks for.
    batch_size
        Ids that a request may hold.
    """

    server: ClassVar[str]
    root: ClassVar[str]
    requests_per_second: ClassVar[float] = 1.0
    batch_size: ClassVar[int] = 1

    def __init__(
        self, settings: ServiceSettings, *, account: str = "anyone", secrets: Sequence[str] = ()
    ) -> None:
        self.account = settings.account or account
        self.rates = settings.rates(self.requests_per_second)
        self.base = (settings.url or self.server).rstrip("/").removesuffix(self.root) + self.root
        self._secrets = secrets

    def portions(self, state: ServiceState) -> tuple[int, ...]:
        """Say how many ids a request may hold."""
        del state
        return (self.batch_size,)

    def connect(self, gate: Gate) -> None:
        """Build the session."""
        from etl.services.politeness.session import PoliteSession  # noqa: PLC0415 - estimates send nothing

        super().connect(gate)
        self.session = PoliteSession(gate, self.judge, connections=self.connections, secrets=self._secrets)

    def look_up(self, kind: Kind, ids: Sequence[str]) -> Iterator[list[Answer]]:
        """Ask about ids; see :meth:`etl.services.contract.Service.look_up`."""
        yield from look_up_lists(self.gate, kind, ids, lambda part: self.ask(kind, part))

    @abstractmethod
    def ask(self, kind: Kind, ids: Sequence[str]) -> list[Answer]:
        """Send one request, and give an answer for each id."""
