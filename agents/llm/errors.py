"""What can go wrong with a call of a language model.

LlmError
├── NoProviderError            no model of the workspace can do this
├── BudgetExceededError        the call could cost more than is left
└── ProviderError              a provider did not answer as it should
    ├── WrongKeyError          it does not take the key
    ├── UnknownModelError      it does not have the model
    ├── ContextTooLongError    the conversation is longer than the model can read
    ├── ProviderRefusedError   it will not do this, however often it is asked
    ├── RateLimitedError       not now; it may say when
    ├── UnavailableError       not reachable, or out of order
    ├── TimedOutError          it did not begin, or did not go on, in time
    ├── CutStreamError         the answer stopped in the middle
    ├── EndlessAnswerError     the answer is longer than was asked for
    ├── NonsenseError          what came is not what the protocol or the request asks for
    └── CircuitOpenError       it has failed so often that it is left alone for a while

Messages are one or two sentences for the people of a workspace, and contain no key.
"""

from typing import ClassVar
from uuid import UUID

from agents.errors import AgentError
from storage.models import BudgetScope


class LlmError(AgentError):
    """The root."""

    code: ClassVar[str] = "llm_error"


class NoProviderError(LlmError):
    """There is nothing to call."""

    code = "no_model"


class BudgetExceededError(LlmError):
    """A hard budget. Money in micro-dollars."""

    code = "budget_exceeded"

    def __init__(self, message: str, *, scope: BudgetScope | None, budget_id: UUID | None) -> None:
        self.scope: BudgetScope | None = scope
        """None for the limit that the request itself has."""
        self.budget_id = budget_id
        super().__init__(message)


class ProviderError(LlmError):
    """One provider's failure; `provider` and `model` are the names that people know."""

    code = "provider_failed"
    is_transient: ClassVar[bool] = False
    """Whether the same request may do better a moment later."""
    is_outage: ClassVar[bool] = False
    """Whether it tells that the provider as a whole is in trouble."""

    def __init__(
        self, provider: str, model: str, reason: str, *, retry_after_seconds: float | None = None
    ) -> None:
        self.provider = provider
        self.model = model
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{provider} ({model}): {reason}")


class WrongKeyError(ProviderError):
    """The key is unknown, has expired, or is not good for this."""

    code = "wrong_key"


class UnknownModelError(ProviderError):
    """No such model, or not for this key."""

    code = "unknown_model"


class ContextTooLongError(ProviderError):
    """The conversation does not fit."""

    code = "context_too_long"


class ProviderRefusedError(ProviderError):
    """The request itself is refused."""

    code = "provider_refused"


class RateLimitedError(ProviderError):
    """Too many requests, or tokens, in too short a time."""

    code = "provider_rate_limited"
    is_transient = True


class UnavailableError(ProviderError):
    """Nobody answers, or with a fault of their own."""

    code = "provider_unavailable"
    is_transient = True
    is_outage = True


class TimedOutError(ProviderError):
    """A deadline has passed."""

    code = "provider_timed_out"
    is_transient = True
    is_outage = True


class CutStreamError(ProviderError):
    """The connection ended before the answer did."""

    code = "stream_cut"
    is_transient = True
    is_outage = True


class EndlessAnswerError(ProviderError):
    """It went on after it should have stopped."""

    code = "endless_answer"


class NonsenseError(ProviderError):
    """Half of a JSON text, an answer that does not fit its schema, or no answer of a model at all."""

    code = "nonsense_answer"
    is_transient = True


class CircuitOpenError(ProviderError):
    """Not asked at all."""

    code = "circuit_open"
