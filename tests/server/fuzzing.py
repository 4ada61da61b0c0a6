"""A real server with somebody signed in, and what their requests have made: so that others get beyond 404."""

# schemathesis leaves the parameters of its generic types out:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import json
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.services.ionflux import IonfluxServer

PASSWORD = "correct horse battery"
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TIMEOUT_SECONDS = 30
MESSAGE = {"content": {"text": "Hello"}}
NO_MODELS = "127.0.0.1:9"
"""The only place for providers of language models, where none is."""

PLAYBOOK_RUNS = "/v1/playbooks/{playbook_id}/runs"
"""Makes runs of another kind than those of `/v1/runs`."""

WORDS: dict[str, object] = {
    "scopes": ["*:read"],
    "kind": "custom",
    "base_url": f"http://{NO_MODELS}/v1",
}
"""What a field takes that no schema tells."""

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

Operation = APIOperation[Any, Any, Any, Any]
Sent = Case[Any]


def strict(description: dict[str, Any]) -> dict[str, Any]:
    """Return the description without the answer that stands for all that it does not name."""
    for methods in description["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("default", None)
    return description


_read: dict[str, dict[str, Operation]] = {}


def _operations(description: str, url: str) -> dict[str, Operation]:
    """Return what a description says; servers with the same one share what is made of it, which takes long.

    What is made of it are schemas and ways to draw examples. Nothing in it is a server's or a run's.
    """
    description = description.replace(url, "http://server.test")  # where a case goes is said when it is sent
    if description not in _read:
        _read[description] = {}
        for found in schemathesis.openapi.from_dict(strict(json.loads(description))).get_all_operations():
            assert isinstance(found, Ok), found
            operation = cast("Operation", found.ok())
            _read[description][operation.label] = operation
    return _read[description]


def is_stream(operation: Operation) -> bool:
    """Tell whether an operation's answer has no end."""
    responses: dict[str, Any] = operation.definition.raw["responses"]
    return any([*answer.get("content", {})] == ["text/event-stream"] for answer in responses.values())


def _quiet(examples: int) -> settings:
    """Return settings with which the same examples are tried in each run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
        phases=[Phase.generate],
    )


class World:
    """One server, the description of its API, and ids of what exists by the parameter that takes them."""

    def __init__(self, server: IonfluxServer) -> None:
        self.server = server
        self.http = requests.Session()
        self.operations = _operations(self.http.get(f"{server.url}/openapi.json").text, server.url)
        self.known: dict[str, list[str]] = {}
        self._makers: dict[str, tuple[Callable[[], None], str]] = {
            "message_id": (self.post_message, "GET /v1/channels/{channel_id}"),
            "comment_id": (self.comment, "GET /v1/workspaces/{workspace_id}"),
            "thread_id": (self.comment, "GET /v1/workspaces/{workspace_id}"),
            "import_id": (self.begin_import, "GET /v1/workspaces/{workspace_id}"),
            "mute_id": (self.mute_page, "GET /v1/workspaces/{workspace_id}"),
            "playbook_run_id": (self.run_playbook, "GET /v1/me"),
            "trigger_id": (self.add_trigger, "GET /v1/me"),
            "notification_id": (self.be_told, "GET /v1/me"),
            "llm_provider_id": (self.add_provider, "GET /v1/workspaces/{workspace_id}"),
            "llm_budget_id": (self.set_budget, "GET /v1/workspaces/{workspace_id}"),
        }
        """How to make what no guess at a body makes, and an operation whose path names what it takes."""
        self.token = self.other_token = ""
        self.begin()

    def begin(self) -> None:
        """Register two people anew and know nothing but them."""
        self.known = defaultdict(list)
        users = [self._register(name) for name in ("ann", "bob")]
        self.token, self.other_token = (user["access_token"] for user in users)
        self.known["email"] = [user["user"]["email"] for user in users]
        headers = {"Authorization": f"Bearer {self.token}"}
        catalogue = self.http.get(f"{self.server.url}/v1/agent-definitions", headers=headers).json()
        self.known["definition_id"] = [definition["id"] for definition in catalogue["items"]]
        self.known["emoji"] = ["👍"]
        self.known["step_id"] = ["ok"]
        self.known["user_id"] = [user["user"]["id"] for user in users]

    def is_well(self) -> bool:
        """Tell whether the first person still is somebody, and in the newest workspace."""
        headers = {"Authorization": f"Bearer {self.token}"}
        paths = ["/v1/me", *(f"/v1/workspaces/{id_}" for id_ in self.known["workspace_id"][-1:])]
        return all(self.http.get(self.server.url + path, headers=headers).ok for path in paths)

    def post_message(self) -> None:
        """Say something in the newest channel: what has contents of many types is not guessed."""
        made = self._send("POST", f"/v1/channels/{self.known['channel_id'][-1]}/messages", MESSAGE)
        self.known["message_id"].append(made["message"]["id"])

    def comment(self) -> None:
        """Comment on a page: what begins a thread is not named by the path that it is got from."""
        made = self._send("POST", f"/v1/pages/{self._new_page()}/comments", {"text": "Hello"})
        self.known["comment_id"].append(made["comment"]["id"])
        self.known["thread_id"].append(made["thread"]["id"])

    def _new_page(self) -> str:
        """Make a page that no request has deleted yet; return its id."""
        workspace = self._send("POST", "/v1/workspaces", {"name": "Kept"})["id"]
        return self._send("POST", f"/v1/workspaces/{workspace}/pages", {"title": "Kept"})["id"]

    def mute_page(self) -> None:
        """Mute a page: what PUT makes is not noted."""
        document = f"page:{self._new_page()}"
        self.known["mute_id"].append(
            self._send("PUT", "/v1/notification-mutes", {"document": document})["id"]
        )

    def add_provider(self) -> None:
        """Add a provider of models to the newest workspace: its address is needed, but for known kinds."""
        path = f"/v1/workspaces/{self.known['workspace_id'][-1]}/llm-providers"
        body = {"name": f"Provider {len(self.known['llm_provider_id'])}", "base_url": WORDS["base_url"]}
        self.known["llm_provider_id"].append(self._send("POST", path, body)["id"])

    def set_budget(self) -> None:
        """Limit what the newest workspace may spend: what PUT makes is not noted."""
        path = f"/v1/workspaces/{self.known['workspace_id'][-1]}/llm-budgets"
        self.known["llm_budget_id"].append(
            self._send("PUT", path, {"scope": "workspace", "limit_usd": 1})["id"]
        )

    def run_playbook(self) -> None:
        """Have a playbook run that asks for an approval: no guess at its steps makes one."""
        workspace = self._send("POST", "/v1/workspaces", {"name": "Kept"})["id"]
        steps = [{"id": "ok", "type": "approval", "message": "Go on?"}]
        body = {"name": "Kept", "trigger_event_type": "manual", "steps": steps}
        playbook = self._send("POST", f"/v1/workspaces/{workspace}/playbooks", body)["id"]
        self.known["playbook_run_id"].append(self._send("POST", f"/v1/playbooks/{playbook}/runs", {})["id"])

    def add_trigger(self) -> None:
        """Have an agent of a new workspace started from outside: what other types need is not guessed."""
        workspace = self._send("POST", "/v1/workspaces", {"name": "Kept"})["id"]
        body = {"name": "Kept", "agent_definition_id": self.known["definition_id"][0]}
        agent_id = self._send("POST", f"/v1/workspaces/{workspace}/agents", body)["id"]
        made = self._send("POST", f"/v1/agents/{agent_id}/triggers", {"name": "Kept", "type": "webhook"})
        self.known["trigger_id"].append(made["id"])

    def begin_import(self) -> None:
        """Import a file into a page of the newest workspace: both have to be of the same one."""
        workspace = f"/v1/workspaces/{self.known['workspace_id'][-1]}"
        page_id = self._send("POST", f"{workspace}/pages", {"title": "Old things"})["id"]
        file_id = self._send("POST", f"{workspace}/files")["id"]
        made = self._send("POST", f"/v1/pages/{page_id}/imports", {"file_id": file_id})
        self.known["page_id"].append(page_id)
        self.known["import_id"].append(made["id"])

    def be_told(self) -> None:
        """Let the other person make something known to the first one: add them to a workspace of theirs."""
        other = self._send("POST", "/v1/workspaces", {"name": "Elsewhere"}, token=self.other_token)
        body = {"email": self.known["email"][0]}
        self._send("POST", f"/v1/workspaces/{other['id']}/members", body, token=self.other_token)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not (told := self._send("GET", "/v1/notifications")["items"]):
            assert time.monotonic() < deadline, "nobody was told of being added"
            time.sleep(0.05)
        self.known["notification_id"].append(told[0]["id"])

    def prepare(self, operation: Operation, seen: frozenset[str] = frozenset()) -> None:
        """Make one of everything that an operation's path names, as far as it can be made."""
        for name in re.findall(r"{(\w+)}", operation.path):
            if self.known[name]:
                continue
            if name in self._makers:
                maker, needed = self._makers[name]
                self.prepare(self.operations[needed], seen | {operation.label})
                maker()
                continue
            self._look(operation.path, name)
            for creator in () if self.known[name] else self._creators(operation.path, name):
                if creator.label not in seen:
                    self.prepare(creator, seen | {operation.label})
                    self._create(creator, name)
                if self.known[name]:
                    break

    def run(self, case: Sent, choices: list[int]) -> None:
        """Send a case, mostly with ids of what exists, and hold the answer against the description."""
        if choices[0] % 8 != 7:
            self._use_known(case, choices)
        headers = {"Accept": "application/json"}  # what can be had as a stream too is to have an end
        if choices[0] % 16 != 1:
            headers["Authorization"] = f"Bearer {self.token}"
        response = case.call(
            base_url=self.server.url,
            session=self.http,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        assert response.status_code < 500, f"{case.as_curl_command()}\n{response.status_code} {response.text}"
        case.validate_response(response, checks=CHECKS)
        if response.status_code == 201:
            self._note(case.operation.path, response.json())
        elif case.method == "DELETE" and response.status_code < 300:
            self._forget(case)

    def fuzz(self, operation: Operation, examples: int) -> None:
        """Try an operation with input that fits its description, and with input that does not."""
        kinds = [GenerationMode.POSITIVE]
        if operation.body or operation.query or operation.path_parameters:
            kinds.append(GenerationMode.NEGATIVE)
        for kind in kinds:

            @_quiet(examples)
            @given(operation.as_strategy(kind), st.lists(st.integers(0, 1023), min_size=6, max_size=6))
            def attempt(case: Sent, choices: list[int]) -> None:
                self.run(case, choices)

            attempt()

    def _send(self, method: str, path: str, body: Any = None, *, token: str = "") -> dict[str, Any]:
        """Send what is known to be good."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        url = self.server.url + path
        answer = self.http.request(method, url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    def _register(self, name: str) -> dict[str, Any]:
        body = {"email": f"{name}.{secrets.token_hex(6)}@example.test", "password": PASSWORD, "name": name}
        answer = self.http.post(f"{self.server.url}/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def _creators(self, path: str, name: str) -> list[Operation]:
        """Return what makes things that a parameter can name: `.../pages` for `.../pages/{page_id}`."""
        before = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
        found = [
            operation
            for operation in self.operations.values()
            if operation.method == "post" and "201" in operation.definition.raw["responses"]
        ]
        if before == "documents":
            before = "pages"
        return [
            operation
            for operation in found
            if operation.path.endswith(f"/{before}") and operation.path != PLAYBOOK_RUNS
        ]

    def _look(self, path: str, name: str) -> None:
        """Take what a list has, if it can be read without knowing more."""
        collection = path.partition(f"/{{{name}}}")[0]
        if "{" not in collection and f"GET {collection}" in self.operations:
            headers = {"Authorization": f"Bearer {self.token}"}
            answer = self.http.get(self.server.url + collection, headers=headers).json()
            self.known[name] += [item["id"] for item in answer["items"] if "id" in item]

    def _create(self, operation: Operation, name: str) -> None:
        def succeeds(case: Sent) -> bool:
            self.run(case, [0] * 6)
            return bool(self.known[name])

        # What cannot be made by guessing is fuzzed from outside only.
        with contextlib.suppress(NoSuchExample):
            find(operation.as_strategy(GenerationMode.POSITIVE), succeeds, settings=_quiet(15))

    def _use_known(self, case: Sent, choices: list[int]) -> None:
        """Put what exists where the case has something made up; and leave optional fields out, often."""
        for name in case.path_parameters or {}:
            if self.known[name]:
                case.path_parameters[name] = self.known[name][-1 - choices[1] % min(len(self.known[name]), 3)]
        if isinstance(case.body, dict) and case.media_type == "application/json":
            body = cast("dict[str, object]", case.body)
            if choices[2] % 2 == 0:
                required = self._required(case.operation)
                for name in [name for name in body if name not in required]:
                    del body[name]
            for name, value in body.items():
                if name in WORDS and choices[3] % 4 != 3:
                    body[name] = WORDS[name]
                known = self.known.get(name) or self.known.get(re.sub(r"^\w+?_(?=\w+_id$)", "", name))
                if known and isinstance(value, str) and choices[3] % 4 != 3:
                    body[name] = known[-1 - choices[4] % min(len(known), 3)]

    def _required(self, operation: Operation) -> set[str]:
        description: dict[str, Any] = operation.definition.raw
        schema = description["requestBody"]["content"]["application/json"].get("schema", {})
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = operation.schema.raw_schema["components"]["schemas"][name]
        return set(schema.get("required", ()))

    def _note(self, path: str, made: dict[str, Any]) -> None:
        """Remember what was made, under the names of the parameters that take it."""
        kind = path.rpartition("/")[2] if path != PLAYBOOK_RUNS else "playbook-runs"
        for known in self.operations.values():
            for segment, name in re.findall(r"/([\w-]+)/{(\w+)}", known.path):
                value = made.get("id", made.get(name, made.get("user_id")))
                if segment == kind and isinstance(value, str) and value not in self.known[name]:
                    self.known[name].append(value)
        if isinstance(made.get("document"), str):
            self.known["name"].append(made["document"])

    def _forget(self, case: Sent) -> None:
        """Take what was deleted for something that does not exist."""
        for name in re.findall(r"{(\w+)}$", case.operation.path):
            self.known[name] = [value for value in self.known[name] if value != case.path_parameters[name]]


def ready(world: World, label: str) -> Operation:
    """Return an operation, with all there is that it needs."""
    if not world.is_well():
        world.begin()
    operation = world.operations[label]
    world.prepare(operation)
    return operation
