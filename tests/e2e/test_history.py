"""People restore an earlier version while others type (D8), with unmodified clients of both wires."""

import asyncio
from itertools import count
from typing import Any

import httpx2
import pytest

from tests.services.ionflux import Person
from tests.services.studio import Studio
from tests.tiptap import document, paragraph, text

pytestmark = pytest.mark.node


async def call(person: Person, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call the API as somebody; return the answer."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with httpx2.AsyncClient(base_url=person.server.url, timeout=30) as http:
        answer = await http.request(method, path, json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json()


async def test_D8_typing_survives_a_restore_and_the_restored_text_is_back_for_both(studio: Studio) -> None:
    bob = await studio.member("Bob")
    versions = f"/v1/documents/{studio.page.name}/versions"
    ann_client, bob_client = await studio.join("hocuspocus"), await studio.join("y-websocket", bob)
    await ann_client.text("t").insert(0, "The first draft. 🙂 ")
    await ann_client.fragment("doc").set(document(paragraph(text("Kept")), paragraph(text("Lost"))))
    await ann_client.map("m").set("colour", "red")
    await ann_client.saved()
    await bob_client.text("t").equals("The first draft. 🙂 ")
    version = await call(studio.owner, "POST", versions, {"name": "First"})

    await bob_client.text("t").delete(4, 12)
    await ann_client.fragment("doc").set(document(paragraph(text("Kept")), paragraph(text("Other"))))
    await bob_client.converged(ann_client)
    await ann_client.map("m").remove("colour")
    await ann_client.saved()  # and with it, in the log's one order, what Bob did before
    seen = (await call(bob, "GET", versions))["items"][0]["position"]

    typed = count()
    restored = asyncio.Event()

    async def keep_typing() -> None:
        after = 0
        while after < 5:
            await bob_client.text("t").insert(0, f"{next(typed)},")
            after += restored.is_set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_typing())
        receipt = await call(studio.owner, "POST", f"{versions}/{version['id']}/restore", {"base": seen})
        restored.set()
    assert receipt["is_exact"]

    words = "".join(f"{number}," for number in reversed(range(next(typed))))
    for client in (ann_client, bob_client):
        await client.text("t").equals(f"{words}The first draft. 🙂 ")
        await client.fragment("doc").equals(document(paragraph(text("Kept")), paragraph(text("Lost"))))
        await client.map("m").equals({"colour": "red"})
    await bob_client.converged(ann_client)
    assert await studio.read_afresh() == f"{words}The first draft. 🙂 "

    # And back again: what was restored is an edit like any other.
    await ann_client.map("m").set("colour", "blue")
    await ann_client.saved()
    await call(bob, "POST", f"{versions}/position:{seen}/restore", {})
    await ann_client.text("t").equals("The  🙂 ")
    await ann_client.map("m").equals({})
    await bob_client.converged(ann_client)


async def test_D8_what_was_restored_outlives_the_process(own_studio: Studio) -> None:
    studio = own_studio
    versions = f"/v1/documents/{studio.page.name}/versions"
    client = await studio.join("hocuspocus")
    await client.text("t").insert(0, "first")
    await client.saved()
    await client.text("t").delete(0, 5)
    await client.text("t").insert(0, "second")
    await client.saved()
    await call(studio.owner, "POST", f"{versions}/position:1/restore", {})
    await studio.server.kill()
    await studio.server.restart()
    await client.text("t").equals("first")
    assert await studio.read_afresh() == "first"
    assert (await studio.server.doctor())[0] == 0


async def test_D8_a_large_document_is_restored_beside_a_person_who_types(studio: Studio) -> None:
    versions = f"/v1/documents/{studio.page.name}/versions"
    client, typist = await studio.join("hocuspocus"), await studio.join("hocuspocus", name="typist")
    words = "lorem ipsum " * 40_000
    await client.text("t").insert(0, words)
    await client.saved()
    await client.text("t").delete(0, len(words))
    await client.saved()
    restoring = asyncio.create_task(call(studio.owner, "POST", f"{versions}/position:1/restore", {"base": 2}))
    while not restoring.done():
        await typist.text("other").insert(0, "x")
        await typist.saved()
    assert (await restoring)["is_exact"]
    await client.text("t").equals(words)
    await client.converged(typist)
