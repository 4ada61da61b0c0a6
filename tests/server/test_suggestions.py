"""Suggestions: branches of pages that follow them, and are decided whole or hunk by hunk."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from blocks.page import blocks_of, read_blocks
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal, PrincipalId
from crdt.protocol import encode_bytes
from crdt.waiting import read_state_vector
from server import holding
from server.bootstrap import Services
from storage.models import Lease, Suggestion
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_blocks import Json, join, lines_of, rich, text_block
from tests.server.test_versions import open_as
from tests.waiting import until


@pytest.fixture
async def page(ann: Api, bob: Api, workspace: str) -> Json:
    await join(ann, workspace, bob)
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
async def block(ann: Api, page: Json) -> str:
    """A block with three paragraphs."""
    made = await text_block(ann, f"/v1/pages/{page['id']}/blocks", "one two", "three four", "five six")
    return made["id"]


def path_of(suggestion: Json) -> str:
    return f"/v1/suggestions/{suggestion['id']}"


async def suggest(person: Api, page: Json, markdown: str | None = None, **more: Any) -> Json:
    body = {"markdown": markdown} if markdown is not None else {}
    return await person.made(f"/v1/pages/{page['id']}/suggestions", {**body, **more})


async def differences(person: Api, suggestion: Json) -> list[Json]:
    answer = await person.get(f"{path_of(suggestion)}/differences")
    assert answer.status_code == 200, answer.text
    return answer.json()["hunks"]


async def decide(person: Api, suggestion: Json, verdict: str, *hunks: str) -> Json:
    answer = await person.post(f"{path_of(suggestion)}/{verdict}", {"hunks": hunks} if hunks else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def texts(services: Services, person: Api, document: str) -> list[str]:
    async with open_as(services, person, document) as replica:
        return [block.text for block in read_blocks(replica.doc)]


async def test_a_caller_suggests_markdown_and_it_is_merged_with_what_came_since(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page, "one **2** two\n\nthree four\n\nfive seven", note="Numbers")
    assert (made["status"], made["note"], made["created_by"]) == ("open", "Numbers", f"user:{bob.user['id']}")
    hunks = await differences(ann, made)
    assert [hunk["kind"] for hunk in hunks] == ["text_changed", "text_changed"]
    assert hunks[1]["segments"] == [
        {"operation": "keep", "text": "five "},
        {"operation": "delete", "text": "six"},
        {"operation": "insert", "text": "seven"},
    ]
    change = {"content": {"doc": rich("one two", "three and four", "five six")}}
    assert (await ann.patch(f"/v1/blocks/{block}", change)).status_code == 200
    assert [hunk["id"] for hunk in await differences(ann, made)] == [hunk["id"] for hunk in hunks]
    decided = await decide(ann, made, "accept")
    assert (decided["suggestion"]["status"], decided["left"]) == ("accepted", 0)
    assert decided["receipt"]["document"] == page["document"]
    lines = await lines_of(services, ann, page["document"], block)
    assert lines == ["one 2 two", "three and four", "five seven"]
    again = await decide(ann, made, "accept")
    assert (again["receipt"]["position"], again["suggestion"]) == (None, decided["suggestion"])


async def test_the_log_says_who_accepted_and_the_client_ids_who_wrote(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page, "one two\n\nthree four\n\nmore")
    await decide(ann, made, "accept")
    listed = (await ann.get(f"/v1/documents/{page['document']}/versions")).json()["items"]
    assert listed[0]["authors"] == [f"user:{ann.user['id']}"]
    async with services.database.read() as uow:
        bound = {principal for _, principal, _ in await uow.client_ids.of(page["document"])}
    assert bound == {f"user:{ann.user['id']}", f"user:{bob.user['id']}"}


async def test_nobody_writes_a_page_through_a_branch_under_the_client_id_of_another(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page)
    async with join_under(services, ann, page["document"], 77) as replica:
        blocks_of(replica.doc)[block]["position_x"] = 7
        await replica.saved()
        written = read_state_vector(replica.doc.get_state())[77]
    assert await differences(ann, made) == []
    async with join_under(services, bob, made["document"], 77) as replica:
        blocks_of(replica.doc)[block]["position_x"] = 8
        await replica.saved()
    assert (await decide(ann, made, "accept"))["suggestion"]["status"] == "accepted"
    async with open_as(services, ann, page["document"]) as replica:
        assert blocks_of(replica.doc)[block]["position_x"] == 8
        assert read_state_vector(replica.doc.get_state())[77] == written


def join_under(
    services: Services, person: Api, document: str, client_id: int
) -> AbstractAsyncContextManager[Replica]:
    principal = Principal(id=PrincipalId(f"user:{person.user['id']}"), name=person.user["name"])
    return services.hub.join(DocumentName(document), principal, client_id=client_id)


async def test_hunks_are_accepted_and_rejected_one_by_one(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(
        bob,
        page,
        "one very two\n\nthree\n\nfive six\n\nseven",
        blocks=[{"type": "image", "content": {"url": "https://x.example/a.png"}}],
    )
    hunks = await differences(ann, made)
    kinds = [hunk["kind"] for hunk in hunks]
    assert kinds == ["text_changed", "text_changed", "text_changed", "block_added"]
    very, four, seven, image = (hunk["id"] for hunk in hunks)
    accepted = await decide(ann, made, "accept", very, image)
    assert (accepted["decided"], accepted["missing"], accepted["left"]) == ([very, image], [], 2)
    assert accepted["suggestion"]["status"] == "open"
    lines = await lines_of(services, ann, page["document"], block)
    assert lines == ["one very two", "three four", "five six"]
    assert [hunk["id"] for hunk in await differences(ann, made)] == [four, seven]
    again = await decide(ann, made, "accept", very)
    assert (again["decided"], again["missing"], again["receipt"]["position"]) == ([], [very], None)
    rejected = await decide(ann, made, "reject", four)
    assert (rejected["receipt"]["document"], rejected["left"]) == (made["document"], 1)
    assert await lines_of(services, ann, made["document"], block) == [
        "one very two",
        "three four",
        "five six",
        "seven",
    ]
    last = await decide(ann, made, "accept")
    assert (last["decided"], last["suggestion"]["status"]) == ([seven], "accepted")
    assert await texts(services, ann, page["document"]) == await texts(services, ann, made["document"])


async def test_a_branch_follows_its_page_while_somebody_has_it_open(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page)
    async with open_as(services, bob, made["document"]) as replica:
        change = {"content": {"doc": rich("one two", "three", "five six")}}
        await ann.patch(f"/v1/blocks/{block}", change)
        await text_block(ann, f"/v1/pages/{page['id']}/blocks", "a new block")
        wanted = ["one two\nthree\nfive six", "a new block"]

        async def is_there() -> bool:
            return [shown.text for shown in read_blocks(replica.doc)] == wanted

        await until(is_there)
    assert await differences(ann, made) == []


async def test_a_branch_that_cannot_follow_holds_up_no_other(
    ann: Api, services: Services, page: Json, monkeypatch: pytest.MonkeyPatch
):
    follow, asked = services.suggestions.follow, list[UUID]()

    async def fail_first(suggestion_id: UUID) -> None:
        asked.append(suggestion_id)
        if suggestion_id == asked[0]:
            raise RuntimeError("this branch is broken")
        await follow(suggestion_id)

    made = [await suggest(ann, page), await suggest(ann, page)]
    async with (
        open_as(services, ann, made[0]["document"]) as one,
        open_as(services, ann, made[1]["document"]) as other,
        asyncio.timeout(20),
    ):
        monkeypatch.setattr(services.suggestions, "follow", fail_first)
        await text_block(ann, f"/v1/pages/{page['id']}/blocks", "a new block")
        await until(lambda: any([*read_blocks(replica.doc)] for replica in (one, other)))


async def test_only_the_author_and_writers_of_the_page_write_a_branch(
    ann: Api, bob: Api, api: Api, services: Services, page: Json
):
    eve, guest = await api.sign_up("eve"), await api.sign_up("gus")
    await join(ann, f"/v1/workspaces/{page['workspace_id']}", guest, "guest")
    grant = {"email": guest.user["email"], "level": "comment"}
    made = await suggest(bob, page)
    seen = [await right(services, person, made["document"]) for person in (ann, bob, guest, eve)]
    assert seen == ["write", "write", "read", "none"]
    assert (await guest.post(f"/v1/pages/{page['id']}/suggestions", {})).status_code == 403
    await ann.made(f"/v1/pages/{page['id']}/grants", grant)
    theirs = await suggest(guest, page)
    assert await right(services, guest, theirs["document"]) == "write"
    assert await right(services, guest, made["document"]) == "read"
    assert (await guest.delete(path_of(made))).status_code == 403
    assert (await guest.post(f"{path_of(theirs)}/accept", {})).status_code == 403
    withdrawn = (await guest.delete(path_of(theirs))).json()
    assert (withdrawn["status"], withdrawn["decided_by"]) == ("withdrawn", f"user:{guest.user['id']}")
    assert await right(services, guest, theirs["document"]) == "read"
    assert (await eve.get(path_of(made))).status_code == 404


async def right(services: Services, person: Api, document: str) -> str:
    assert person.token is not None
    found = await services.access.admit(person.token, document)
    assert found is not None
    return found[1]


async def test_what_has_ended_stays_as_it_ended(ann: Api, bob: Api, page: Json, block: str):
    made = await suggest(bob, page, "other")
    assert (await decide(ann, made, "reject"))["suggestion"]["status"] == "rejected"
    for verdict in ("accept", "accept", "reject"):
        answer = await ann.post(f"{path_of(made)}/{verdict}", {})
        assert answer.status_code == (200 if verdict == "reject" else 409)
    refused = await bob.delete(path_of(made))
    assert (refused.status_code, refused.json()["code"]) == (409, "suggestion_closed")
    listed = (await ann.get(f"/v1/pages/{page['id']}/suggestions")).json()["items"]
    assert [item["status"] for item in listed] == ["rejected"]
    answer = await ann.get(f"/v1/pages/{page['id']}/suggestions", params={"status": "open"})
    assert answer.json()["items"] == []
    assert [hunk["kind"] for hunk in await differences(ann, made)] != []


async def test_two_who_accept_at_once_accept_once(
    ann: Api, bob: Api, services: Services, page: Json, block: str, workspace: str
):
    made = await suggest(bob, page, "one two\n\nthree four\n\nfive six\n\nseven")
    (hunk,) = await differences(ann, made)
    both = await asyncio.gather(*(decide(who, made, "accept", hunk["id"]) for who in (ann, bob)))
    assert sorted(len(one["decided"]) for one in both) == [0, 1]
    assert (await lines_of(services, ann, page["document"], block))[3:] == ["seven"]
    whole = await suggest(bob, page, "one two\n\nthree four\n\nfive six\n\nseven\n\neight")
    await asyncio.gather(*(decide(who, whole, "accept") for who in (ann, bob, ann)))
    assert (await lines_of(services, ann, page["document"], block))[3:] == ["seven", "eight"]
    events = (await ann.get(f"{workspace}/events", params={"type": "suggestion.*"})).json()["items"]
    assert [event["type"].partition(".")[2] for event in events] == ["created", "accepted"] * 2


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("is_renewed", [True, False])
async def test_a_decision_that_takes_longer_than_its_lease_is_made_once(
    ann: Api,
    bob: Api,
    services: Services,
    page: Json,
    block: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_renewed: bool,
    is_whole: bool,
):
    made = await suggest(bob, page, "one two\n\nthree four\n\nfive six\n\nseven")
    (hunk,) = await differences(ann, made)
    body = {} if is_whole else {"hunks": [hunk["id"]]}
    run, is_slow, may_go_on = services.offload.run, asyncio.Event(), asyncio.Event()

    async def run_slowly(*args: Any) -> Any:
        found = await run(*args)
        if not is_slow.is_set():
            is_slow.set()
            await may_go_on.wait()
        return found

    async def is_held_anew() -> bool:
        async with services.database.read() as uow:
            ends_at = await uow.session.scalar(select(Lease.expires_at).where(Lease.name == made["document"]))
        return ends_at is not None and ends_at >= clock() + timedelta(seconds=0.3)

    monkeypatch.setattr(holding, "LEASE", timedelta(seconds=0.3 if is_renewed else 30))
    monkeypatch.setattr(services.offload, "run", run_slowly)
    first = asyncio.create_task(ann.post(f"{path_of(made)}/accept", body))
    await is_slow.wait()
    if is_renewed:
        for _ in range(3):
            clock.forward(seconds=0.29)
            await until(is_held_anew)
    else:
        clock.forward(seconds=31)  # while this process was suspended
    second = asyncio.create_task(bob.post(f"{path_of(made)}/accept", body))
    # That it waits is told by nothing but that it goes on to.
    await asyncio.wait([second], timeout=0.5 if is_renewed else None)
    assert second.done() != is_renewed
    may_go_on.set()
    answers = [await first, await second]
    assert [answer.status_code for answer in answers] == ([200, 200] if is_renewed else [409, 200])
    assert answers[0].json().get("code") == (None if is_renewed else "busy")
    assert (await lines_of(services, ann, page["document"], block))[3:] == ["seven"]


async def test_a_decision_that_was_cut_off_is_ended_by_asking_again(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page, "one two\n\nthree four\n\nfive six\n\nseven")
    async with open_as(services, bob, made["document"]) as replica:
        update = replica.doc.get_update()
    async with open_as(services, ann, page["document"]) as replica:
        replica.doc.apply_update(update)  # the process ended here
        await replica.saved()
    assert await differences(ann, made) == []
    decided = await decide(ann, made, "accept")
    assert (decided["decided"], decided["suggestion"]["status"]) == ([], "accepted")
    assert (await lines_of(services, ann, page["document"], block))[3:] == ["seven"]


async def test_a_base_lets_old_markdown_be_suggested_against_what_it_was_made_of(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    seen = (await bob.get(f"/v1/pages/{page['id']}/markdown")).json()
    await ann.patch(f"/v1/blocks/{block}", {"content": {"doc": rich("one two", "three new", "five six")}})
    made = await suggest(bob, page, seen["markdown"] + "\n\nseven", base=seen["seen"]["base"])
    (hunk,) = await differences(ann, made)
    assert (hunk["before"], hunk["segments"]) == (None, [{"operation": "insert", "text": "seven"}])


async def test_blocks_are_suggested_changed_and_deleted(ann: Api, bob: Api, page: Json, block: str):
    path = f"/v1/pages/{page['id']}/blocks"
    image = await ann.made(path, {"type": "image", "content": {"url": "https://x.example/a.png"}})
    changes = [{"block_id": image["id"], "content": {"alt": "A cup"}, "after": None}]
    made = await suggest(bob, page, blocks=[*changes, {"block_id": block, "is_deleted": True}])
    hunks = await differences(ann, made)
    assert [(hunk["kind"], hunk["block_id"]) for hunk in hunks] == [
        ("block_moved", image["id"]),
        ("content_changed", image["id"]),
        ("block_removed", block),
    ]
    assert (hunks[1]["path"], hunks[1]["before"], hunks[1]["after"]) == (["alt"], "", "A cup")
    await decide(ann, made, "accept", hunks[1]["id"])
    await decide(ann, made, "accept")
    listed = (await ann.get(path)).json()["items"]
    assert [(item["id"], item["content"]["alt"]) for item in listed] == [(image["id"], "A cup")]
    bad = await bob.post(f"/v1/pages/{page['id']}/suggestions", {"blocks": [{"is_deleted": False}]})
    assert (bad.status_code, bad.json()["errors"][0]["path"]) == (422, "body.blocks")


async def test_a_page_in_the_trash_takes_no_suggestions(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page, "x")
    await ann.delete(f"/v1/pages/{page['id']}")
    assert await right(services, bob, made["document"]) == "read"
    refused = await ann.post(f"{path_of(made)}/accept", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "page_trashed")
    assert (await bob.post(f"/v1/pages/{page['id']}/suggestions", {})).status_code == 409
    assert (await bob.delete(path_of(made))).json()["status"] == "withdrawn"


async def test_a_page_that_has_begun_anew_is_not_merged_with_its_past(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page, "x")
    async with services.database.transaction() as uow:
        await uow.documents.reset(page["document"])
    refused = await ann.post(f"{path_of(made)}/accept", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "page_begun_anew")
    assert (await decide(ann, made, "reject"))["suggestion"]["status"] == "rejected"


async def test_a_page_has_so_many_open_suggestions(
    ann: Api, services: Services, page: Json, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("server.suggestions.MOST_OPEN", 2)
    first = await suggest(ann, page)
    await suggest(ann, page)
    refused = await ann.post(f"/v1/pages/{page['id']}/suggestions", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_suggestions")
    await ann.delete(path_of(first))
    await suggest(ann, page)


async def test_a_branch_follows_a_page_whose_rows_are_pruned(
    ann: Api, bob: Api, services: Services, page: Json, block: str
):
    made = await suggest(bob, page)
    await ann.patch(f"/v1/blocks/{block}", {"content": {"doc": rich("one two")}})
    async with open_as(services, ann, page["document"]) as replica:
        blocks_of(replica.doc)[block]["position_x"] = 7
        await replica.saved()
    name = page["document"]
    _, head = await services.update_log.extent(name)
    state = await services.history.state_at(name, head)
    await services.update_log.save_snapshot(name, head, encode_bytes(state))
    await services.update_log.prune(name, head, limit=100)
    assert await differences(ann, made) == []
    async with services.database.read() as uow:
        found = await uow.session.get(Suggestion, UUID(made["id"]))
        assert found is not None
        assert found.followed_position == head
    assert (await texts(services, ann, made["document"])) == ["one two"]


async def test_the_maker_of_the_page_is_told_of_a_suggestion_and_its_author_of_the_end(
    ann: Api, bob: Api, page: Json, block: str
):
    made = await suggest(bob, page, "x")
    await decide(ann, made, "reject")
    for person, kind in ((ann, "suggestion_made"), (bob, "suggestion_decided")):
        found = await until(partial(_notification, person, kind))
        assert found["subject"] == page["document"]
        assert found["details"]["suggestion_id"] == made["id"]


async def _notification(person: Api, kind: str) -> dict[str, Any] | None:
    items = (await person.get("/v1/notifications")).json()["items"]
    return next((item for item in items if item["kind"] == kind), None)
