"""One of everything that paths name, and bodies that fit: what the test of all routes calls them with.

A new parameter of a path needs a row in `SPECIMENS`. A body is made from its Struct; one that cannot be
guessed, or that names something of the workspace, stands in `BODIES` under the operation's name.
"""

import io
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
from PIL import Image

from server.routing import Operation
from storage.engine import Database
from storage.models import AgentRunLog, Job, JobStep, Role
from tests.server.api import Api

Specimen = Callable[["Plot"], Awaitable[str]]
DEFINITION = "agent_email_wizard"
"""An agent of the catalogue."""

NOWHERE = "https://models.invalid/v1"
"""Where no provider is."""

Body = Callable[["Plot"], Awaitable[dict[str, Any]]]


class Plot:
    """A workspace with one of everything, made when it is asked for."""

    def __init__(self, owner: Api, other: Api, workspace_id: str, database: Database) -> None:
        self.owner = owner
        self.other = other
        """A member of the workspace to whom things are done."""
        self.workspace_id = workspace_id
        self.database = database
        """For what no request makes."""
        self.path = f"/v1/workspaces/{workspace_id}"
        self._found: dict[str, str] = {"workspace_id": workspace_id}

    async def specimen(self, parameter: str) -> str:
        """Return what a parameter of a path can be, the same each time."""
        if parameter not in self._found:
            assert parameter in SPECIMENS, f"{parameter}: tell SPECIMENS how to make one"
            self._found[parameter] = await SPECIMENS[parameter](self)
        return self._found[parameter]

    def forget(self, parameter: str) -> None:
        """Have another one made the next time."""
        self._found.pop(parameter, None)

    async def add(self, person: Api, role: Role) -> None:
        """Make somebody a member."""
        await self.owner.made(f"{self.path}/members", {"email": person.user["email"], "role": role})

    async def path_of(self, operation: Operation) -> str:
        """Return the operation's path with a specimen for each parameter."""
        values = {name: await self.specimen(name) for name in operation.path_types}
        return operation.path.format(**values)

    async def body_of(self, operation: Operation) -> object:
        """Return a body that the operation takes, or None."""
        if operation.body_type is None:
            return None
        if operation.name in BODIES:
            return await BODIES[operation.name](self)
        return example_of(operation.body_type)


def made(kind: str, **body: Any) -> Specimen:
    """Make one of what a workspace has."""

    async def make(plot: Plot) -> str:
        return (await plot.owner.made(f"{plot.path}/{kind}", body))["id"]

    return make


async def _other(plot: Plot) -> str:
    await plot.add(plot.other, "member")
    return plot.other.user["id"]


async def _same_other(plot: Plot) -> str:
    return await plot.specimen("user_id")


async def _grantee(plot: Plot) -> str:
    body = {"email": plot.other.user["email"], "level": "write"}
    return (await plot.owner.made(f"/v1/pages/{await plot.specimen('page_id')}/grants", body))["user_id"]


async def _share_link(plot: Plot) -> str:
    return (await plot.owner.made(f"/v1/pages/{await plot.specimen('page_id')}/share-links", {}))["id"]


async def _document(plot: Plot) -> str:
    return f"page:{await plot.specimen('page_id')}"


async def _memory(plot: Plot) -> str:
    path = f"/v1/agents/{await plot.specimen('agent_id')}/memories"
    return (await plot.owner.made(path, {"text": "Ann likes short mails."}))["id"]


async def _definition(plot: Plot) -> str:
    return DEFINITION


async def add_run(plot: Plot) -> str:
    """Add a run of the agent that there is, which is over; return its id."""
    run_id = uuid4()
    agent_id = UUID(await plot.specimen("agent_id"))
    async with plot.database.transaction() as uow:
        uow.session.add(
            AgentRunLog(
                id=uow.new_id(),
                agent_configuration_id=agent_id,
                run_id=run_id,
                trigger_type="manual",
                status="success",
                start_time=uow.now,
                end_time=uow.now,
            )
        )
        job = Job(
            id=run_id,
            kind="agent_run",
            workspace_id=UUID(plot.workspace_id),
            lane="x",
            lane_limit=1,
            state="done",
            created_at=uow.now,
            finished_at=uow.now,
        )
        await uow.jobs.add(job)
    await add_step(plot, str(run_id), "answer")
    return str(run_id)


async def add_step(plot: Plot, run_id: str, step: str) -> None:
    """Add a step to a run."""
    async with plot.database.transaction() as uow:
        await uow.jobs.add_step(
            JobStep(
                job_id=UUID(run_id),
                step=step,
                id=uow.new_id(),
                kind="answer",
                title="Answer",
                result={"value": {"text": "Hello"}},
                started_at=uow.now,
                finished_at=uow.now,
            )
        )


async def _step(plot: Plot) -> str:
    return "1"


async def _prompt(plot: Plot) -> str:
    path = f"/v1/prompt-libraries/{await plot.specimen('library_id')}/prompts"
    return (await plot.owner.made(path, {"name": "Greeting", "text": "Hello"}))["id"]


