"""What answers of chat completions mean: whose trouble each is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from etl.runtime.errors import EtlError, ExitCode
from etl.services.chat import Chat
from etl.services.chat_settings import ChatSettings, chat_settings
from etl.services.errors import (
    AppError,
    BadCredentialsError,
    ForeignError,
    GarbledError,
    RateLimitedError,
    RefusedError,
    RejectedError,
    ServerError,
)
from etl.services.politeness.gate import Gate
from etl.services.politeness.rates import Cost, Limit, Rates, Unit, Window
from etl.services.state import MemoryState
from tests.support.chat_server import ChatServer, error, said
from tests.support.loopback import Reply
from tests.support.permits import permits

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    """Start the server."""
    with ChatServer() as made:
        yield made


def asked(server: ChatServer, reply: Reply) -> object:
    """Ask, and be told this."""
    server.reply = lambda _arrival: reply
    chat = Chat(ChatSettings(server.base_url, "m", key="sk-key"))
    chat.connect(Gate("Test", permits(Rates()), MemoryState(), threading.Event()))
    return chat.complete([], response_format={}, most_tokens=9, cost=Cost(), admitted=lambda: None)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error(401, "No auth credentials found"), BadCredentialsError, "key"),
        (error(402, "Insufficient credits"), AppError, "credit"),
        (error(402, "Insufficient credits", http=200), AppError, "credit"),
        (error(402, "x", metadata={"limit_source": "openrouter_in_flight_budget"}), RateLimitedError, "402"),
        (error(404, "No endpoints found for x"), AppError, "model"),
        (error(400, "x is not a valid model ID"), AppError, "model"),
        (error(400, "context length exceeded"), RejectedError, "context"),
        (error(403, "Key is not allowed"), AppError, "account"),
        (error(403, "flagged", metadata={"reasons": ["violence"]}), RefusedError, "flagged"),
        (error(429, "quota", type="insufficient_quota"), AppError, "credit"),
        (error(429, "slow down"), RateLimitedError, "slow"),
        (error(529, "Overloaded"), ServerError, "529"),
        (error(502, "upstream", http=200), ServerError, "upstream"),
        (Reply(403, b"<html>portal</html>"), ForeignError, "403"),
        (Reply(200, b"<html>portal</html>"), ForeignError, "page"),
        (Reply(200, b"{}"), GarbledError, "choices"),
        (said(None), GarbledError, "empty"),
        (said("x", finish="content_filter"), RefusedError, "refuses"),
        (said("x", finish="error"), ServerError, "error"),
    ],
)
def test_each_trouble_has_its_class(server: ChatServer, reply: Reply, kind: type, words: str) -> None:
    """From the class follows what happens to the request, to its items and to the run."""
    with pytest.raises(kind, match=words) as caught:
        asked(server, reply)
    assert "sk-key" not in str(caught.value)


def test_an_answer_is_text_with_what_it_cost(server: ChatServer) -> None:
    """Text in parts is joined; what has no room to end says so."""
    whole = asked(server, said([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))
    assert (whole.text, whole.is_cut, whole.prompt_tokens) == ("ab", False, 100)  # type: ignore[attr-defined]
    cut = asked(server, said("x", finish="length"))
    assert cut.is_cut  # type: ignore[attr-defined]


def test_limits_are_those_that_are_set_or_of_free_models() -> None:
    """A minute is kept evenly, a day is UTC's, tokens count by themselves."""
    chat = Chat(ChatSettings("http://127.0.0.1", "m", per_minute=5, per_day=50, tokens_per_minute=1000))
    assert chat.rates.interval == pytest.approx(12.24)
    assert chat.rates.limits == (Limit(50, Window.UTC_DAY), Limit(1000, Window.MINUTE, Unit.TOKENS))
    free = Chat(ChatSettings("https://openrouter.ai/api/v1", "m:free", provider="openrouter"))
    assert free.rates.per_day == 50
    assert free.rates.interval == pytest.approx(3.06)


@pytest.mark.parametrize(("is_free", "per_day"), [(True, 50), (False, 1000)])
def test_openrouter_tells_which_limits_an_account_has(is_free: bool, per_day: int) -> None:
    """50 a day on the free tier, 1,000 after credit was bought; the question counts as no request."""
    with ChatServer() as server:
        server.key_info = {"is_free_tier": is_free}
        chat = Chat(ChatSettings(server.base_url, "x:free", key="sk-key", provider="openrouter"))
        granted = permits(chat.rates)
        gate = Gate("Test", granted, MemoryState(), threading.Event())
        chat.connect(gate)
        chat.reconcile()
    assert chat.rates.per_day == granted.rates.per_day == per_day
    assert gate.traffic.requests == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ETL_CHAT_MODEL": "m"}, "no key is set for openrouter.ai"),
        ({"ETL_CHAT_URL": "http://127.0.0.1:1"}, "no model"),
        ({"ETL_CHAT_URL": "ftp://x", "ETL_CHAT_MODEL": "m"}, "not usable"),
        ({"ETL_CHAT_URL": "https://me:secret@x/v1", "ETL_CHAT_MODEL": "m"}, "not usable"),
        ({"ETL_CHAT_KEY": "a\u00e9", "ETL_CHAT_MODEL": "m"}, "characters"),
        ({"ETL_CHAT_KEY": "k", "ETL_CHAT_MODEL": "m", "ETL_CHAT_PER_DAY": "no"}, "per_day"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    settings: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """With what to do, and without quoting a secret."""
    for name in ("OPENROUTER_API_KEY", "ETL_CHAT_KEY", "ETL_CHAT_MODEL", "ETL_CHAT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"ETL_CONFIG": str(tmp_path / "none.toml"), **settings}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EtlError, match=words) as caught:
        chat_settings()
    assert caught.value.exit_code == ExitCode.USAGE
    assert "secret" not in str(caught.value)
