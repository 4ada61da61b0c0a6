"""The people of a workspace: who they are, telling them something, asking them, and writing mails."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.ports import Kit
from agents.tools.base import Effect, Plan, ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError, ToolPause
from agents.tools.fields import Note
from agents.tools.gate import is_first, workspace_of
from agents.tools.words import listed, short
from storage.event_access import INBOX
from storage.unit_of_work import UnitOfWork

tools = Tools()

MOST_PEOPLE = 200
MOST_ADDRESSEES = 5

UserId = Annotated[UUID, Meta(description="The id of a person, as list_people gives it.")]
Address = Annotated[str, Meta(max_length=320, pattern=r"^[^@\s,<>\x00]+@[^@\s,<>\x00]+$")]


class ListPeople(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which people."""

    after: Annotated[UUID | None, Meta(description="The last person of the part before.")] = None


class NotifyPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to tell what."""

    user_id: UserId
    text: Annotated[Note, Meta(min_length=1)]


class AskPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask what."""

    question: Annotated[Note, Meta(min_length=1)]
    user_id: Annotated[UUID | None, Meta(description="Left out: the person who began the run.")] = None
    choices: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=200)]],
        Meta(max_length=10, description="What they can answer; any text if there are none."),
    ] = []


class SendEmail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail."""

    to: Annotated[list[Address], Meta(min_length=1, max_length=MOST_ADDRESSEES)]
    subject: Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]+$")]
    text: Annotated[str, Meta(min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")]


@tools.tool("members.read")
async def list_people(kit: Kit, context: ToolContext, arguments: ListPeople) -> ToolResult:
    """List the people of the workspace: id, name and role."""
    async with kit.database.read() as uow:
        await workspace_of(uow, context, "members.read")
        rows = await uow.workspaces.list_members(
            context.workspace_id, after=arguments.after, limit=MOST_PEOPLE + 1
        )
    lines = [f"{user.id} {short(user.name)} ({member.role})" for member, user in rows[:MOST_PEOPLE]]
    if len(rows) > MOST_PEOPLE:
        lines.append(f"[more: go on with after={rows[MOST_PEOPLE - 1][1].id}]")
    return ToolResult(listed(lines, "There is nobody."), source="the list of people")


@tools.tool("members.read", needs_run=True)
async def notify_person(kit: Kit, context: ToolContext, arguments: NotifyPerson) -> Plan:
    """Tell a person something, in their inbox and as they like to be told."""
    async with kit.database.read() as uow:
        name = await _name_of(uow, context, arguments.user_id)

    async def commit() -> ToolResult:
        async with kit.database.transaction() as uow:
            if await is_first(uow, context):
                await _tell(uow, context, arguments)
        return ToolResult(f"{name} is told.", effects=(Effect(f"told {name} something"),))

    return Plan(f"tell {name}: {short(arguments.text, 1000)}", commit)


@tools.tool("members.read", needs_run=True)
async def ask_person(kit: Kit, context: ToolContext, arguments: AskPerson) -> Plan:
    """Ask a person a question, and wait for the answer however long that takes."""
    user_id = arguments.user_id or context.invoker_user_id
    if user_id is None:
        raise ToolError("Nobody began this run: say in `user_id` whom to ask.")
    async with kit.database.read() as uow:
        name = await _name_of(uow, context, user_id)

    async def commit() -> ToolResult:
        payload: dict[str, Any] = {
            "question": arguments.question,
            "choices": list(arguments.choices),
            "user_ids": [str(user_id)],
        }
        raise ToolPause("question", payload)

    return Plan(f"ask {name}: {short(arguments.question, 1000)}", commit)


@tools.tool("agents.run", approval="ask", needs_run=True)
async def send_email(kit: Kit, context: ToolContext, arguments: SendEmail) -> Plan:
    """Send a mail to up to five addresses, to each by itself."""
    async with kit.database.read() as uow:
        await workspace_of(uow, context, "agents.run")
        workspace = await uow.workspaces.get(context.workspace_id)
        invoker = await uow.users.get(context.invoker_user_id) if context.invoker_user_id else None
    assert workspace is not None, "the gate has seen it"
    # Whoever gets it is to know that no person has typed it, and for whom it was written.
    on_behalf = f" for {short(invoker.name)}" if invoker else ""
    footer = (
        f"Written by {short(context.principal.name)}, an AI agent of “{short(workspace.name)}”{on_behalf}."
    )
    text = f"{arguments.text.rstrip()}\n\n{footer}\n"
    to = list(dict.fromkeys(arguments.to))

    async def commit() -> ToolResult:
        async with kit.database.transaction() as uow:
            if await is_first(uow, context):
                for address in to:
                    await kit.mails.post(uow, address, arguments.subject, text)
        return ToolResult("The mail is on its way.", effects=(Effect(f"sent a mail to {', '.join(to)}"),))

    told = f"send a mail to {', '.join(to)}, subject “{short(arguments.subject)}”:\n{arguments.text}"
    return Plan(told, commit)


async def _name_of(uow: UnitOfWork, context: ToolContext, user_id: UUID) -> str:
    await workspace_of(uow, context, "members.read")
    found = await uow.workspaces.find_member(context.workspace_id, user_id)
    if found is None:
        raise ToolError("There is no such person in the workspace: list_people gives their ids.")
    return short(found[1].name)


async def _tell(uow: UnitOfWork, context: ToolContext, arguments: NotifyPerson) -> None:
    assert context.agent is not None, "it needs a run, and that an agent"
    payload = {
        "run_id": str(context.run_id),
        "agent_id": str(context.agent.id),
        "user_id": str(arguments.user_id),
        "text": arguments.text,
    }
    # On their inbox: nobody else is to read it.
    subject = f"{INBOX}:{arguments.user_id}"
    await uow.events.append(context.workspace_id, "agent.notice", context.principal.id, subject, payload)