async def _file(plot: Plot) -> str:
    image = io.BytesIO()
    Image.new("RGB", (1, 1)).save(image, "PNG")
    answer = await plot.owner.request("POST", f"{plot.path}/files", content=image.getvalue())
    return answer.json()["id"]


async def _import(plot: Plot) -> str:
    path = f"/v1/pages/{await plot.specimen('page_id')}/imports"
    return (await plot.owner.made(path, await _new_import(plot)))["id"]


async def _upload(plot: Plot) -> str:
    answer = await plot.owner.request("POST", f"{plot.path}/uploads", headers={"Upload-Length": "5"})
    return answer.json()["id"]


async def _notification(plot: Plot) -> str:
    await add_notifications(plot, 1)
    return (await plot.owner.get("/v1/notifications")).json()["items"][0]["id"]


async def add_notifications(plot: Plot, count: int) -> None:
    """Tell the owner something so often."""
    async with plot.database.transaction() as uow:
        rows: list[dict[str, Any]] = [
            {
                "id": uow.new_id(),
                "user_id": UUID(plot.owner.user["id"]),
                "workspace_id": UUID(plot.workspace_id),
                "position": 1_000_000 + position,
                "kind": "share",
                "subject": f"page:{uow.new_id()}",
                "details": {},
                "created_at": uow.now,
            }
            for position in range(count)
        ]
        assert len(await uow.notifications.add(rows)) == count


async def _muted(plot: Plot) -> str:
    document = f"page:{await plot.specimen('page_id')}"
    return (await plot.owner.put("/v1/notification-mutes", {"document": document})).json()["id"]


async def _message(plot: Plot) -> str:
    path = f"/v1/channels/{await plot.specimen('channel_id')}/messages"
    written = await plot.owner.made(path, {"content": {"text": "Hello"}})
    while not (await plot.owner.get(path)).json()["items"]:
        pass  # its row is there in a moment, which is long on a busy machine
    return written["message"]["id"]


async def _emoji(plot: Plot) -> str:
    return "👍"


async def _first_position(plot: Plot) -> str:
    return "position:0"


async def _first_number(plot: Plot) -> str:
    return "1"


async def _block(plot: Plot) -> str:
    path = f"/v1/pages/{await plot.specimen('page_id')}/blocks"
    return (await plot.owner.made(path, {"type": "text"}))["id"]


async def _suggestion(plot: Plot) -> str:
    path = f"/v1/pages/{await plot.specimen('page_id')}/suggestions"
    return (await plot.owner.made(path, {"note": "Shorter"}))["id"]


async def _thread(plot: Plot) -> str:
    path = f"/v1/pages/{await plot.specimen('page_id')}/comments"
    return (await plot.owner.made(path, {"text": "Hello"}))["thread"]["id"]


async def _comment(plot: Plot) -> str:
    path = f"/v1/pages/{await plot.specimen('page_id')}/comments"
    return (await plot.owner.made(path, {"text": "Hello"}))["comment"]["id"]


async def _session(plot: Plot) -> str:
    return (await plot.owner.get("/v1/me/sessions")).json()["items"][0]["id"]


async def _trigger(plot: Plot) -> str:
    path = f"/v1/agents/{await plot.specimen('agent_id')}/triggers"
    return (await plot.owner.made(path, await _new_trigger(plot)))["id"]


async def _playbook_run(plot: Plot) -> str:
    steps = [{"id": "ok", "type": "approval", "message": "Go on?"}]
    body = {"name": "Ask", "trigger_event_type": "manual", "steps": steps}
    playbook = await plot.owner.made(f"{plot.path}/playbooks", body)
    return (await plot.owner.made(f"/v1/playbooks/{playbook['id']}/runs", {}))["id"]


async def _approval(plot: Plot) -> str:
    return "ok"


async def _llm_budget(plot: Plot) -> str:
    body = {"scope": "workspace", "limit_usd": 5}
    return (await plot.owner.put(f"{plot.path}/llm-budgets", body)).json()["id"]


async def _secret(plot: Plot) -> str:
    path = f"/v1/agents/{await plot.specimen('agent_id')}/secrets/github"
    return (await plot.owner.put(path, await _new_secret(plot))).json()["name"]


