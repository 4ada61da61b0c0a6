"""Every write to a document answers with what proves that it is durable: where the log has it."""

import base64
from typing import Any, NamedTuple

import pycrdt
import pytest

from blocks import channel, comments
from blocks.page import read_blocks
from crdt.waiting import read_state_vector
from server.bootstrap import Services
from server.documents.requests import read_state
from tests.server.api import Api
from tests.server.test_blocks import Json, text_block
from tests.server.test_messages import say

Ids = dict[str, str]


class Write(NamedTuple):
    """A request, with names of what it is about."""

    method: str
    path: str
    body: Json | None = None


WRITES: dict[str, tuple[Write, ...]] = {
    "page": (
        Write("POST", "/v1/pages/{page}/blocks", {"type": "text"}),
        Write("PATCH", "/v1/blocks/{block}", {"position_x": 7}),
        Write("POST", "/v1/blocks/{trashed}/restore"),
        Write("POST", "/v1/blocks/{block}/duplicate"),
        Write("POST", "/v1/blocks/{block}/move", {"page_id": "{page}"}),
        Write("POST", "/v1/suggestions/{suggestion}/accept", {}),
        Write("DELETE", "/v1/blocks/{block}"),
        Write("PUT", "/v1/pages/{page}/markdown", {"markdown": "Else"}),
    ),
    "channel": (
        Write("POST", "/v1/channels/{channel}/messages", {"content": {"text": "Oi"}}),
        Write("PATCH", "/v1/messages/{message}", {"content": {"text": "Oi"}}),
        Write("PUT", "/v1/messages/{message}/reactions/👍"),
        Write("DELETE", "/v1/messages/{message}/reactions/👍"),
        Write("PUT", "/v1/messages/{message}/pin"),
        Write("DELETE", "/v1/messages/{message}/pin"),
        Write("PUT", "/v1/channels/{channel}/read", {"message_id": "{message}"}),
        Write("DELETE", "/v1/messages/{message}"),
    ),
    "comments": (
        Write("POST", "/v1/pages/{page}/comments", {"text": "Why?"}),
        Write("POST", "/v1/comment-threads/{thread}/comments", {"text": "So"}),
        Write("PATCH", "/v1/comments/{comment}", {"text": "Why that?"}),
        Write("POST", "/v1/comment-threads/{thread}/resolve"),
        Write("POST", "/v1/comment-threads/{thread}/reopen"),
        Write("DELETE", "/v1/comments/{comment}"),
    ),
}
"""Of each kind of document all that REST writes, in an order in which each finds something to do."""


@pytest.fixture
async def ids(ann: Api, workspace: str) -> Ids:
    """Something to write to, by name."""
    page, other = [(await ann.made(f"{workspace}/pages", {"title": title}))["id"] for title in ("A", "B")]
    channel_id = (await ann.made(f"{workspace}/channels", {"name": "general"}))["id"]
    block, trashed = [
        (await text_block(ann, f"/v1/pages/{page}/blocks", text))["id"] for text in ("one", "two")
    ]
    await text_block(ann, f"/v1/pages/{page}/blocks", "last")
    await ann.delete(f"/v1/blocks/{trashed}")
    begun = await ann.made(f"/v1/pages/{page}/comments", {"text": "Why?"})
    suggestion = await ann.made(f"/v1/pages/{page}/suggestions", {"markdown": "one more"})
    return {
        "page": page,
        "other": other,
        "block": block,
        "trashed": trashed,
        "channel": channel_id,
        "message": (await say(ann, channel_id, "Hi"))["id"],
        "thread": begun["thread"]["id"],
        "comment": begun["comment"]["id"],
        "suggestion": suggestion["id"],
    }


async def send(person: Api, write: Write, ids: Ids) -> Json:
    body = write.body and {
        name: value.format(**ids) if isinstance(value, str) else value for name, value in write.body.items()
    }
    answer = await person.request(write.method, write.path.format(**ids), json=body)
    assert answer.is_success, answer.text
    return answer.json()


def contents(doc: pycrdt.Doc[Any]) -> list[object]:
    """Return all that people read in a document, of whatever kind it is."""
    return [
        read_blocks(doc),
        channel.read_messages(doc),
        channel.read_reactions(doc),
        channel.read_pins(doc),
        channel.read_marks(doc),
        [comments.read_thread(doc, id_) for id_ in comments.thread_ids(doc)],
        [comments.read_comment(doc, id_) for id_ in comments.comment_ids(doc)],
    ]


async def expect_receipt(services: Services, receipt: Json, document: str, head_before: int) -> None:
    """Expect a receipt of a document that nobody else has written to since it had a head."""
    assert receipt["document"] == document
    position = receipt["position"]
    assert head_before < position == await head_of(services, document)
    before, after = [await services.history.state_at(document, at) for at in (head_before, position)]
    assert read_state(before, contents) != read_state(after, contents), "the log has it there"
    covered = read_state_vector(base64.urlsafe_b64decode(receipt["state_vector"]))
    in_log = read_state_vector(read_state(after, lambda doc: doc.get_state()))
    assert covered.items() > in_log.items()
    assert len(covered) == len(in_log) + 1, "beside the log, the marker of the epoch"


async def head_of(services: Services, document: str) -> int:
    _, head = await services.update_log.extent(document)
    return head


@pytest.mark.parametrize("kind", WRITES)
async def test_each_write_answers_with_where_the_log_has_it(
    services: Services, ann: Api, ids: Ids, kind: str
):
    document = f"{kind}:{ids['page' if kind == 'comments' else kind]}"
    for write in WRITES[kind]:
        head = await head_of(services, document)
        answer = await send(ann, write, ids)
        # A read mark has nothing else to say.
        await expect_receipt(services, answer.get("receipt", answer), document, head)


async def test_a_move_answers_with_where_both_logs_have_it(services: Services, ann: Api, ids: Ids):
    page, other = f"page:{ids['page']}", f"page:{ids['other']}"
    heads = [await head_of(services, document) for document in (page, other)]
    move = Write("POST", "/v1/blocks/{block}/move", {"page_id": "{other}"})
    moved = await send(ann, move, ids)
    await expect_receipt(services, moved["source_receipt"], page, heads[0])
    await expect_receipt(services, moved["receipt"], other, heads[1])
    stayed = await send(ann, move, ids)
    assert (stayed["receipt"]["document"], stayed["source_receipt"]) == (other, None)
