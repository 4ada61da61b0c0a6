"""Prompt libraries, the prompts in them, and what comes of a prompt with its variables filled in."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.prompts import MAX_TEXT, PromptVariable, check_template, render
from server.errors import ConflictError, FieldError, InvalidError
from server.rest.fields import Listing, Name, Prose, Slice, Time, given, list_slice, read_cursor
from server.rest.gate import find_owned, find_prompt, find_workspace
from server.routing import Routes, UserCall
from storage.actions import Action
from storage.models import Prompt, PromptLibrary
from storage.unit_of_work import UnitOfWork

routes = Routes("Prompts")

Template = Annotated[
    str,
    Meta(
        max_length=MAX_TEXT,
        pattern=r"^[^\x00]*$",
        description="`{{name}}` stands for the variable of that name; nothing else has a meaning.",
    ),
]
Variables = Annotated[list[PromptVariable], Meta(max_length=50)]
Tag = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[^\x00\s]([^\x00\r\n]*[^\x00\s])?$")]
Tags = Annotated[list[Tag], Meta(max_length=20, description="Without an order; the same one counts once.")]


class LibraryAnswer(msgspec.Struct, frozen=True):
    """A prompt library."""

    id: UUID
    workspace_id: UUID
    name: str
    description: str | None
    created_at: Time
    updated_at: Time


class NewLibrary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A library to make. Each workspace begins with one."""

    name: Name
    description: Prose | None = None


class LibraryChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Prose | UnsetType | None = UNSET


class PromptAnswer(msgspec.Struct, frozen=True):
    """A prompt."""

    id: UUID
    library_id: UUID
    name: str
    text: str
    variables: list[PromptVariable]
    tags: list[str]
    created_by_user_id: UUID
    created_at: Time
    updated_at: Time


class NewPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt to make. Every `{{name}}` in its text is one of its variables."""

    name: Name
    text: Template
    variables: Variables = []
    tags: Tags = []


class PromptChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. Variables and tags are replaced as a whole."""

    library_id: Annotated[UUID, Meta(description="Another library of the workspace.")] | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    text: Template | UnsetType = UNSET
    variables: Variables | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET


class PromptQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which prompts are wanted."""

    tag: Tag | UnsetType = UNSET


class RenderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values for the variables; with `text` or `variables` a preview of the prompt as it would be then."""

    values: Annotated[dict[str, Any], Meta(max_length=50)] = {}
    text: Template | UnsetType = UNSET
    variables: Variables | UnsetType = UNSET


class Rendered(msgspec.Struct, frozen=True):
    """The text of a prompt with its variables filled in."""

    text: str


