"""Brands and creators."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from server.bootstrap import Services
from storage.models import Brand, Creator
from storage.vault import place_of
from tests.server.api import Api

URL = "https://e.com/a"
BRAND: dict[str, Any] = {
    "name": "Acme",
    "industry": "Fashion",
    "target_audience": "People who\nread",
    "mood_board_urls": [URL],
    "shopify_store_url": "https://acme.myshopify.com",
    "tiktok_profile_url": "https://www.tiktok.com/@acme",
}
CREATOR: dict[str, Any] = {
    "name": "Zoë",
    "niche": "Cooking",
    "tiktok_handle": "@zoe",
    "portfolio_links": [URL],
    "audience_demographics": {"age": {"18-24": 0.5}, "countries": ["BR", "DE"]},
}
KINDS = [("brands", BRAND), ("creators", CREATOR)]
both_kinds = pytest.mark.parametrize(("kind", "fields"), KINDS)


async def events(services: Services, workspace: str) -> list[tuple[str, str | None]]:
    async with services.database.read() as uow:
        found = await uow.events.after(UUID(workspace.rpartition("/")[2]), 1, 100)
    return [(event.type, event.subject) for event in found]


@both_kinds
async def test_all_fields_are_kept(ann: Api, workspace: str, kind: str, fields: dict[str, Any]):
    made = await ann.made(f"{workspace}/{kind}", fields)
    assert {name: made[name] for name in fields} == fields
    assert made["workspace_id"] == workspace.rpartition("/")[2]
    path = f"/v1/{kind}/{made['id']}"
    assert (await ann.get(path)).json() == made
    assert (await ann.get(f"{workspace}/{kind}")).json() == {"items": [made], "next_cursor": None}


@both_kinds
async def test_a_change_leaves_the_rest_and_null_empties(
    ann: Api, workspace: str, kind: str, fields: dict[str, Any], services: Services
):
    made = await ann.made(f"{workspace}/{kind}", fields)
    path = f"/v1/{kind}/{made['id']}"
    noun = kind.removesuffix("s")
    subject = f"{noun}:{made['id']}"
    assert (await ann.patch(path, {})).json() == made
    assert (await ann.patch(path, {"name": made["name"]})).json() == made
    assert await events(services, workspace) == [(f"{noun}.created", subject)]
    nullable = {name: None for name in fields if name not in ("name", "mood_board_urls", "portfolio_links")}
    changed = (await ann.patch(path, {"name": "Other", **nullable})).json()
    assert {name: changed[name] for name in nullable} == nullable
    assert changed["name"] == "Other"
    assert (await ann.patch(path, {"name": None})).status_code == 422
    assert await events(services, workspace) == [(f"{noun}.created", subject), (f"{noun}.updated", subject)]


@both_kinds
async def test_what_is_deleted_is_gone(
    ann: Api, workspace: str, kind: str, fields: dict[str, Any], services: Services
):
    made = await ann.made(f"{workspace}/{kind}", fields)
    path = f"/v1/{kind}/{made['id']}"
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).status_code == 404
    assert (await ann.delete(path)).status_code == 404
    assert [event[0].partition(".")[2] for event in await events(services, workspace)] == [
        "created",
        "deleted",
    ]


@pytest.mark.parametrize(
    ("kind", "column", "model"),
    [
        ("brands", "shopify_access_token", Brand),
        ("brands", "tiktok_access_token", Brand),
        ("creators", "tiktok_access_token", Creator),
    ],
)
async def test_a_token_goes_in_and_never_comes_out(
    ann: Api, workspace: str, kind: str, column: str, model: type[Brand | Creator], services: Services
):
    key = {"Idempotency-Key": str(uuid4())}
    body = {"name": "Acme", column: "token-hunter2"}
    made = await ann.post(f"{workspace}/{kind}", body, headers=key)
    again = await ann.post(f"{workspace}/{kind}", body, headers=key)
    path = f"/v1/{kind}/{made.json()['id']}"
    answers = [
        made,
        again,
        await ann.get(path),
        await ann.get(f"{workspace}/{kind}"),
        await ann.patch(path, {"name": "New"}),
    ]
    assert [answer.json().get(f"has_{column}", True) for answer in answers] == [True] * 5
    assert not any("hunter2" in answer.text or f'"{column}"' in answer.text for answer in answers)
    row_id = UUID(made.json()["id"])
    async with services.database.read() as uow:
        row = await uow.session.get(model, row_id)
        payloads = [
            event.payload for event in await uow.events.after(UUID(made.json()["workspace_id"]), 0, 9)
        ]
    sealed = getattr(row, column)
    assert b"hunter2" not in sealed
    assert services.vault.open(sealed, place_of(kind, column, row_id)) == "token-hunter2"
    assert "hunter2" not in repr(row) + repr(payloads)
    assert (await ann.patch(path, {column: None})).json()[f"has_{column}"] is False


async def test_whoever_connects_or_disconnects_a_service_is_audited(
    ann: Api, workspace: str, services: Services
):
    made = await ann.made(f"{workspace}/brands", {"name": "Acme", "tiktok_access_token": "hunter2"})
    path = f"/v1/brands/{made['id']}"
    await ann.patch(path, {"name": "New"})
    await ann.patch(path, {"tiktok_access_token": None, "shopify_access_token": "hunter3"})
    found = (await ann.get(f"{workspace}/audit")).json()["items"]
    entries = [entry for entry in found if entry["action"] == "connection.changed"]
    assert [(entry["actor"], entry["subject"], entry["details"]) for entry in entries[::-1]] == [
        (f"user:{ann.user['id']}", f"brand:{made['id']}", {"service": service, "is_connected": is_connected})
        for service, is_connected in (("tiktok", True), ("shopify", True), ("tiktok", False))
    ]
    assert "hunter" not in str(found)


@both_kinds
async def test_lists_are_filtered_and_read_in_parts(
    ann: Api, workspace: str, kind: str, fields: dict[str, Any]
):
    trait = "industry" if kind == "brands" else "niche"
    for n in range(5):
        await ann.made(f"{workspace}/{kind}", {"name": str(n), trait: "even" if n % 2 == 0 else "odd"})
    names: list[str] = []
    params: dict[str, Any] = {"limit": 2, trait: "even"}
    while True:
        part = (await ann.get(f"{workspace}/{kind}", params=params)).json()
        names += [item["name"] for item in part["items"]]
        if part["next_cursor"] is None:
            break
        params["cursor"] = part["next_cursor"]
    assert names == ["0", "2", "4"]
    assert (await ann.get(f"{workspace}/{kind}", params={trait: "none"})).json()["items"] == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("brands", "mood_board_urls", ["javascript:alert(1)"]),
        ("brands", "mood_board_urls", [URL] * 101),
        ("brands", "shopify_store_url", "acme.myshopify.com"),
        ("brands", "shopify_access_token", ""),
        ("brands", "shopify_access_token", "with space"),
        ("brands", "industry", "two\nlines"),
        ("brands", "has_shopify_access_token", True),
        ("creators", "portfolio_links", ["ftp://e.com"]),
        ("creators", "audience_demographics", [1]),
        ("creators", "audience_demographics", {"x": "a\0"}),
    ],
)
async def test_a_bad_value_is_told_with_its_path(
    ann: Api, workspace: str, kind: str, field: str, value: object
):
    made = await ann.made(f"{workspace}/{kind}", {"name": "Good"})
    for answer in (
        await ann.post(f"{workspace}/{kind}", {"name": "Bad", field: value}),
        await ann.patch(f"/v1/{kind}/{made['id']}", {field: value}),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["path"].startswith(f"body.{field}")
    assert (await ann.get(f"{workspace}/{kind}")).json()["items"] == [made]


@both_kinds
async def test_guests_read_and_outsiders_see_nothing(
    ann: Api, bob: Api, api: Api, workspace: str, kind: str, fields: dict[str, Any]
):
    cem = await api.sign_up("cem")
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    made = await ann.made(f"{workspace}/{kind}", fields)
    path = f"/v1/{kind}/{made['id']}"
    assert (await bob.get(path)).json() == made
    for person, status in ((bob, 403), (cem, 404)):
        for answer in (
            await person.post(f"{workspace}/{kind}", fields),
            await person.patch(path, {"name": "x"}),
            await person.delete(path),
        ):
            assert answer.status_code == status
    assert (await cem.get(path)).status_code == 404
    assert (await cem.get(f"{workspace}/{kind}")).status_code == 404
