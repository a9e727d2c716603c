"""Which model is asked, where, within which limits: by options, environment, or ``[chat]`` of the config."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.settings import config_path, setting
from etl.services.politeness.retry import Patience

DEFAULT_URL: Final = "https://openrouter.ai/api/v1"
PATIENCE: Final = Patience(read=180.0, answer=300.0, longest_wait=120.0, failures=12)
"""A model may think for minutes before its first byte. A request that failed is not repeated as it is."""

_PROVIDERS: Final = {
    "openrouter.ai": "openrouter",
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
}
_KEYS: Final = {
    "openrouter": "OPENROUTER_API_KEY",
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
}


@dataclass(frozen=True)
class ChatSettings:
    """How a model is reached.

    Attributes
    ----------
    url
        Base address, such as ``https://openrouter.ai/api/v1``.
    model
        Its name there.
    key
        The key; empty for a server that needs none.
    provider
        ``openrouter``, ``openai``, ``anthropic``, or empty for another.
    account
        Whose limits they are; keys that share limits have the same.
    per_minute, per_day
        Requests a minute, evenly apart, and a UTC day; None for the service's own.
    tokens_per_minute, tokens_per_day
        The same of tokens, question and answer.
    overnight
        Spread the requests of a day over the whole day.
    prompt_price, completion_price
        Price of a million tokens; None if not known.
    patience
        How long things may take.
    contact
        An address or a page for the User-Agent.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    provider: str = ""
    account: str | None = None
    per_minute: float | None = None
    per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    overnight: bool = False
    prompt_price: float | None = None
    completion_price: float | None = None
    patience: Patience = PATIENCE
    contact: str | None = None

    def price(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        """Give what so many tokens cost, None where no prices are set."""
        if self.prompt_price is None and self.completion_price is None:
            return None
        return (
            prompt_tokens * (self.prompt_price or 0.0) + completion_tokens * (self.completion_price or 0.0)
        ) / 1e6


def chat_settings(*, needs_key: bool = True, **options: Any) -> ChatSettings:
    """Read the settings; options that are not None win. An estimate needs no key, and no model.

    Raises
    ------
    EtlError
        When no model is named, or a value is none.
    """
    url = _text("url") or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise EtlError(
            f"the address of the model's server is not usable: {parts.scheme}://{parts.hostname or ''}.",
            "Write ETL_CHAT_URL, or url in [chat], with http:// or https://, a host and no password.",
            exit_code=ExitCode.USAGE,
        )
    provider = _text("provider") or next(
        (name for host, name in _PROVIDERS.items() if parts.hostname == host), ""
    )
    key = _text("key") or (setting(_KEYS[provider], "chat", "key") if provider in _KEYS else "") or ""
    key = key.strip()
    if not key.isascii() or not key.isprintable():
        raise EtlError(
            "the key holds characters that cannot be right.", "Copy it again.", exit_code=ExitCode.USAGE
        )
    if needs_key and provider in _KEYS and not key:
        raise EtlError(
            f"no key is set for {parts.hostname}.",
            f"Set ETL_CHAT_KEY or {_KEYS[provider]}, or write key under [chat] in {config_path()}. "
            "Without a key, use --engine local, or a local server with ETL_CHAT_URL.",
            exit_code=ExitCode.USAGE,
        )
    model = options.pop("model", None) or _text("model") or ""
    if needs_key and not model:
        raise EtlError(
            "no model is named.",
            "Pass --model, set ETL_CHAT_MODEL, or write model under [chat].",
            exit_code=ExitCode.USAGE,
        )
    longest_wait = _number("longest_wait")
    made = ChatSettings(
        url=url,
        model=model,
        key=key,
        provider=provider,
        account=_text("account"),
        per_minute=_number("per_minute"),
        per_day=_whole("per_day"),
        tokens_per_minute=_whole("tokens_per_minute"),
        tokens_per_day=_whole("tokens_per_day"),
        prompt_price=_number("prompt_price", least=0.0),
        completion_price=_number("completion_price", least=0.0),
        patience=replace(PATIENCE, longest_wait=longest_wait) if longest_wait else PATIENCE,
        contact=setting("ETL_CONTACT", "services", "contact"),
    )
    return replace(made, **{name: value for name, value in options.items() if value is not None})


def _text(name: str) -> str | None:
    return setting(f"ETL_CHAT_{name.upper()}", "chat", name)


def _number(name: str, *, least: float | None = None) -> float | None:
    text = _text(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    is_right = math.isfinite(value) and (value > 0 if least is None else value >= least)
    if not is_right:
        raise EtlError(
            f"{name} is {text!r}; it must be a number "
            f"{'above 0' if least is None else f'from {least:g} on'}.",
            f"Correct ETL_CHAT_{name.upper()} or {name} under [chat].",
            exit_code=ExitCode.USAGE,
        )
    return value


def _whole(name: str) -> int | None:
    value = _number(name)
    return None if value is None else max(1, math.floor(value))
