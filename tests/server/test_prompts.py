"""Prompt libraries and prompts."""

from typing import Any
from uuid import UUID

import pytest

from server.bootstrap import Services
from tests.server.api import Api

VARIABLES: list[dict[str, Any]] = [
    {"name": "brand", "type": "text"},
    {"name": "count", "type": "number", "default_value": 3},
    {"name": "until", "type": "date", "default_value": None},
]
PROMPT: dict[str, Any] = {
    "name": "Launch",
    "text": "Write {{count}} posts for {{brand}}.",
    "variables": VARIABLES[:2],
    "tags": ["launch", "Social"],
}


@pytest.fixture
async def library(ann: Api, workspace: str) -> str:
    """The path of the library that the workspace began with."""
    (found,) = (await ann.get(f"{workspace}/prompt-libraries")).json()["items"]
    assert found["name"] == "Prompts"
    return f"/v1/prompt-libraries/{found['id']}"


async def names(api: Api, library: str, **query: Any) -> list[str]:
    found: list[str] = []
    params = {"limit": 2, **query}
    while True:
        part = (await api.get(f"{library}/prompts", params=params)).json()
        found += [item["name"] for item in part["items"]]
        if part["next_cursor"] is None:
            return found
        params["cursor"] = part["next_cursor"]


async def test_libraries_are_made_changed_and_deleted(
    ann: Api, workspace: str, library: str, services: Services
):
    made = await ann.made(f"{workspace}/prompt-libraries", {"name": "More", "description": "Ours"})
    path = f"/v1/prompt-libraries/{made['id']}"
    assert (await ann.get(path)).json() == made
    changed = (await ann.patch(path, {"name": "Most", "description": None})).json()
    assert (changed["name"], changed["description"]) == ("Most", None)
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).status_code == 404
    async with services.database.read() as uow:
        events = await uow.events.after(UUID(made["workspace_id"]), 1, 10)
    subject = f"prompt_library:{made['id']}"
    assert [(event.type, event.subject) for event in events] == [
        (f"prompt_library.{what}", subject) for what in ("created", "updated", "deleted")
    ]


async def test_a_library_with_prompts_is_not_deleted(ann: Api, workspace: str, library: str):
    prompt = await ann.made(f"{library}/prompts", PROMPT)
    refused = await ann.delete(library)
    assert (refused.status_code, refused.json()["code"]) == (409, "library_not_empty")
    await ann.delete(f"/v1/prompts/{prompt['id']}")
    assert (await ann.delete(library)).status_code == 204


async def test_all_fields_of_a_prompt_are_kept(ann: Api, library: str):
    made = await ann.made(f"{library}/prompts", PROMPT)
    assert {name: made[name] for name in PROMPT} == PROMPT | {"tags": ["Social", "launch"]}
    assert made["library_id"] == library.rpartition("/")[2]
    assert made["created_by_user_id"] == ann.user["id"]
    assert (await ann.get(f"/v1/prompts/{made['id']}")).json() == made
    assert (await ann.get(f"{library}/prompts")).json()["items"] == [made]


async def test_a_change_leaves_the_rest(ann: Api, library: str, services: Services):
    made = await ann.made(f"{library}/prompts", PROMPT)
    path = f"/v1/prompts/{made['id']}"
    assert (await ann.patch(path, {})).json() == made
    assert (await ann.patch(path, {"tags": ["launch", "Social", "launch"]})).json() == made
    changed = (await ann.patch(path, {"tags": ["x"], "name": "New"})).json()
    assert changed == made | {"tags": ["x"], "name": "New", "updated_at": changed["updated_at"]}
    async with services.database.read() as uow:
        library_row = await uow.prompt_libraries.find_with_role(
            UUID(made["library_id"]), UUID(ann.user["id"])
        )
        assert library_row is not None
        events = await uow.events.after(library_row[0].workspace_id, 1, 10)
    assert [event.type for event in events] == ["prompt.created", "prompt.updated"]


