"""Calls against a stand-in that speaks both APIs: answers, tools, schemas, faults, falling back."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from agents.llm.breaker import FAILURES
from agents.llm.errors import (
    BudgetExceededError,
    CircuitOpenError,
    ContextTooLongError,
    CutStreamError,
    EndlessAnswerError,
    LlmError,
    NonsenseError,
    NoProviderError,
    ProviderRefusedError,
    RateLimitedError,
    TimedOutError,
    UnavailableError,
    UnknownModelError,
    WrongKeyError,
)
from agents.llm.messages import (
    Done,
    Event,
    Message,
    Request,
    ResponseSchema,
    TextDelta,
    Timeouts,
    Tool,
    ToolCall,
    Usage,
)
from agents.speech import Speech
from storage.engine import Database
from storage.models import LlmApi
from tests.agents.llm.world import KEY, World, open_world
from tests.services.models import ModelServer
from tests.services.receiver import Receiver

APIS: tuple[LlmApi, ...] = ("chat", "responses")
both_apis = pytest.mark.parametrize("api", APIS)
WEATHER = Tool(
    "get_weather",
    "Tells the weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
GREETING = ResponseSchema(
    "greeting",
    {"type": "object", "properties": {"greeting": {"type": "string"}}, "required": ["greeting"]},
)


@pytest.fixture
async def world(sqlite_database: Database) -> AsyncIterator[World]:
    async with open_world(sqlite_database) as world:
        yield world


async def refused(world: World, request: Request) -> LlmError:
    with pytest.raises(LlmError) as caught:
        await world.client.complete(request)
    return caught.value


@both_apis
async def test_an_answer_comes_in_pieces_and_is_entered(world: World, model_server: ModelServer, api: LlmApi):
    usage = {"input_tokens": 11, "output_tokens": 7, "prompt_tokens": 11, "completion_tokens": 7}
    model_server.answer("hello", {"content": "Good morning to you, whoever you may be.", "usage": usage})
    await world.add_provider(model_server.url, api=api)
    events = await world.events(world.ask("hello"))
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(texts) > 1
    assert "".join(texts) == "Good morning to you, whoever you may be."
    used, done = events[-2:]
    assert isinstance(done, Done)
    assert (done.reason, done.provider, done.model, done.attempts) == ("stop", "Stand-in", "small", 1)
    assert used == Usage(11, 7, 11 * 1 + 7 * 2)
    (call,) = await world.calls()
    assert (call.outcome, call.provider, call.model, call.user_id) == (
        "done",
        "Stand-in",
        "small",
        world.user_id,
    )
    assert (call.input_tokens, call.output_tokens, call.cost_micros) == (11, 7, 25)


@both_apis
async def test_a_tool_is_called_and_its_answer_goes_back(
    world: World, model_server: ModelServer, api: LlmApi
):
    model_server.answer("weather", {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Lisbon"}}]})
    await world.add_provider(model_server.url, api=api)
    request = world.ask("weather", tools=(WEATHER,))
    answer = await world.client.complete(request)
    (call,) = answer.tool_calls
    assert (call.name, call.arguments, call.fault) == ("get_weather", {"city": "Lisbon"}, None)
    assert answer.reason == "tool_calls"
    model_server.reset()
    model_server.say("weather", "It is sunny.")
    turns = (
        *request.messages,
        Message("assistant", "", (call,)),
        Message("tool", "sunny", tool_call_id=call.id),
    )
    again = await world.client.complete(
        Request(payer=request.payer, messages=turns, tools=(WEATHER,), task="chat")
    )
    assert again.text == "It is sunny."
    sent: Any = model_server.asked[0]["body"]
    assert call.id in str(sent)
    assert "sunny" in str(sent)


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("get_wether", '{"city": "Lisbon"}', "no tool 'get_wether'. There are: get_weather"),
        ("get_weather", '{"city": 5}', 'city: 5 is not of type "string"'),
        ("get_weather", "{}", '"city" is a required property'),
        ("get_weather", '["Lisbon"]', "not a JSON object"),
        ("get_weather", '{"city": "Lisbon", "mood": 1}', "Additional properties"),
    ],
)
async def test_a_call_that_cannot_be_made_says_why(
    world: World, model_server: ModelServer, name: str, arguments: str, fault: str
):
    model_server.answer("weather", {"toolCalls": [{"name": name, "arguments": arguments}]})
    await world.add_provider(model_server.url)
    (call,) = (await world.client.complete(world.ask("weather", tools=(WEATHER,)))).tool_calls
    assert call.fault is not None
    assert fault in call.fault


@both_apis
async def test_an_answer_keeps_to_its_schema(world: World, model_server: ModelServer, api: LlmApi):
    model_server.say("greet", '{"greeting": "Hi"}')
    await world.add_provider(model_server.url, api=api)
    answer = await world.client.complete(world.ask("greet", response_schema=GREETING))
    assert answer.parsed == {"greeting": "Hi"}


async def test_a_model_without_schemas_gives_the_answer_as_a_tool_call(
    world: World, model_server: ModelServer
):
    model_server.answer("greet", {"toolCalls": [{"name": "answer", "arguments": {"greeting": "Hi"}}]})
    await world.add_provider(model_server.url, models=[{"id": "plain", "abilities": ["tools"]}])
    answer = await world.client.complete(world.ask("greet", response_schema=GREETING))
    assert (answer.parsed, answer.tool_calls, answer.reason) == ({"greeting": "Hi"}, (), "stop")


async def test_a_model_without_tools_chooses_one_by_a_schema(world: World, model_server: ModelServer):
    model_server.say("weather", '{"tool": "get_weather", "arguments": {"city": "Lisbon"}}')
    model_server.say("thanks", '{"reply": "You are welcome."}')
    model_server.say("nonsense", '{"tool": "fly", "arguments": {}}')
    await world.add_provider(model_server.url, models=[{"id": "plain", "abilities": ["structured"]}])
    answer = await world.client.complete(world.ask("weather", tools=(WEATHER,)))
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("get_weather", {"city": "Lisbon"})
    ]
    assert (await world.client.complete(world.ask("thanks", tools=(WEATHER,)))).text == "You are welcome."
    (call,) = (await world.client.complete(world.ask("nonsense", tools=(WEATHER,)))).tool_calls
    assert call.fault == "There is no tool 'fly'. There are: get_weather."


@pytest.mark.parametrize("text", ['{"greeting": 5}', '{"greet', "Good morning!"])
async def test_what_is_not_the_json_asked_for_is_asked_for_once_more(
    world: World, model_server: ModelServer, text: str
):
    model_server.say("greet", text)
    await world.add_provider(model_server.url, models=MODELS_SMALL)
    error = await refused(world, world.ask("greet", response_schema=GREETING))
    assert isinstance(error, NonsenseError)
    assert "JSON" in str(error)
    assert len(model_server.asked) == 2
    (call,) = await world.calls()
    assert (call.outcome, call.error, call.attempts) == ("failed", "nonsense_answer", 2)


MODELS_SMALL = [{"id": "small", "input_price": 1, "output_price": 2, "abilities": ["tools", "structured"]}]


async def test_retry_after_is_followed(world: World, model_server: ModelServer):
    model_server.refuse("later", 429, match={"sequenceIndex": 0}, more={"retryAfter": 7})
    model_server.say("later", "Now.", match={"sequenceIndex": 1})
    await world.add_provider(model_server.url)
    assert (await world.client.complete(world.ask("later"))).text == "Now."
    assert world.pauses == [7]


async def test_who_wants_too_much_time_is_passed_over(world: World, model_server: ModelServer):
    model_server.refuse("later", 429, match={"model": "small"}, more={"retryAfter": 3600})
    model_server.say("later", "Now.", match={"model": "large"})
    await world.add_provider(model_server.url)
    answer = await world.client.complete(world.ask("later"))
    assert (answer.model, answer.attempts, world.pauses) == ("large", 2, [])
    assert world.client.statistics().fallbacks == 1


@pytest.mark.parametrize(
    ("status", "code", "kind", "attempts"),
    [
        (401, "invalid_api_key", WrongKeyError, 1),
        (403, "", WrongKeyError, 1),
        (404, "model_not_found", UnknownModelError, 1),
        (400, "context_length_exceeded", ContextTooLongError, 1),
        (400, "invalid_value", ProviderRefusedError, 1),
        (429, "insufficient_quota", ProviderRefusedError, 1),
        (429, "rate_limit_exceeded", RateLimitedError, 3),
        (500, "", UnavailableError, 3),
        (503, "", UnavailableError, 3),
    ],
)
async def test_each_refusal_has_its_error(
    world: World, model_server: ModelServer, status: int, code: str, kind: type[LlmError], attempts: int
):
    model_server.refuse("please", status, f"Incorrect API key {KEY} given", code)
    await world.add_provider(model_server.url, models=MODELS_SMALL)
    error = await refused(world, world.ask("please"))
    assert type(error) is kind
    assert str(error).startswith("Stand-in (small): ")
    assert KEY not in str(error)
    assert len(model_server.asked) == attempts
    assert await world.calls() == []
    assert world.client.statistics().calls == {error.code: 1}


async def drain(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass


async def test_a_cut_stream_is_told_to_who_has_read_it_and_else_begun_again(
    world: World, model_server: ModelServer
):
    model_server.say(
        "cut", "This will be cut in the middle of the sentence.", truncateAfterChunks=4, latency=20
    )
    await world.add_provider(model_server.url, models=MODELS_SMALL)
    events = world.client.stream(world.ask("cut"))
    assert isinstance(await anext(events), TextDelta)
    with pytest.raises(CutStreamError):
        await drain(events)
    assert len(model_server.asked) == 1
    heard = Speech("1")
    with pytest.raises(CutStreamError):
        await world.client.complete(world.ask("cut"), listener=heard)
    assert (heard.attempt, heard.text) == (3, "")
    assert len(model_server.asked) == 4
    first, second = await world.calls()
    assert (first.attempts, first.outcome, first.is_estimate) == (1, "failed", True)
    assert second.attempts == 3
    assert second.cost_micros > first.cost_micros > 0


async def test_a_provider_that_hangs_is_left(world: World, model_server: ModelServer):
    model_server.say("slow", "At last.", streamingProfile={"ttft": 60_000})
    await world.add_provider(model_server.url, models=MODELS_SMALL)
    error = await refused(world, world.ask("slow", task="test", timeouts=Timeouts(first_token_seconds=0.1)))
    assert isinstance(error, TimedOutError)
    assert "did not begin" in str(error)


async def test_an_endless_answer_is_ended(world: World, model_server: ModelServer):
    model_server.say("go on", "and on " * 2000)
    await world.add_provider(model_server.url, models=MODELS_SMALL)
    error = await refused(world, world.ask("go on", max_output_tokens=16))
    assert isinstance(error, EndlessAnswerError)
    (call,) = await world.calls()
    assert call.outcome == "failed"


def stream_of(*lines: str) -> bytes:
    body = "".join(f"data: {line}\n\n" for line in lines)
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (('{"choices": [{"delta": {"conte',), NonsenseError),
        (("[1, 2",), NonsenseError),
        (('{"choices": [{"delta": {"content": {"a": 1}}}]}',), NonsenseError),
        (('{"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}',), NonsenseError),
        (('{"usage": {"prompt_tokens": -1, "completion_tokens": 1}}',), NonsenseError),
        (('{"choices": [{"delta": {"content": "Hi"}}]}',), CutStreamError),
        (('{"choices": 5}', "[DONE]"), NonsenseError),
        (("[DONE]",), CutStreamError),
        ((), CutStreamError),
        (('{"error": {"message": "Overloaded"}}',), UnavailableError),
    ],
)
async def test_what_is_no_answer_is_told_as_such(
    world: World, receiver: Receiver, lines: tuple[str, ...], kind: type[LlmError]
):
    receiver.answer = stream_of(*lines)
    await world.add_provider(f"http://127.0.0.1:{receiver.port}/v1", models=MODELS_SMALL)
    error = await refused(world, world.ask("hello", task="test"))
    assert type(error) is kind


async def test_redirects_are_not_followed(world: World, receiver: Receiver, model_server: ModelServer):
    receiver.say(307, f"Location: {model_server.url}/chat/completions")
    await world.add_provider(f"http://127.0.0.1:{receiver.port}/v1", models=MODELS_SMALL)
    assert isinstance(await refused(world, world.ask("hello", task="test")), ProviderRefusedError)
    assert model_server.asked == []


async def test_an_answer_is_over_where_its_count_does_not_come(world: World, receiver: Receiver):
    receiver.answer = stream_of('{"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}')
    await world.add_provider(f"http://127.0.0.1:{receiver.port}/v1", models=MODELS_SMALL)
    answer = await world.client.complete(world.ask("hello"))
    assert (answer.text, answer.usage.is_estimate) == ("Hi", True)


async def test_a_schema_goes_along_in_the_words_of_the_responses_api(world: World, receiver: Receiver):
    receiver.answer = stream_of(
        '{"type": "response.output_text.delta", "delta": "{\\"greeting\\": \\"Hi\\"}"}',
        '{"type": "response.completed", "response": {"status": "completed", "output": [],'
        ' "usage": {"input_tokens": 5, "output_tokens": 3}}}',
    )
    await world.add_provider(f"http://127.0.0.1:{receiver.port}/v1", api="responses")
    answer = await world.client.complete(world.ask("greet", response_schema=GREETING, tools=(WEATHER,)))
    assert answer.parsed == {"greeting": "Hi"}
    assert answer.usage == Usage(5, 3, 11)
    sent = receiver.taken[0].json
    assert sent["text"]["format"]["schema"] == GREETING.schema
    assert (sent["store"], sent["tools"][0]["name"]) == (False, "get_weather")


@pytest.mark.parametrize(
    ("status", "why", "reason"),
    [("incomplete", "max_output_tokens", "length"), ("incomplete", "content_filter", "refused")],
)
async def test_why_a_response_is_over(world: World, receiver: Receiver, status: str, why: str, reason: str):
    receiver.answer = stream_of(
        '{"type": "response.output_text.delta", "delta": "Well"}',
        f'{{"type": "response.incomplete", "response": {{"status": "{status}", "output": [],'
        f' "incomplete_details": {{"reason": "{why}"}}}}}}',
    )
    await world.add_provider(f"http://127.0.0.1:{receiver.port}/v1", api="responses")
    assert (await world.client.complete(world.ask("hello"))).reason == reason


async def test_who_is_not_there_is_unavailable_and_then_left_alone(world: World):
    await world.add_provider("http://127.0.0.1:9/v1", models=MODELS_SMALL)
    assert isinstance(await refused(world, world.ask("hello")), UnavailableError)
    assert isinstance(await refused(world, world.ask("hello")), UnavailableError)
    assert world.client.statistics().circuits_open == 1
    pauses = len(world.pauses)
    assert isinstance(await refused(world, world.ask("hello")), CircuitOpenError)
    assert len(world.pauses) == pauses
    world.seconds += 60
    assert isinstance(await refused(world, world.ask("hello", task="test")), UnavailableError)


async def test_a_healthy_provider_closes_its_circuit(world: World, model_server: ModelServer):
    provider = await world.add_provider("http://127.0.0.1:9/v1", models=MODELS_SMALL)
    for _ in range(2):
        await refused(world, world.ask("hello"))
    async with world.database.transaction() as uow:
        row = await uow.llm_providers.get(provider)
        assert row is not None
        await uow.llm_providers.change(row, {"base_url": model_server.url})
    model_server.say("hello", "Hi.")
    assert isinstance(await refused(world, world.ask("hello")), CircuitOpenError)
    world.seconds += 60
    assert (await world.client.complete(world.ask("hello"))).text == "Hi."
    assert world.client.statistics().circuits_open == 0


async def test_the_next_provider_answers_where_one_fails(world: World, model_server: ModelServer):
    model_server.say("hello", "Hi.")
    await world.add_provider("http://127.0.0.1:9/v1", name="Broken", models=MODELS_SMALL)
    await world.add_provider(model_server.url, name="Good", models=MODELS_SMALL)
    answer = await world.client.complete(world.ask("hello", models=("Broken:small", "good:small")))
    assert (answer.provider, answer.text) == ("Good", "Hi.")


async def test_a_stream_goes_on_elsewhere_while_nothing_of_it_was_shown(
    world: World, model_server: ModelServer
):
    model_server.refuse("hello", 503, match={"model": "small"})
    model_server.say("hello", "Hi.", match={"model": "large"})
    await world.add_provider("http://127.0.0.1:9/v1", name="Broken", models=MODELS_SMALL)
    await world.add_provider(model_server.url, name="Good")
    chain = ("Broken:small", "Good:small", "Good:large")
    *shown, used, done = await world.events(world.ask("hello", models=chain))
    assert "".join(event.text for event in shown if isinstance(event, TextDelta)) == "Hi."
    assert isinstance(used, Usage)
    assert isinstance(done, Done)
    assert (done.provider, done.model, done.attempts) == ("Good", "large", 7)
    assert world.client.statistics().fallbacks == 2


async def test_streams_that_are_cut_open_the_circuit_and_the_next_provider_is_asked(
    world: World, model_server: ModelServer, receiver: Receiver
):
    receiver.answer = stream_of('{"choices": [{"delta": {"content": "Hi"}}]}')
    model_server.say("hello", "Good morning.")
    await world.add_provider(f"http://127.0.0.1:{receiver.port}/v1", name="Cut", models=MODELS_SMALL)
    await world.add_provider(model_server.url, name="Good", models=MODELS_SMALL)
    request = world.ask("hello", models=("Cut:small", "Good:small"))
    for _ in range(FAILURES):
        events = world.client.stream(request)
        assert isinstance(await anext(events), TextDelta)
        with pytest.raises(CutStreamError):
            await drain(events)
    assert world.client.statistics().circuits_open == 1
    *_, done = await world.events(request)
    assert isinstance(done, Done)
    assert (done.provider, done.attempts, len(receiver.taken)) == ("Good", 1, FAILURES)


async def test_a_workspace_without_models_is_told_so(world: World):
    error = await refused(world, world.ask("hello"))
    assert isinstance(error, NoProviderError)
    assert "add a provider" in str(error)


async def test_only_what_was_named_if_so_wished(world: World, model_server: ModelServer):
    await world.add_provider(model_server.url)
    error = await refused(world, world.ask("hello", models=("openai:gpt-4o",), only_these=True))
    assert isinstance(error, NoProviderError)
    assert "openai:gpt-4o" in str(error)


async def test_nothing_goes_to_addresses_inside_of_the_network(
    sqlite_database: Database, model_server: ModelServer
):
    async with open_world(sqlite_database, allow_private=False) as world:
        await world.add_provider(model_server.url, models=MODELS_SMALL)
        error = await refused(world, world.ask("hello"))
    assert isinstance(error, ProviderRefusedError)
    assert "Nothing is sent there" in str(error)
    assert model_server.asked == []


async def test_an_operator_may_name_the_places_there_are(
    sqlite_database: Database, model_server: ModelServer
):
    model_server.say("hello", "Hi.")
    async with open_world(sqlite_database, allow_private=False, only=(model_server.place,)) as world:
        await world.add_provider(model_server.url, models=MODELS_SMALL)
        assert (await world.client.complete(world.ask("hello"))).text == "Hi."
        await world.add_provider("https://example.com/v1", name="Elsewhere", models=MODELS_SMALL)
        error = await refused(world, world.ask("hello", models=("Elsewhere:small",), only_these=True))
    assert "operator" in str(error)


async def test_the_environment_adds_nothing_of_somebody_elses_account(
    world: World, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-other")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    model_server.say("hello", "Hi.")
    await world.add_provider(model_server.url, key=None)
    await world.client.complete(world.ask("hello"))
    headers = model_server.asked[0]["headers"]
    assert not {"openai-organization", "openai-project"} & set(headers)


async def test_a_call_that_is_left_is_entered_as_far_as_it_came(world: World, model_server: ModelServer):
    model_server.say("hello", "One two three four five six seven eight nine ten.")
    await world.add_provider(model_server.url)
    async with aclosing(world.client.stream(world.ask("hello"))) as events:
        assert isinstance(await anext(events), TextDelta)
    (call,) = await world.calls()
    assert (call.outcome, call.error, call.is_estimate) == ("failed", "cancelled", True)
    assert world.client.statistics().in_flight == 0


async def test_no_test_calls_a_real_provider(world: World):
    await world.add_provider("https://api.openai.com/v1", models=MODELS_SMALL)
    with pytest.raises(RuntimeError, match=r"would call api\.openai\.com"):
        await world.client.complete(world.ask("hello"))


def test_errors_have_codes_of_their_own():
    kinds: list[type[LlmError]] = [LlmError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert BudgetExceededError in kinds
    assert ToolCall("1", "x", {}, "{}").fault is None