SPECIMENS: dict[str, Specimen] = {
    "agent_id": made("agents", name="Ann's", agent_definition_id=DEFINITION),
    "api_key_id": made("api-keys", name="Robot", scopes=["pages:read"]),
    "block_id": _block,
    "brand_id": made("brands", name="Acme"),
    "channel_id": made("channels", name="general"),
    "comment_id": _comment,
    "creator_id": made("creators", name="Zoe"),
    "definition_id": _definition,
    "grantee_id": _grantee,
    "import_id": _import,
    "invitation_id": made("invitations", email="new@example.com"),
    "library_id": made("prompt-libraries", name="Ours"),
    "llm_budget_id": _llm_budget,
    "llm_provider_id": made("llm-providers", name="Ours", base_url=NOWHERE),
    "member_id": _same_other,
    "emoji": _emoji,
    "file_id": _file,
    "mute_id": _muted,
    "memory_id": _memory,
    "message_id": _message,
    "name": _document,
    "notification_id": _notification,
    "page_id": made("pages", title="Plan"),
    "playbook_id": made("playbooks", name="Win back", trigger_event_type="cart_abandoned"),
    "playbook_run_id": _playbook_run,
    "prompt_id": _prompt,
    "run_id": add_run,
    "secret_name": _secret,
    "session_id": _session,
    "share_link_id": _share_link,
    "step": _step,
    "step_id": _approval,
    "suggestion_id": _suggestion,
    "thread_id": _thread,
    "trigger_id": _trigger,
    "upload_id": _upload,
    "user_id": _other,
    "webhook_id": made("webhooks", url="https://example.invalid/hook"),
    "version": _first_position,
    "number": _first_number,
}
"""Parameter of a path -> how the owner makes one."""


async def _new_member(plot: Plot) -> dict[str, Any]:
    return {"email": plot.other.user["email"]}


async def _new_grant(plot: Plot) -> dict[str, Any]:
    return {"email": plot.other.user["email"], "level": "read"}


async def _direct_message(plot: Plot) -> dict[str, Any]:
    return {"user_ids": [plot.owner.user["id"]]}


async def _new_api_key(plot: Plot) -> dict[str, Any]:
    return {"name": "Robot", "scopes": ["pages:read"]}


async def _new_agent(plot: Plot) -> dict[str, Any]:
    return {"name": "Monday mail", "agent_definition_id": DEFINITION}


async def _new_run(plot: Plot) -> dict[str, Any]:
    return {"inputs": {"campaign_brief": "Summer"}}


async def _block_move(plot: Plot) -> dict[str, Any]:
    return {"page_id": (await plot.owner.made(f"{plot.path}/pages", {"title": "Elsewhere"}))["id"]}


async def _new_block(plot: Plot) -> dict[str, Any]:
    return {"type": "text"}


async def _new_llm_provider(plot: Plot) -> dict[str, Any]:
    return {"name": "Provider", "base_url": NOWHERE}


async def _new_llm_budget(plot: Plot) -> dict[str, Any]:
    return {"scope": "run", "limit_usd": 1}


async def _new_mute(plot: Plot) -> dict[str, Any]:
    return {"document": f"page:{await plot.specimen('page_id')}"}


async def _new_secret(plot: Plot) -> dict[str, Any]:
    return {"value": "t0k3n", "host": "tools.invalid"}


async def _new_message(plot: Plot) -> dict[str, Any]:
    return {"content": {"text": "Hello"}}


async def _new_import(plot: Plot) -> dict[str, Any]:
    return {"file_id": await plot.specimen("file_id")}


async def _read_mark(plot: Plot) -> dict[str, Any]:
    return {"message_id": await plot.specimen("message_id")}


async def _new_trigger(plot: Plot) -> dict[str, Any]:
    return {"name": "From the shop", "type": "webhook"}


async def _embed_address(plot: Plot) -> dict[str, Any]:
    return {"url": "https://127.0.0.1/"}


BODIES: dict[str, Body] = {
    "create_block": _new_block,
    "resolve_embed": _embed_address,
    "move_block": _block_move,
    "add_member": _new_member,
    "create_agent": _new_agent,
    "create_api_key": _new_api_key,
    "get_direct_message": _direct_message,
    "create_llm_provider": _new_llm_provider,
    "set_llm_budget": _new_llm_budget,
    "mute": _new_mute,
    "create_grant": _new_grant,
    "create_page_import": _new_import,
    "edit_message": _new_message,
    "mark_read": _read_mark,
    "create_trigger": _new_trigger,
    "post_message": _new_message,
    "start_run": _new_run,
    "set_agent_secret": _new_secret,
}
"""Operation -> a body that it takes."""

HEADERS: dict[str, dict[str, str]] = {
    "create_upload": {"Upload-Length": "5"},
    "continue_upload": {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
}
"""Operation -> headers that it needs."""

_GUESSES: tuple[object, ...] = (
    "x",
    "a long enough text",
    "name@example.com",
    "https://example.com/x",
    "2030-01-01T00:00:00Z",
    str(uuid4()),
    1,
    True,
    [],
    {},
    None,
)


def example_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the smallest body that fits a Struct."""
    return {field.encode_name: _guess(field) for field in msgspec.structs.fields(kind) if field.required}


def _guess(field: msgspec.structs.FieldInfo) -> object:
    kind = cast("type[object]", field.type)  # pyright: ignore[reportUnknownMemberType]  (msgspec's own)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):  # pyright: ignore[reportUnnecessaryIsInstance]  (or an Annotated)
        return example_of(kind)
    for guess in (*_literals(kind), *_GUESSES):
        try:
            msgspec.convert(guess, kind)
        except msgspec.ValidationError:
            continue
        return guess
    raise AssertionError(f"nothing fits {field.name}: give its operation a body in BODIES")


def _literals(kind: Any) -> list[object]:
    return list(msgspec.json.schema(kind).get("enum", []))
