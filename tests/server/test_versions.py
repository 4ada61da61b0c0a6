"""The past of documents over the API (D8): listed, named, read and brought back."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pycrdt
import pytest

from crdt.errors import DocumentUnavailable, UpdateRefused
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal, PrincipalId
from crdt.waiting import read_state_vector
from server.bootstrap import Services
from server.folding import Folding
from server.history import History
from server.offload import Offload
from tests.server.api import Api
from tests.server.conftest import Clock


@pytest.fixture
async def page(ann: Api, workspace: str) -> dict[str, Any]:
    """A page of Ann's."""
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
def versions(page: dict[str, Any]) -> str:
    """The path of the page's versions."""
    return f"/v1/documents/{page['document']}/versions"


@asynccontextmanager
async def open_as(services: Services, api: Api, document: str) -> AsyncGenerator[Replica]:
    """Take part in a document as somebody."""
    principal = Principal(id=PrincipalId(f"user:{api.user['id']}"), name=api.user["name"])
    async with services.hub.join(DocumentName(document), principal) as replica:
        yield replica


async def type_text(services: Services, api: Api, document: str, words: str) -> int:
    """Write words at the end of a document's text, as somebody."""
    async with open_as(services, api, document) as replica:
        text_of(replica.doc).insert(len(text_of(replica.doc)), words)
        return await replica.saved()


def text_of(doc: pycrdt.Doc[Any]) -> pycrdt.Text:
    return doc.get("t", type=pycrdt.Text)


