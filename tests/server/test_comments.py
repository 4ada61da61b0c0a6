"""Comments on pages by REST: the same as by the document, kept up with what becomes of the page."""

from typing import Any
from uuid import uuid4

import pytest

from blocks import comments
from blocks.comments import MAX_TEXT_CHARACTERS
from server.bootstrap import Services
from tests.server.api import Api
from tests.server.test_blocks import Json, rich, text_block
from tests.server.test_messages import me
from tests.server.test_notifications import told
from tests.server.test_versions import open_as

LINE = "The launch is on Monday 🎉, they say."


@pytest.fixture
async def page(ann: Api, workspace: str) -> str:
    """The id of a page of Ann's."""
    return (await ann.made(f"{workspace}/pages", {"title": "Plan"}))["id"]


@pytest.fixture
async def block(ann: Api, page: str) -> str:
    """The id of a block with a text."""
    return (await text_block(ann, f"/v1/pages/{page}/blocks", "First line", LINE))["id"]


@pytest.fixture
async def member(ann: Api, bob: Api, workspace: str) -> Api:
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    return bob


async def granted(ann: Api, page: str, person: Api, level: str) -> Api:
    """Return somebody who has nothing but a right on the page."""
    await ann.made(f"/v1/pages/{page}/grants", {"email": person.user["email"], "level": level})
    return person


async def begin(person: Api, page: str, text: str = "Really?", **more: Any) -> Json:
    return await person.made(f"/v1/pages/{page}/comments", {"text": text, **more})


