"""Which models a request goes to, in which order. Pure.

First the models that the request names, then the workspace's default, then, unless only the named ones will
do, whichever model suits the task: the cheapest of those that are able enough, then the ablest of the others.
The built-in model is for workspaces that have no other, and for those who name it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from agents.llm.messages import Request, Task
from agents.llm.models import Kind, Model
from storage.repositories.llm import Amount

GRADE_FOR: Mapping[Task, int] = {
    "test": 0,
    "classify": 1,
    "extract": 2,
    "summarise": 2,
    "chat": 2,
    "write": 3,
    "plan": 3,
    "reason": 4,
}
"""How able a model has to be."""

MOST_CANDIDATES = 5
"""Models that are tried for one request."""

_MESSAGE_TOKENS = 8
"""What a message takes beyond its text."""


class Provider(msgspec.Struct, frozen=True):
    """A provider that can be called, with its models."""

    id: str
    name: str
    kind: Kind
    models: Sequence[Model]
    is_built_in: bool = False

    def is_called(self, name: str) -> bool:
        """Tell whether a name means this provider."""
        return name.casefold() in (self.name.casefold(), self.kind.id.casefold(), self.id)


class Candidate(msgspec.Struct, frozen=True):
    """One model of one provider."""

    provider: Provider
    model: Model


def choose(
    request: Request, providers: Sequence[Provider], default: Mapping[str, Any] | None
) -> list[Candidate]:
    """Return the candidates for a request, the best first; none where nothing fits.

    `default` is the workspace's `default_llm_config`: `provider`, `model`, and `fallbacks`, a list of names.
    """
    names = list(request.models)
    if not (request.only_these and names):
        names += _default_names(default)
    named = [candidate for name in names for candidate in _named(name, providers, request)]
    others: list[Candidate] = []
    if not (request.only_these and request.models):
        others = _suitable(request, [one for one in providers if not one.is_built_in] or providers)
    chosen: dict[tuple[str, str], Candidate] = {}
    for candidate in (*named, *others):
        chosen.setdefault((candidate.provider.id, candidate.model.id), candidate)
    return list(chosen.values())[:MOST_CANDIDATES]


def estimate_tokens(text: str) -> int:
    """Return at least about how many tokens a text has: one for three bytes, in whatever language."""
    return len(text.encode()) // 3 + 1


def input_tokens(request: Request) -> int:
    """Return about how many tokens a request has the model read."""
    total = 0
    for message in request.messages:
        total += _MESSAGE_TOKENS + estimate_tokens(message.text)
        total += sum(estimate_tokens(call.name + call.raw) for call in message.tool_calls)
    for tool in request.tools:
        total += estimate_tokens(tool.name + tool.description) + _schema_tokens(tool.parameters)
    if request.response_schema is not None:
        total += _schema_tokens(request.response_schema.schema)
    return total


def most(request: Request, model: Model) -> Amount:
    """Return what a request may come to at most with a model, as far as that can be told before."""
    reads, writes = input_tokens(request), output_limit(request, model)
    return Amount(reads + writes, model.cost_micros(reads, writes))


def output_limit(request: Request, model: Model) -> int:
    """Return how many tokens an answer may have."""
    return min(request.max_output_tokens, model.max_output_tokens)


def _default_names(default: Mapping[str, Any] | None) -> list[str]:
    if not default:
        return []
    found: list[str] = []
    provider, model, fallbacks = (default.get(name) for name in ("provider", "model", "fallbacks"))
    if isinstance(provider, str) and provider:
        found.append(f"{provider}:{model}" if isinstance(model, str) and model else provider)
    if isinstance(fallbacks, list):
        found += [name for name in cast("list[object]", fallbacks) if isinstance(name, str)]
    return found


def _named(name: str, providers: Sequence[Provider], request: Request) -> Iterator[Candidate]:
    """Yield what a name means; a model that the catalogue does not know is the provider's to know."""
    provider_name, _, model_id = name.partition(":")
    for provider in providers:
        if not provider.is_called(provider_name):
            continue
        if not model_id or model_id == "auto":
            yield from _suitable(request, [provider])
            continue
        known = next((model for model in provider.models if model.id == model_id), None)
        yield Candidate(provider, known or Model(model_id))


def _suitable(request: Request, providers: Sequence[Provider]) -> list[Candidate]:
    able = [
        Candidate(provider, model)
        for provider in providers
        for model in provider.models
        if _can(request, model)
    ]
    wanted = GRADE_FOR[request.task]

    def order(candidate: Candidate) -> tuple[bool, int, int]:
        model = candidate.model
        cost = most(request, model).cost_micros
        is_below = model.grade < wanted
        return (True, -model.grade, cost) if is_below else (False, cost, -model.grade)

    return sorted(able, key=order)


def _can(request: Request, model: Model) -> bool:
    if model.can("embeddings"):
        return False
    # One of the two can stand for the other.
    needs_either = request.tools or request.response_schema is not None
    if needs_either and not (model.can("tools") or model.can("structured")):
        return False
    return input_tokens(request) + output_limit(request, model) <= model.context_tokens


def _schema_tokens(schema: Mapping[str, Any]) -> int:
    return estimate_tokens(msgspec.json.encode(schema).decode())