def read_state(content: dict[str, Any]) -> str:
    """Return the text in an answer's state."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(base64.b64decode(content["state"]))
    return str(text_of(doc))


async def read_now(services: Services, api: Api, document: str) -> str:
    async with open_as(services, api, document) as replica:
        return str(text_of(replica.doc))


async def events(services: Services, page: dict[str, Any]) -> list[tuple[str, str | None, dict[str, Any]]]:
    async with services.database.read() as uow:
        found = await uow.events.of_types(UUID(page["workspace_id"]), 2, 100, ["document.*"])
    return [(event.type, event.actor, event.payload) for event in found]


async def test_D8_a_version_is_named_read_and_restored(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    document = page["document"]
    await type_text(services, ann, document, "first ")
    named = await ann.made(versions, {"name": "Draft"})
    assert (named["position"], named["name"], named["kind"]) == (1, "Draft", "version")
    await type_text(services, ann, document, "second ")
    content = (await ann.get(f"{versions}/{named['id']}")).json()
    assert read_state(content) == "first "
    assert {key: content[key] for key in named} == named

    receipt = (await ann.post(f"{versions}/{named['id']}/restore", {})).json()
    assert (receipt["position"], receipt["restored_position"], receipt["is_exact"]) == (3, 1, True)
    assert await read_now(services, ann, document) == "first "
    async with open_as(services, ann, document) as replica:
        told = base64.b64decode(receipt["state_vector"])
        assert read_state_vector(told) == read_state_vector(replica.doc.get_state())  # in whatever order
    back = (await ann.post(f"{versions}/position:2/restore", {})).json()
    assert back["position"] == 4
    assert await read_now(services, ann, document) == "first second "
    actor = f"user:{ann.user['id']}"
    first = {"version": named["id"], "restored_position": 1, "position": 3}
    second = {"version": "position:2", "restored_position": 2, "position": 4}
    assert await events(services, page) == [
        ("document.version.named", actor, {"version_id": named["id"], "name": "Draft", "position": 1}),
        ("document.restored", actor, first),
        ("document.restored", actor, second),
    ]


async def test_D8_every_position_can_be_read(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    for word in "abc":
        await type_text(services, ann, page["document"], word)
    for position, text in enumerate(("", "a", "ab", "abc")):
        content = (await ann.get(f"{versions}/position:{position}")).json()
        assert (read_state(content), content["position"]) == (text, position)
    assert (await ann.get(f"{versions}/position:4")).status_code == 404


async def test_D8_restoring_what_is_there_changes_nothing(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    position = await type_text(services, ann, page["document"], "a")
    receipt = (await ann.post(f"{versions}/position:{position}/restore", {})).json()
    assert receipt["position"] == position
    assert await services.update_log.extent(page["document"]) == (0, position)


async def test_D8_what_is_typed_meanwhile_survives(
    ann: Api, bob: Api, services: Services, page: dict[str, Any], versions: str, workspace: str
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    document = page["document"]
    await type_text(services, ann, document, "kept")
    async with open_as(services, ann, document) as replica:
        text_of(replica.doc).clear()
        await replica.saved()
    async with open_as(services, bob, document) as typist:
        restoring = asyncio.create_task(ann.post(f"{versions}/position:1/restore", {"base": 2}))
        for _ in range(20):
            text_of(typist.doc).insert(0, "b")
            await typist.saved()
        assert (await restoring).status_code == 200
    now = await read_now(services, bob, document)
    assert now.replace("b", "") == "kept"
    assert now.count("b") == 20
    for base in (0, 100):
        refused = await ann.post(f"{versions}/position:1/restore", {"base": base})
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.base")


async def test_D8_the_timeline_mixes_versions_and_changes(
    ann: Api, bob: Api, services: Services, page: dict[str, Any], versions: str, workspace: str, clock: Clock
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    document = page["document"]
    assert (await ann.get(versions)).json() == {"items": [], "next_cursor": None}
    beginning = await ann.made(versions, {})
    await type_text(services, ann, document, "a")
    await type_text(services, bob, document, "b")
    clock.forward(minutes=10)
    await type_text(services, bob, document, "c")
    one = await ann.made(versions, {"name": "One"})
    two = await ann.made(versions, {"name": "Two"})
    for limit in (1, 2, 3, 200):
        items: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": limit}
        while True:
            answer = (await ann.get(versions, params=query)).json()
            items += answer["items"]
            if answer["next_cursor"] is None:
                break
            query["cursor"] = answer["next_cursor"]
        assert [item["id"] for item in items] == [
            two["id"],
            one["id"],
            "position:3",
            "position:2",
            beginning["id"],
        ]
        both = [f"user:{ann.user['id']}", f"user:{bob.user['id']}"]
        assert (items[3]["authors"], items[3]["first_position"]) == (both, 1)
        assert items[2]["authors"] == both[1:]


async def test_D8_pruned_positions_are_gone_and_named_ones_stay(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    document = page["document"]
    log = services.update_log
    await type_text(services, ann, document, "one ")
    named = await ann.made(versions, {})
    for word in ("two ", "three ", "four"):
        await type_text(services, ann, document, word)
    async with open_as(services, ann, document) as replica:
        del text_of(replica.doc)[0:4]
        await replica.saved()
    folding = Folding(log, Offload())
    for position in (1, 5, 5):
        await folding.fold(document, position)
    await log.prune(document, 5, limit=100)
    assert (await ann.get(f"{versions}/position:3")).status_code == 404
    assert (await ann.post(f"{versions}/position:3/restore", {})).status_code == 404
    assert [item["id"] for item in (await ann.get(versions)).json()["items"]] == [named["id"]]
    content = (await ann.get(f"{versions}/{named['id']}")).json()
    assert read_state(content) == "one "
    now = (await ann.get(f"{versions}/position:5")).json()
    assert (read_state(now), now["authors"], now["created_at"]) == ("two three four", [], None)
    await type_text(services, ann, document, "!")
    receipt = (await ann.post(f"{versions}/{named['id']}/restore", {})).json()
    assert receipt["is_exact"]
    assert await read_now(services, ann, document) == "one "


async def test_D8_a_large_document_is_restored_in_the_child(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    words = "lorem ipsum " * 20_000
    await type_text(services, ann, page["document"], words)
    await type_text(services, ann, page["document"], "tail")
    assert read_state((await ann.get(f"{versions}/position:1")).json()) == words
    assert (await ann.post(f"{versions}/position:1/restore", {})).json()["is_exact"]
    assert await read_now(services, ann, page["document"]) == words


async def test_D8_readers_read_and_do_not_restore(
    ann: Api, bob: Api, services: Services, page: dict[str, Any], versions: str, workspace: str
):
    await type_text(services, ann, page["document"], "a")
    for path in (versions, f"{versions}/position:1"):
        assert (await bob.get(path)).status_code == 404
    for path in (versions, f"{versions}/position:1/restore"):
        assert (await bob.post(path, {})).status_code == 404
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    for path in (versions, f"{versions}/position:1"):
        assert (await bob.get(path)).status_code == 200
    for path in (versions, f"{versions}/position:1/restore"):
        assert (await bob.post(path, {})).status_code == 403
    assert await read_now(services, ann, page["document"]) == "a"


async def test_D8_what_does_not_exist_is_not_found(ann: Api, workspace: str, versions: str):
    (other,) = [await ann.made(f"{workspace}/pages", {"title": "Other"})]
    elsewhere = await ann.made(f"/v1/documents/{other['document']}/versions", {})
    unknown = "018f0000-0000-7000-8000-000000000000"
    for version in (elsewhere["id"], unknown):
        assert (await ann.get(f"{versions}/{version}")).status_code == 404
        assert (await ann.post(f"{versions}/{version}/restore", {})).status_code == 404
    assert (await ann.get(f"/v1/documents/page:{unknown}/versions")).status_code == 404
    assert (await ann.get(f"/v1/documents/inbox:{unknown}/versions")).status_code == 404


@pytest.mark.parametrize(
    "version", ["position:-1", "position:", "position:x", "latest", "position:" + "9" * 16]
)
async def test_a_version_has_one_of_two_forms(ann: Api, versions: str, version: str):
    refused = await ann.get(f"{versions}/{version}")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_id")
    assert refused.json()["errors"][0]["path"] == "path.version"


@pytest.mark.parametrize("name", ["page", "page:x", "room:018f0000-0000-7000-8000-000000000000"])
async def test_a_document_has_a_name(ann: Api, name: str):
    assert (await ann.get(f"/v1/documents/{name}/versions")).status_code == 400


async def test_D8_a_repeated_restore_is_done_once(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    key = {"Idempotency-Key": "k"}
    await type_text(services, ann, page["document"], "a")
    await type_text(services, ann, page["document"], "b")
    first = await ann.post(f"{versions}/position:1/restore", {}, headers=key)
    await type_text(services, ann, page["document"], "c")
    again = await ann.post(f"{versions}/position:1/restore", {}, headers=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await read_now(services, ann, page["document"]) == "ac"
    other = await ann.post(f"{versions}/position:2/restore", {}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    bad = await ann.post(f"{versions}/position:2/restore", {}, headers={"Idempotency-Key": ""})
    assert bad.status_code == 400


async def test_D8_a_refused_restore_gives_its_key_back(
    ann: Api, services: Services, page: dict[str, Any], versions: str
):
    key = {"Idempotency-Key": "k"}
    assert (await ann.post(f"{versions}/position:1/restore", {}, headers=key)).status_code == 404
    await type_text(services, ann, page["document"], "a")
    assert (await ann.post(f"{versions}/position:1/restore", {}, headers=key)).status_code == 200


async def test_D8_two_restores_with_one_key_do_not_run_side_by_side(
    ann: Api, services: Services, page: dict[str, Any], versions: str, monkeypatch: pytest.MonkeyPatch
):
    key = {"Idempotency-Key": "k"}
    await type_text(services, ann, page["document"], "a")
    begun, go_on = asyncio.Event(), asyncio.Event()
    restore = History.restore

    async def slow(self: History, *arguments: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await restore(self, *arguments)

    monkeypatch.setattr(History, "restore", slow)
    first = asyncio.create_task(ann.post(f"{versions}/position:0/restore", {}, headers=key))
    await begun.wait()
    second = await ann.post(f"{versions}/position:0/restore", {}, headers=key)
    assert (second.status_code, second.json()["code"]) == (409, "request_in_progress")
    go_on.set()
    assert (await first).status_code == 200


@pytest.mark.parametrize(
    ("error", "status"), [(UpdateRefused("No."), 409), (DocumentUnavailable("Later."), 503)]
)
async def test_D8_what_the_core_says_is_told(
    ann: Api, versions: str, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
):
    async def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(History, "restore", refuse)
    refused = await ann.post(f"{versions}/position:0/restore", {})
    assert (refused.status_code, refused.json()["detail"]) == (status, str(error))