@routes.get("/v1/workspaces/{workspace_id}/prompt-libraries", "prompts.read")
async def list_prompt_libraries(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[LibraryAnswer]:
    """List the prompt libraries of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "prompts.read")
    rows = await uow.prompt_libraries.list_in(
        workspace_id, {}, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, show_library, lambda library: library.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/prompt-libraries",
    "prompts.write",
    status=201,
    refuses=(403,),
    idempotent=True,
)
async def create_prompt_library(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewLibrary
) -> LibraryAnswer:
    """Make a prompt library."""
    await find_workspace(call, uow, workspace_id, "prompts.write")
    library = PromptLibrary(
        id=uow.new_id(),
        workspace_id=workspace_id,
        created_at=uow.now,
        updated_at=uow.now,
        **msgspec.structs.asdict(body),
    )
    await uow.prompt_libraries.add(library)
    await _tell_of_library(call, uow, "prompt_library.created", library)
    return show_library(library)


@routes.get("/v1/prompt-libraries/{library_id}", "prompts.read")
async def get_prompt_library(call: UserCall, uow: UnitOfWork, library_id: UUID) -> LibraryAnswer:
    """Return a prompt library."""
    return show_library(await _find_library(call, uow, library_id, "prompts.read"))


@routes.patch("/v1/prompt-libraries/{library_id}", "prompts.write", refuses=(403,))
async def change_prompt_library(
    call: UserCall, uow: UnitOfWork, library_id: UUID, body: LibraryChange
) -> LibraryAnswer:
    """Change a prompt library."""
    library = await _find_library(call, uow, library_id, "prompts.write")
    if await uow.prompt_libraries.change(library, given(body)):
        await _tell_of_library(call, uow, "prompt_library.updated", library)
    return show_library(library)


@routes.delete("/v1/prompt-libraries/{library_id}", "prompts.write", refuses=(403, 409))
async def delete_prompt_library(call: UserCall, uow: UnitOfWork, library_id: UUID) -> None:
    """Delete a prompt library that is empty, for good. Move or delete its prompts first."""
    library = await _find_library(call, uow, library_id, "prompts.write")
    if await uow.prompts.has_any(library_id):
        raise ConflictError("The library has prompts: move or delete them first.", code="library_not_empty")
    await uow.prompt_libraries.remove(library)
    await _tell_of_library(call, uow, "prompt_library.deleted", library)


@routes.get("/v1/prompt-libraries/{library_id}/prompts", "prompts.read")
async def list_prompts(
    call: UserCall, uow: UnitOfWork, library_id: UUID, query: PromptQuery
) -> Listing[PromptAnswer]:
    """List the prompts of a library, oldest first."""
    await _find_library(call, uow, library_id, "prompts.read")
    rows = await uow.prompts.list_in(
        library_id,
        tag=None if query.tag is UNSET else query.tag,
        after=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    tags = await uow.prompts.tags_of([prompt.id for prompt in rows])
    return list_slice(
        rows, query, lambda prompt: show_prompt(prompt, tags[prompt.id]), lambda prompt: prompt.id
    )


@routes.post(
    "/v1/prompt-libraries/{library_id}/prompts", "prompts.write", status=201, refuses=(403,), idempotent=True
)
async def create_prompt(call: UserCall, uow: UnitOfWork, library_id: UUID, body: NewPrompt) -> PromptAnswer:
    """Make a prompt."""
    library = await _find_library(call, uow, library_id, "prompts.write")
    check_template(body.text, body.variables)
    prompt = Prompt(
        id=uow.new_id(),
        library_id=library_id,
        name=body.name,
        text=body.text,
        variables=_to_store(body.variables),
        created_by_user_id=call.user_id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.prompts.add(prompt, body.tags)
    await _tell(call, uow, "prompt.created", library, prompt)
    return show_prompt(prompt, sorted(set(body.tags)))


@routes.get("/v1/prompts/{prompt_id}", "prompts.read")
async def get_prompt(call: UserCall, uow: UnitOfWork, prompt_id: UUID) -> PromptAnswer:
    """Return a prompt."""
    prompt, _ = await find_prompt(call, uow, prompt_id, "prompts.read")
    return await _show(uow, prompt)


@routes.patch("/v1/prompts/{prompt_id}", "prompts.write", refuses=(403,))
async def change_prompt(call: UserCall, uow: UnitOfWork, prompt_id: UUID, body: PromptChange) -> PromptAnswer:
    """Change a prompt, or move it to another library of its workspace."""
    prompt, library = await find_prompt(call, uow, prompt_id, "prompts.write")
    values = given(body)
    tags: list[str] | None = values.pop("tags", None)
    if body.library_id is not UNSET and body.library_id != library.id:
        library = await _library_beside(call, uow, library, body.library_id)
    if body.text is not UNSET or body.variables is not UNSET:
        check_template(*_template_of(prompt, body.text, body.variables))
    if body.variables is not UNSET:
        values["variables"] = _to_store(body.variables)
    if await uow.prompts.change(prompt, values, tags):
        await _tell(call, uow, "prompt.updated", library, prompt)
    return await _show(uow, prompt)


@routes.delete("/v1/prompts/{prompt_id}", "prompts.write", refuses=(403,))
async def delete_prompt(call: UserCall, uow: UnitOfWork, prompt_id: UUID) -> None:
    """Delete a prompt for good."""
    prompt, library = await find_prompt(call, uow, prompt_id, "prompts.write")
    await uow.prompts.remove(prompt)
    await _tell(call, uow, "prompt.deleted", library, prompt)


@routes.post("/v1/prompts/{prompt_id}/render", "prompts.read")
async def render_prompt(call: UserCall, prompt_id: UUID, body: RenderRequest) -> Rendered:
    """Return the text of a prompt with its variables filled in; stores nothing.

    Each variable without a default needs a value of its type: a text, a number, or a date as `YYYY-MM-DD`.
    """
    async with call.services.database.read() as uow:
        prompt, _ = await find_prompt(call, uow, prompt_id, "prompts.read")
    text, variables = _template_of(prompt, body.text, body.variables)
    check_template(text, variables)
    return Rendered(render(text, variables, body.values))


def show_library(library: PromptLibrary) -> LibraryAnswer:
    """Return a prompt library as the members of its workspace see it."""
    return LibraryAnswer(
        id=library.id,
        workspace_id=library.workspace_id,
        name=library.name,
        description=library.description,
        created_at=library.created_at,
        updated_at=library.updated_at,
    )


def show_prompt(prompt: Prompt, tags: Sequence[str]) -> PromptAnswer:
    """Return a prompt as the members of its workspace see it."""
    return PromptAnswer(
        id=prompt.id,
        library_id=prompt.library_id,
        name=prompt.name,
        text=prompt.text,
        variables=msgspec.convert(prompt.variables, list[PromptVariable]),
        tags=list(tags),
        created_by_user_id=prompt.created_by_user_id,
        created_at=prompt.created_at,
        updated_at=prompt.updated_at,
    )


async def _show(uow: UnitOfWork, prompt: Prompt) -> PromptAnswer:
    return show_prompt(prompt, (await uow.prompts.tags_of([prompt.id]))[prompt.id])


async def _find_library(call: UserCall, uow: UnitOfWork, library_id: UUID, action: Action) -> PromptLibrary:
    return await find_owned(call, uow.prompt_libraries, library_id, action, "prompt library")


async def _library_beside(
    call: UserCall, uow: UnitOfWork, library: PromptLibrary, library_id: UUID
) -> PromptLibrary:
    """Return another library of the same workspace. Raises InvalidError."""
    other = await uow.prompt_libraries.find_in(library.workspace_id, library_id)
    if other is None:
        fault = FieldError("body.library_id", "No prompt library of this workspace")
        raise InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))
    return other


def _template_of(
    prompt: Prompt, text: str | UnsetType, variables: list[PromptVariable] | UnsetType
) -> tuple[str, list[PromptVariable]]:
    """Return a prompt's text and variables, with those that are given in their place."""
    stored = msgspec.convert(prompt.variables, list[PromptVariable])
    return (
        prompt.text if text is UNSET else text,
        stored if variables is UNSET else variables,
    )


def _to_store(variables: list[PromptVariable]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(variable) for variable in variables]


async def _tell_of_library(call: UserCall, uow: UnitOfWork, event: str, library: PromptLibrary) -> None:
    await uow.events.append(
        library.workspace_id, event, call.actor, f"prompt_library:{library.id}", {"name": library.name}
    )


async def _tell(call: UserCall, uow: UnitOfWork, event: str, library: PromptLibrary, prompt: Prompt) -> None:
    payload = {"name": prompt.name, "library_id": str(library.id)}
    await uow.events.append(library.workspace_id, event, call.actor, f"prompt:{prompt.id}", payload)
