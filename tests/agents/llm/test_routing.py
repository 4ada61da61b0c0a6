"""Which models a request goes to, and what the catalogue says of them."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agents.errors import InvalidConfigError
from agents.llm.built_in import PROVIDER as BUILT_IN
from agents.llm.messages import Message, Request, ResponseSchema, Tool
from agents.llm.models import Kind, Model, read_catalogue, read_own_models
from agents.llm.routing import Provider, choose, estimate_tokens, most
from storage.repositories.llm import Payer

TINY = Model("tiny", 8000, 1000, 0.1, 0.1, 1, ("tools",))
FAIR = Model("fair", 32_000, 4000, 1, 2, 2, ("tools", "structured"))
GOOD = Model("good", 100_000, 4000, 3, 6, 3, ("tools", "structured"))
CHEAP_GOOD = Model("cheap-good", 100_000, 4000, 2, 4, 3, ("tools",))
MUTE = Model("mute", 100_000, 4000, 0, 0, 4, ())
ONE = Provider("1", "One", Kind("openai", "OpenAI", ""), [TINY, FAIR, GOOD])
TWO = Provider("2", "Two", Kind("custom", "Custom", ""), [CHEAP_GOOD, MUTE])
TOOL = Tool("t", "", {"type": "object"})


def names(default: dict[str, Any] | None = None, **more: Any) -> list[str]:
    words = more.pop("words", "hello")
    providers = more.pop("providers", [ONE, TWO, BUILT_IN])
    request = Request(payer=Payer(UUID(int=1)), messages=(Message("user", words),), **more)
    return [f"{found.provider.name}:{found.model.id}" for found in choose(request, providers, default)]


def test_the_cheapest_that_is_able_enough_comes_first():
    assert names(task="write", tools=(TOOL,)) == ["Two:cheap-good", "One:good", "One:fair", "One:tiny"]
    assert names(task="classify", tools=(TOOL,))[0] == "One:tiny"
    assert names(task="chat", tools=(TOOL,))[0] == "One:fair"


def test_where_none_is_able_enough_the_ablest_comes_first():
    assert names(task="reason", tools=(TOOL,))[0] == "Two:cheap-good"


def test_abilities_and_room_are_asked_for():
    schema = ResponseSchema("s", {"type": "object"})
    assert "Two:mute" not in names(response_schema=schema)
    assert "One:fair" not in names(words="x" * 120_000, task="chat")
    assert names(words="x" * 3_000_000, task="chat") == []


@pytest.mark.parametrize("name", ["one:good", "ONE:good", "openai:good", "1:good"])
def test_a_model_is_named_by_its_provider_or_the_kind_of_it(name: str):
    assert names(models=(name,), only_these=True) == ["One:good"]


def test_what_is_named_comes_before_the_default_and_this_before_the_rest():
    default = {"provider": "Two", "model": "mute", "fallbacks": ["One:tiny", 5]}
    found = names(default, models=("One:good",))
    assert found[:3] == ["One:good", "Two:mute", "One:tiny"]
    assert len(found) == len(set(found)) == 5


def test_a_model_that_nobody_knows_is_asked_for_all_the_same():
    assert names(models=("One:newest",), only_these=True) == ["One:newest"]
    assert names(models=("Three:x",), only_these=True) == []


def test_a_provider_alone_stands_for_its_models():
    assert names(models=("Two",), only_these=True, task="chat") == ["Two:mute", "Two:cheap-good"]


@pytest.mark.parametrize("default", [{}, {"provider": 5}, {"model": "x"}, {"provider": "", "fallbacks": 7}])
def test_a_default_that_says_nothing_is_passed_over(default: dict[str, Any]):
    assert names(default, task="chat") == names(task="chat")


def test_the_built_in_model_is_for_those_who_have_no_other():
    assert names(providers=[BUILT_IN]) == [f"{BUILT_IN.name}:smollm2-135m-tiny"]
    assert "tiny" in BUILT_IN.name
    assert not any("smollm2" in name for name in names())
    assert names(models=("built-in",), only_these=True) == [f"{BUILT_IN.name}:smollm2-135m-tiny"]
    assert names(providers=[BUILT_IN], models=("openai:gpt-4o",)) == [f"{BUILT_IN.name}:smollm2-135m-tiny"]


def test_what_a_call_may_come_to():
    request = Request(payer=Payer(UUID(int=1)), messages=(Message("user", "x" * 297),), max_output_tokens=100)
    amount = most(request, FAIR)
    assert amount.tokens == 100 + 8 + 100
    assert amount.cost_micros == 108 * 1 + 100 * 2
    assert estimate_tokens("語" * 100) >= 100
    assert Model("m", input_price=0.1, output_price=0).cost_micros(1, 0) == 1


def test_the_catalogue_is_whole():
    catalogue = read_catalogue()
    assert {"openai", "anthropic", "ollama", "custom"} <= {kind.id for kind in catalogue.providers}
    for kind in catalogue.providers:
        for model in kind.models:
            assert model.input_price is not None
            assert model.output_price is not None
            assert model.max_output_tokens <= model.context_tokens


def test_a_workspaces_own_models_stand_in_place_of_known_ones():
    catalogue = read_catalogue()
    own = read_own_models([{"id": "gpt-4o", "input_price": 1.5}, {"id": 5}, {"id": "x", "grade": 9}])
    models = {model.id: model for model in catalogue.models_of("openai", own)}
    assert models["gpt-4o"].input_price == 1.5
    assert models["gpt-4o-mini"].input_price == 0.15
    assert "x" not in models


@pytest.mark.parametrize(
    "text",
    [
        "prices_of: now\nproviders: 5",
        "prices_of: now\nproviders: [{id: a, name: A, base_url: '', price: 5}]",
        "prices_of: now\nproviders: [{id: a, name: A, base_url: ''}, {id: a, name: A, base_url: ''}]",
    ],
)
def test_a_catalogue_that_does_not_fit_is_refused_with_its_name(tmp_path: Path, text: str):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InvalidConfigError, match=r"mine\.yaml"):
        read_catalogue(tmp_path / "mine.yaml")