async def test_a_prompt_moves_within_its_workspace(ann: Api, workspace: str, library: str):
    other = await ann.made(f"{workspace}/prompt-libraries", {"name": "Other"})
    made = await ann.made(f"{library}/prompts", PROMPT)
    path = f"/v1/prompts/{made['id']}"
    moved = (await ann.patch(path, {"library_id": other["id"]})).json()
    assert (moved["library_id"], moved["tags"]) == (other["id"], made["tags"])
    assert await names(ann, library) == []
    assert await names(ann, f"/v1/prompt-libraries/{other['id']}", tag="launch") == ["Launch"]
    elsewhere = (await ann.made("/v1/workspaces", {"name": "Elsewhere"}))["id"]
    (foreign,) = (await ann.get(f"/v1/workspaces/{elsewhere}/prompt-libraries")).json()["items"]
    refused = await ann.patch(path, {"library_id": foreign["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.library_id")


async def test_prompts_are_found_by_tag_and_read_in_parts(ann: Api, library: str):
    for n in range(6):
        tags = ["even", "all"] if n % 2 == 0 else ["all"]
        await ann.made(f"{library}/prompts", {"name": str(n), "text": "", "tags": tags})
    assert await names(ann, library) == list("012345")
    assert await names(ann, library, tag="even") == list("024")
    assert await names(ann, library, tag="Even") == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"text": "{{unknown}}"}, "body.text"),
        ({"variables": []}, "body.text"),
        ({"variables": VARIABLES}, "body.variables[2].default_value"),
        ({"variables": VARIABLES[:2] * 2}, "body.variables[2].name"),
        ({"variables": [{"name": "1st", "type": "text"}]}, "body.variables[0].name"),
        ({"variables": [{"name": "x", "type": "colour"}]}, "body.variables[0].type"),
        ({"variables": [{"name": "x", "type": "text", "default": 1}]}, "body.variables[0].default"),
        ({"tags": [" x"]}, "body.tags[0]"),
        ({"text": "a\0b"}, "body.text"),
    ],
)
async def test_a_prompt_that_does_not_fit_is_told_where(
    ann: Api, library: str, change: dict[str, Any], path: str
):
    made = await ann.made(f"{library}/prompts", PROMPT)
    prompt = f"/v1/prompts/{made['id']}"
    for answer in (await ann.post(f"{library}/prompts", PROMPT | change), await ann.patch(prompt, change)):
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)
    assert (await ann.get(prompt)).json() == made


async def test_a_prompt_is_rendered_with_values_and_defaults(ann: Api, library: str):
    path = f"/v1/prompts/{(await ann.made(f'{library}/prompts', PROMPT))['id']}"
    rendered = await ann.post(f"{path}/render", {"values": {"brand": "Acme {{count}}"}})
    assert rendered.json() == {"text": "Write 3 posts for Acme {{count}}."}
    refused = await ann.post(f"{path}/render", {"values": {"count": "many", "colour": "red"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_prompt")
    assert [fault["path"] for fault in refused.json()["errors"]] == [
        "body.values.colour",
        "body.values.brand",
        "body.values.count",
    ]


async def test_a_preview_is_rendered_and_not_kept(ann: Api, library: str):
    made = await ann.made(f"{library}/prompts", PROMPT)
    path = f"/v1/prompts/{made['id']}"
    preview = {"text": "By {{until}}", "variables": [{"name": "until", "type": "date"}]}
    answer = await ann.post(f"{path}/render", preview | {"values": {"until": "2026-12-24"}})
    assert answer.json() == {"text": "By 2026-12-24"}
    assert (await ann.post(f"{path}/render", {"text": "{{x}}"})).status_code == 422
    assert (await ann.get(path)).json() == made


async def test_guests_read_and_render_and_outsiders_see_nothing(
    ann: Api, bob: Api, api: Api, workspace: str, library: str
):
    cem = await api.sign_up("cem")
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    path = f"/v1/prompts/{(await ann.made(f'{library}/prompts', PROMPT))['id']}"
    assert (await bob.post(f"{path}/render", {"values": {"brand": "A"}})).status_code == 200
    for person, status in ((bob, 403), (cem, 404)):
        for answer in (
            await person.post(f"{library}/prompts", PROMPT),
            await person.patch(path, {"name": "x"}),
            await person.delete(path),
            await person.patch(library, {"name": "x"}),
            await person.delete(library),
        ):
            assert answer.status_code == status
    for unseen in (path, library, f"{library}/prompts"):
        assert (await cem.get(unseen)).status_code == 404