async def threads(person: Api, page: str, **query: Any) -> list[Json]:
    answer = await person.get(f"/v1/pages/{page}/comments", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def refused(person: Api, page: str, **body: Any) -> tuple[int, str, str]:
    """Return the status, the code and the field of a refusal."""
    answer = await person.post(f"/v1/pages/{page}/comments", {"text": "x", **body})
    problem = answer.json()
    return answer.status_code, problem["code"], problem["errors"][0]["path"] if problem["errors"] else ""


async def test_a_thread_is_begun_answered_resolved_and_reopened(ann: Api, member: Api, page: str):
    begun = await begin(ann, page)
    thread, receipt = begun["thread"], begun["receipt"]
    assert (thread["created_by"], thread["block_id"], thread["is_orphaned"]) == (me(ann), None, False)
    assert (receipt["document"], receipt["position"]) == (f"comments:{page}", 1)
    path = f"/v1/comment-threads/{thread['id']}"
    answered = await member.made(f"{path}/comments", {"text": "Yes"})
    assert answered["comment"]["author_id"] == me(member)

    (seen,) = await threads(member, page)
    assert [comment["text"] for comment in seen["comments"]] == ["Really?", "Yes"]
    assert seen["comment_count"] == 2
    assert (await ann.get(path)).json() == seen
    listed = (await ann.get(f"{path}/comments", params={"limit": 1})).json()
    rest = (await ann.get(f"{path}/comments", params={"cursor": listed["next_cursor"]})).json()
    assert listed["items"] + rest["items"] == seen["comments"]

    resolved = (await member.post(f"{path}/resolve")).json()["thread"]
    assert (resolved["resolved_by"], resolved["resolved_at"] is not None) == (me(member), True)
    assert (await ann.post(f"{path}/resolve")).json()["thread"] == resolved, "it stays so by who did it"
    assert [one["id"] for one in await threads(ann, page, is_resolved="true")] == [thread["id"]]
    assert await threads(ann, page, is_resolved="false") == []
    assert (await ann.post(f"{path}/reopen")).json()["thread"] == thread
    assert [one["id"] for one in await threads(ann, page, is_resolved="false")] == [thread["id"]]


async def test_one_edits_and_deletes_ones_own(ann: Api, member: Api, page: str):
    comment = (await begin(member, page))["comment"]
    path = f"/v1/comments/{comment['id']}"
    edited = (await member.patch(path, {"text": "Honestly?"})).json()["comment"]
    assert (edited["text"], edited["edited_at"] is not None) == ("Honestly?", True)
    # Ann manages the page: she deletes, and puts words into nobody's mouth.
    answer = await ann.patch(path, {"text": "Forged"})
    assert (answer.status_code, answer.json()["code"]) == (409, "rule_violated")
    deleted = await ann.delete(path)
    assert (deleted.json()["comment"]["deleted"], deleted.json()["comment"]["text"]) == (True, "")
    assert await threads(ann, page) == [], "nothing is left of the thread"
    assert (await member.patch(path, {"text": "Back"})).json()["comment"]["deleted"] is True


async def test_the_right_to_comment_is_enough_and_reading_is_not(ann: Api, bob: Api, api: Api, page: str):
    thread = (await begin(ann, page))["thread"]["id"]
    await granted(ann, page, bob, "comment")
    own = (await begin(bob, page, "Mine"))["comment"]["id"]
    assert (await bob.patch(f"/v1/comments/{own}", {"text": "Better"})).status_code == 200
    assert (await bob.post(f"/v1/comment-threads/{thread}/resolve")).status_code == 200
    assert (await bob.post(f"/v1/pages/{page}/blocks", {"type": "text"})).status_code == 403
    others = (await threads(ann, page))[-1]["comments"][0]["id"]
    assert (await bob.delete(f"/v1/comments/{others}")).json()["code"] == "rule_violated"

    reader = await granted(ann, page, await api.sign_up("eve"), "read")
    assert len(await threads(reader, page)) == 2
    for path, body in (
        (f"/v1/pages/{page}/comments", {"text": "x"}),
        (f"/v1/comment-threads/{thread}/comments", {"text": "x"}),
        (f"/v1/comment-threads/{thread}/reopen", None),
    ):
        assert (await reader.post(path, body)).status_code == 403
    assert (await reader.delete(f"/v1/comments/{own}")).status_code == 403
    outsider = await api.sign_up("out")
    assert (await outsider.get(f"/v1/pages/{page}/comments")).status_code == 404
    assert (await outsider.get(f"/v1/comment-threads/{thread}")).status_code == 404
    assert (await outsider.delete(f"/v1/comments/{own}")).status_code == 404


async def test_a_range_follows_its_text_until_that_is_gone(
    services: Services, ann: Api, page: str, block: str
):
    quoted = (await begin(ann, page, block_id=block, quote="Monday 🎉"))["thread"]
    assert quoted["range"] == {"start": 28, "end": 36, "text": "Monday 🎉"}
    counted = (await begin(ann, page, block_id=block, start=0, end=5))["thread"]
    assert (counted["range"]["text"], counted["quote"]) == ("First", "First")
    whole = (await begin(ann, page, block_id=block))["thread"]
    assert (whole["range"], whole["quote"], whole["block_id"]) == (None, None, block)

    async def change(*lines: str) -> None:
        content = {"doc": rich(*lines)}
        assert (await ann.patch(f"/v1/blocks/{block}", {"content": content})).status_code == 200

    async def shown() -> dict[str, Any]:
        return {one["id"]: one for one in await threads(ann, page, block_id=block)}

    await change("First and foremost line", LINE.replace("Monday", "Easter Monday"))
    there = await shown()
    assert there[quoted["id"]]["range"] == {"start": 48, "end": 56, "text": "Monday 🎉"}
    assert there[counted["id"]]["range"]["text"] == "First"
    await change("First and foremost line", "Nothing is sure.")
    there = await shown()
    assert (there[quoted["id"]]["range"], there[quoted["id"]]["is_orphaned"]) == (None, True)
    assert there[quoted["id"]]["quote"] == "Monday 🎉"
    assert there[whole["id"]]["is_orphaned"] is False

    await ann.delete(f"/v1/blocks/{block}")
    assert all(one["is_orphaned"] and one["range"] is None for one in (await shown()).values())
    await ann.post(f"/v1/blocks/{block}/restore")
    there = await shown()
    assert [there[one["id"]]["is_orphaned"] for one in (counted, whole)] == [False, False]


async def test_bad_input_is_told_and_loses_nothing(ann: Api, page: str, block: str):
    assert await refused(ann, page, block_id=str(uuid4())) == (422, "invalid_reference", "body.block_id")
    assert await refused(ann, page, quote="First") == (422, "invalid_reference", "body.block_id")
    in_block = {"block_id": block}
    assert (await refused(ann, page, **in_block, quote="no such words"))[1:] == (
        "quote_not_found",
        "body.quote",
    )
    assert (await refused(ann, page, **in_block, quote="First", occurrence=2))[1] == "quote_not_found"
    assert (await refused(ann, page, **in_block, start=0, end=10_000))[1:] == (
        "invalid_reference",
        "body.end",
    )
    assert (await refused(ann, page, **in_block, start=3, end=3))[1] == "invalid_reference"
    assert (await refused(ann, page, **in_block, start=3))[1] == "invalid_reference"
    assert (await refused(ann, page, **in_block, start=10, end=11))[1:] == ("invalid_reference", "body.start")
    assert (await refused(ann, page, **in_block, start=0, end=5, quote="Last"))[1] == "quote_not_found"
    for text in ("", "  \n", "a\0b", "x" * (MAX_TEXT_CHARACTERS - 1) + "yy"):
        assert (await ann.post(f"/v1/pages/{page}/comments", {"text": text})).status_code in (413, 422)
    assert await threads(ann, page) == []
    hostile = "<script>alert(1)</script> [x](javascript:alert(1))"
    assert (await begin(ann, page, hostile))["comment"]["text"] == hostile, "text is text"
    await ann.delete(f"/v1/pages/{page}")
    assert await refused(ann, page) == (409, "page_trashed", "")
    assert len(await threads(ann, page)) == 1


async def test_the_document_and_rest_are_the_same(services: Services, ann: Api, bob: Api, page: str):
    await granted(ann, page, bob, "comment")
    thread = (await begin(ann, page))["thread"]["id"]
    comment_id = str(services.database.new_id())
    async with open_as(services, bob, f"comments:{page}") as replica:
        assert comments.read_thread(replica.doc, thread) is not None
        comments.add_comment(
            replica.doc,
            comment_id,
            thread,
            "Live",
            author_id=me(bob),
            author_type="user",
            created_at=services.clock().isoformat(),
        )
        await replica.saved()
        assert len((await threads(ann, page))[0]["comments"]) == 2
        answered = await ann.patch(f"/v1/comments/{comment_id}", {"text": "Forged"})
        assert answered.json()["code"] == "rule_violated"
        assert (await bob.patch(f"/v1/comments/{comment_id}", {"text": "Edited"})).status_code == 200
        while (found := comments.read_comment(replica.doc, comment_id)) is None or found.text != "Edited":
            await replica.synced()
    assert [one["text"] for one in (await threads(ann, page))[0]["comments"]] == ["Really?", "Edited"]


async def test_of_two_comments_with_one_id_nobody_guesses_which_is_meant(
    services: Services, ann: Api, member: Api, api: Api, workspace: str, page: str
):
    begun = await begin(ann, page, "Here")
    thread, comment = begun["thread"]["id"], begun["comment"]["id"]
    other = (await member.made(f"{workspace}/pages", {"title": "Another"}))["id"]
    await begin(member, other, "Something else")
    said = {"created_at": services.clock().isoformat()}
    async with open_as(services, member, f"comments:{other}") as replica:
        comments.begin_thread(replica.doc, thread, comments.Anchor(), created_by=me(member), **said)
        comments.add_comment(
            replica.doc, comment, thread, "There", author_id=me(member), author_type="user", **said
        )
        await replica.saved()
    assert thread in [one["id"] for one in await threads(ann, other)]
    requests: list[tuple[str, str, Json | None]] = [
        ("GET", f"/v1/comment-threads/{thread}", None),
        ("GET", f"/v1/comment-threads/{thread}/comments", None),
        ("POST", f"/v1/comment-threads/{thread}/comments", {"text": "secret"}),
        ("POST", f"/v1/comment-threads/{thread}/resolve", None),
        ("POST", f"/v1/comment-threads/{thread}/reopen", None),
        ("PATCH", f"/v1/comments/{comment}", {"text": "secret"}),
        ("DELETE", f"/v1/comments/{comment}", None),
    ]
    for method, path, body in requests:
        answer = await ann.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_comment")
        assert "page_id" in answer.json()["detail"]
    edited = await ann.patch(f"/v1/comments/{comment}?page_id={page}", {"text": "Still here"})
    assert edited.json()["comment"]["text"] == "Still here"
    found = await ann.get(f"/v1/comment-threads/{thread}", params={"page_id": other})
    assert [one["text"] for one in found.json()["comments"]] == ["There"]
    reader = await granted(ann, page, await api.sign_up("eve"), "read")
    found = await reader.get(f"/v1/comment-threads/{thread}")
    assert [one["text"] for one in found.json()["comments"]] == ["Still here"], "she sees no other"


async def test_mentions_and_answers_are_told(ann: Api, member: Api, workspace: str, page: str):
    mention = f"@[Bob]({me(member)}) look"
    begun = await begin(ann, page, mention)
    found, _ = await told(member, 2)  # the first one is that they are a member
    assert (found["kind"], found["subject"]) == ("mention", f"page:{page}")
    ids = {"thread_id": begun["thread"]["id"], "comment_id": begun["comment"]["id"]}
    assert found["details"] == ids
    path = f"/v1/comment-threads/{begun['thread']['id']}"
    await member.made(f"{path}/comments", {"text": "Seen"})
    (reply,) = await told(ann)
    assert (reply["kind"], reply["actor"]) == ("reply", me(member))
    await member.post(f"{path}/resolve")
    await ann.post(f"{path}/reopen")
    await ann.delete(f"/v1/comments/{begun['comment']['id']}")
    await threads(ann, page)
    events = (await ann.get(f"{workspace}/events", params={"type": "comment.*"})).json()["items"]
    assert [(one["type"], one["actor"]) for one in events[:2]] == [
        ("comment.created", me(ann)),
        ("comment.created", me(member)),
    ]
    assert {one["type"] for one in events[2:]} <= {"comment.resolved", "comment.reopened", "comment.deleted"}
    assert all(one["subject"] == f"page:{page}" for one in events)
    assert events[0]["payload"]["mentions"] == [{"kind": "user", "id": member.user["id"]}]


async def test_comments_are_found_by_who_sees_the_page(ann: Api, member: Api, workspace: str, page: str):
    comment = (await begin(ann, page, "A rhinoceros in the room"))["comment"]
    await threads(ann, page)

    async def found(person: Api) -> list[Json]:
        answer = await person.get(f"{workspace}/search", params={"q": "type:comment rhinoceros"})
        return answer.json()["items"]

    (hit,) = await found(member)
    assert (hit["id"], hit["page_id"], hit["title"]) == (comment["id"], page, "Plan")
    assert (await ann.patch(f"/v1/pages/{page}/access", {"mode": "restricted"})).status_code < 300
    assert await found(member) == []
    await ann.delete(f"/v1/comments/{comment['id']}")
    await threads(ann, page)
    assert await found(ann) == []


async def test_who_may_not_see_the_page_does_not_open_its_comments(
    services: Services, ann: Api, bob: Api, api: Api, page: str
):
    name = f"comments:{page}"
    link = await ann.made(f"/v1/pages/{page}/share-links", {"level": "read"})
    visit = await api.post("/v1/share-links/open", {"token": link["token"]})
    for token, right in ((bob.token, "none"), (visit.json()["access_token"], "none"), (ann.token, "manage")):
        assert token is not None
        admitted = await services.access.admit(token, name)
        assert admitted is not None
        assert admitted[1] == right
    link = await ann.made(f"/v1/pages/{page}/share-links", {"level": "comment"})
    visit = await api.post("/v1/share-links/open", {"token": link["token"]})
    admitted = await services.access.admit(visit.json()["access_token"], name)
    assert admitted is not None
    assert admitted[1] == "write"
    nowhere = await services.access.admit(ann.token or "", f"comments:{uuid4()}")
    assert nowhere is not None
    assert nowhere[1] == "none"
