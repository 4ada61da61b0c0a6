"""What a workspace knows: searching it, and its prompts."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta

from agents.errors import InvalidPromptError
from agents.ports import Kit
from agents.prompts import PromptVariable, render
from agents.retrieval import find_alike
from agents.tools.base import ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.gate import within_grant, workspace_of
from agents.tools.words import listed, short
from storage.access import prompt_standing
from storage.models import Prompt, SearchEntry
from storage.repositories.llm import Payer
from storage.search.index import Place
from storage.search.queries import Phrase, QueryError, parse
from storage.search.snippets import has_match, snippet

tools = Tools()

MOST_PROMPTS = 100
MOST_ALIKE = 8
"""Things that are found by their meaning, behind those that have the words."""


class SearchWorkspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for."""

    query: Annotated[
        str,
        Meta(
            max_length=1000,
            pattern=r"^[^\x00]*$",
            description='Words that all have to be there, "phrases", beginnings (`launch*`), and filters: '
            "`type:page`, `in:ID`, `from:ID`, `before:2026-01-31`, `after:2026-01-01`.",
        ),
    ]
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    after: Annotated[str, Meta(pattern="^([01]:[0-9]{1,18})?$", description="Goes on behind it.")] = ""


class ListPrompts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which prompts."""

    tag: Annotated[str, Meta(max_length=50, description="Only those that have this tag.")] = ""


class FillPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which prompt, and what its variables are."""

    prompt_id: Annotated[UUID, Meta(description="The id of a prompt.")]
    values: Annotated[dict[str, Any], Meta(max_length=50, description="Variable -> value.")] = {}


@tools.tool("search.read")
async def search_workspace(kit: Kit, context: ToolContext, arguments: SearchWorkspace) -> ToolResult:
    """Find pages, blocks, comments, messages, files, prompts, brands and creators by what they say."""
    try:
        wanted = parse(arguments.query, me=f"user:{context.invoker_user_id}")
    except QueryError as error:
        raise ToolError(f"The query cannot be read: {error}") from error
    after = None
    if arguments.after:
        part, _, id_ = arguments.after.partition(":")
        after = Place(0 if part == "0" else 1, int(id_))
    async with kit.database.read() as uow:
        standing = await workspace_of(uow, context, "search.read")
        found = await uow.search.find(
            standing, context.workspace_id, wanted, after=after, limit=arguments.limit + 1
        )
    entries = [entry for _, entry in found[: arguments.limit]]
    if after is None:
        payer = Payer(context.workspace_id, context.invoker_user_id, context.run_id)
        alike = await find_alike(kit.database, kit.embedder, payer, standing, wanted, MOST_ALIKE)
        entries += [one for one in alike if one.id not in {entry.id for entry in entries}]
    async with kit.database.read() as uow:
        titles, places = await uow.search.titles(entries), await uow.search.documents(entries)
        granted = await within_grant(uow, context, set(places.values()))
    shown = [entry for entry in entries if entry.id not in places or places[entry.id] in granted]
    lines = [_line_of(entry, wanted.phrases, titles.get(entry.owner_id, "")) for entry in shown]
    if len(found) > arguments.limit:
        place = found[arguments.limit - 1][0]
        lines.append(f"[more: go on with after={place.part}:{place.id}]")
    data = [{"kind": entry.kind, "id": entry.subject_id, "in": str(entry.owner_id)} for entry in shown]
    return ToolResult(listed(lines, "Nothing was found."), data, source="what was found in the workspace")


@tools.tool("prompts.read")
async def list_prompts(kit: Kit, context: ToolContext, arguments: ListPrompts) -> ToolResult:
    """List the prompts of the workspace's libraries, with their variables."""
    prompts: list[Prompt] = []
    async with kit.database.read() as uow:
        await workspace_of(uow, context, "prompts.read")
        libraries = await uow.prompt_libraries.list_in(
            context.workspace_id, {}, after=None, limit=MOST_PROMPTS
        )
        for library in libraries:
            room = MOST_PROMPTS - len(prompts)
            if room:
                prompts += await uow.prompts.list_in(
                    library.id, tag=arguments.tag or None, after=None, limit=room
                )
    lines = [f"{prompt.id} {short(prompt.name)} ({_told(_variables(prompt))})" for prompt in prompts]
    return ToolResult(listed(lines, "There are no prompts."), source="the prompt library")


@tools.tool("prompts.read")
async def fill_prompt(kit: Kit, context: ToolContext, arguments: FillPrompt) -> ToolResult:
    """Return the text of a prompt with its variables filled in."""
    async with kit.database.read() as uow:
        found = await prompt_standing(uow, context.caller, arguments.prompt_id)
    if found is None or found[0][1].workspace_id != context.workspace_id:
        raise ToolError("There is no such prompt, or this run may not see it.")
    (prompt, _), standing = found
    if not standing.allows("prompts.read"):
        raise ToolError("This run may not do that here (prompts.read).")
    try:
        text = render(prompt.text, _variables(prompt), arguments.values)
    except InvalidPromptError as error:
        raise ToolError(f"The values do not fit: {error}") from error
    return ToolResult(text, source=f"the prompt “{short(prompt.name)}”")


def _line_of(entry: SearchEntry, phrases: Sequence[Phrase], title: str) -> str:
    text = entry.body if has_match(entry.body, phrases) or not entry.title else entry.title
    shown = short("".join(part.text for part in snippet(text, phrases)), 300)
    name = short(entry.title or title)
    inside = f" in {entry.owner_id}" if str(entry.owner_id) != entry.subject_id else ""
    return f"[{entry.kind} {entry.subject_id}{inside}, {entry.written_at:%Y-%m-%d}] {name}: {shown}"


def _variables(prompt: Prompt) -> list[PromptVariable]:
    return msgspec.convert(prompt.variables, list[PromptVariable])


def _told(variables: Sequence[PromptVariable]) -> str:
    told = [
        f"{variable.name}: {variable.type}{' (optional)' if variable.default_value is not UNSET else ''}"
        for variable in variables
    ]
    return ", ".join(told) or "no variables"
