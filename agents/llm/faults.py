"""From what the `openai` client raises to our errors. Imports it only when it is loaded."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

from agents.llm.errors import (
    ContextTooLongError,
    CutStreamError,
    EndlessAnswerError,
    NonsenseError,
    ProviderError,
    ProviderRefusedError,
    RateLimitedError,
    TimedOutError,
    UnavailableError,
    UnknownModelError,
    WrongKeyError,
)
from agents.llm.parts import MalformedPart
from agents.llm.redaction import one_line
from agents.llm.shaping import TooLongAnswer, UnusableAnswer
from integrations.errors import AddressRefusedError

LONGEST_WISH_SECONDS = 24 * 3600.0

_TOO_LONG = re.compile(r"context.?(?:length|size|window)|maximum context|too many (?:input )?tokens", re.I)


def translate(error: Exception, provider: str, model: str, secret: str, *, has_begun: bool) -> ProviderError:
    """Return what an exception means; `has_begun`: some of the answer had come. Others are raised again."""
    match error:
        case ProviderError():
            return error
        case openai.APIStatusError():
            return _by_status(error, provider, model, secret)
        case openai.APITimeoutError():
            return TimedOutError(provider, model, "No connection in time.")
        case openai.APIConnectionError() if has_begun:
            return CutStreamError(provider, model, "The connection ended before the answer did.")
        case openai.APIConnectionError():
            return UnavailableError(provider, model, "It cannot be reached.")
        case AddressRefusedError():
            return ProviderRefusedError(provider, model, f"Nothing is sent there: this is {error}.")
        case openai.APIError():
            said = one_line(error.message, secret)
            if has_begun:
                return CutStreamError(provider, model, f"The answer was broken off: {said}")
            return UnavailableError(provider, model, f"It failed: {said}")
        case json.JSONDecodeError() | UnicodeDecodeError():
            return NonsenseError(provider, model, "What came is no JSON.")
        case MalformedPart():
            return NonsenseError(
                provider, model, f"The answer cannot be read: {one_line(str(error), secret)}."
            )
        case UnusableAnswer():
            return NonsenseError(
                provider, model, f"The answer cannot be used: {one_line(str(error), secret)}."
            )
        case TooLongAnswer():
            return EndlessAnswerError(
                provider, model, "The answer went on far beyond the length that was asked for."
            )
        case _:
            raise error


def retry_after(headers: "openai.APIStatusError", now: datetime) -> float | None:
    """Return after how many seconds a provider wants to be asked again, if it says."""
    given = headers.response.headers
    try:
        if (milliseconds := given.get("retry-after-ms")) is not None:
            return _within(float(milliseconds) / 1000)
        if (text := given.get("retry-after")) is None:
            return None
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text.strip()):
            return _within(float(text))
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _within((moment - now).total_seconds())


def _within(seconds: float) -> float | None:
    return min(max(seconds, 0.0), LONGEST_WISH_SECONDS) if seconds == seconds else None


def _by_status(error: openai.APIStatusError, provider: str, model: str, secret: str) -> ProviderError:
    said = one_line(error.message, secret)
    code = str(error.code or "")
    wish = retry_after(error, datetime.now(UTC))
    match error.status_code:
        case 401 | 403:
            return WrongKeyError(provider, model, f"It does not take the key: {said}")
        case 404:
            return UnknownModelError(provider, model, f"It does not have this: {said}")
        case 429 if code == "insufficient_quota":
            return ProviderRefusedError(provider, model, f"The account there has no credit left: {said}")
        case 429:
            return RateLimitedError(
                provider, model, f"Too many requests for now: {said}", retry_after_seconds=wish
            )
        case 408 | 409:
            return UnavailableError(provider, model, f"Not now: {said}", retry_after_seconds=wish)
        case status if status >= 500:
            return UnavailableError(
                provider, model, f"It is out of order ({status}): {said}", retry_after_seconds=wish
            )
        case _ if code == "model_not_found":
            return UnknownModelError(provider, model, f"It does not have this: {said}")
        case _ if code == "context_length_exceeded" or _TOO_LONG.search(f"{error.type} {error.message}"):
            return ContextTooLongError(
                provider, model, f"The conversation is longer than this model reads: {said}"
            )
        case status:
            return ProviderRefusedError(provider, model, f"It refuses this ({status}): {said}")
