"""Files are found by what they say, by those who may read them; hostile ones do no harm."""

import io
import zipfile
from typing import Any
from uuid import UUID

import pytest

from server.background.file_texts import MOST_TRIES, FileReading
from server.bootstrap import Services
from server.contained import run_contained
from server.files import key_of
from tests.server.api import Api
from tests.server.test_search import found, search
from tests.server.tool_desk import open_desk

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


async def upload(
    api: Api, workspace: str, content: bytes, name: str, document: str | None = None
) -> dict[str, Any]:
    query = {"name": name} | ({"document": document} if document else {})
    headers = {"content-type": "application/octet-stream"}
    answer = await api.request("POST", f"{workspace}/files", content=content, params=query, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def word(*paragraphs: str, before: str = "") -> bytes:
    """Return a Word document as the program writes it, as far as its text goes."""
    texts = "".join(f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>' for text in paragraphs)
    body = f'<?xml version="1.0"?>{before}<w:document xmlns:w="{WORD}"><w:body>{texts}</w:body></w:document>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", body)
    return packed.getvalue()


def pdf(*pages: str) -> bytes:
    """Return a PDF with a line on each page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, line in enumerate(pages):
        stream = f"BT /F1 24 Tf 72 720 Td ({line}) Tj ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    written, places = b"%PDF-1.4\n", list[int]()
    for number, text in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF"
    return written + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode()


TEXTS = {
    "notes.txt": b"The ocelot sleeps",
    "notes.md": b"# Cats\n\nAn **ocelot** hunts",
    "cats.csv": b"name,kind\nOtto,ocelot\n",
    "cats.json": b'{"kind": "ocelot"}',
    "wide.txt": "An ocelot from Windows".encode("utf-16"),
    "page.html": b"<!doctype html><title>T</title><p>An <b>ocelot</b><script>tiger()</script></p>",
    "paper.pdf": pdf("Nothing here", "An ocelot on page two"),
    "letter.docx": word("Dear all,", "the ocelot &amp; friends"),
}


async def test_texts_of_all_kinds_are_found_and_read(ann: Api, services: Services, workspace: str):
    files = {name: await upload(ann, workspace, content, name) for name, content in TEXTS.items()}
    hits = {hit["title"]: hit for hit in await found(ann, workspace, "ocelot", len(TEXTS))}
    assert set(hits) == set(TEXTS)
    letter = hits["letter.docx"]
    assert (letter["kind"], letter["id"]) == ("file", files["letter.docx"]["id"])
    assert "".join(part["text"] for part in letter["snippet"]) == "Dear all,\nthe ocelot & friends\n"
    assert [hit["title"] for hit in await search(ann, workspace, "paper type:file")] == ["paper.pdf"]
    assert await search(ann, workspace, "tiger") == []
    desk = await open_desk(services, ann, workspace)
    assert "An ocelot on page two" in (await desk.call("read_file", file_id=files["paper.pdf"]["id"])).text
    assert "[file " in (await desk.call("search_workspace", query="ocelot type:file")).text

    await ann.delete(f"/v1/files/{files['notes.txt']['id']}")
    assert "notes.txt" not in {hit["title"] for hit in await found(ann, workspace, "ocelot", len(TEXTS) - 1)}


async def test_nobody_finds_what_a_file_says_that_they_may_not_read(
    ann: Api, bob: Api, api: Api, workspace: str
):
    guest = await api.sign_up("guest")
    for email, role in (("bob@example.com", "member"), ("guest@example.com", "guest")):
        await ann.made(f"{workspace}/members", {"email": email, "role": role})
    page = await ann.made(f"{workspace}/pages", {"title": "Open"})
    chat = await ann.made(f"{workspace}/channels", {"name": "secret", "type": "private"})
    for document in (None, page["document"], chat["document"]):
        await upload(ann, workspace, b"an ocelot", f"{(document or 'all').split(':')[0]}.txt", document)
    hits = await found(ann, workspace, "ocelot", 3)
    places = {hit["title"]: (hit["page_id"], hit["channel_id"]) for hit in hits}
    assert places == {
        "all.txt": (None, None),
        "page.txt": (page["id"], None),
        "channel.txt": (None, chat["id"]),
    }

    async def names(who: Api, words: str = "ocelot") -> set[str]:
        return {hit["title"] for hit in await search(who, workspace, words)}

    assert await names(bob) == {"all.txt", "page.txt"}
    assert await names(guest) == {"page.txt"}
    assert await names(bob, f"in:{page['id']} type:file") == {"page.txt"}
    for scopes, expected in (
        (["files:read", "brands:read"], {"all.txt"}),
        (["pages:read"], set[str]()),
        (["files:read", "channels:read"], {"all.txt", "channel.txt"}),
    ):
        key = await ann.made(f"{workspace}/api-keys", {"name": "Robot", "scopes": scopes})
        assert await names(Api(ann.client, ann.description, key["key"])) == expected
    await ann.patch(f"/v1/pages/{page['id']}/access", {"mode": "restricted"})
    assert await names(bob) == {"all.txt"}
    assert await names(guest) == set()


async def test_an_agent_finds_files_within_its_grant(ann: Api, services: Services, workspace: str):
    page = await ann.made(f"{workspace}/pages", {"title": "Open"})
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    for document in (page["document"], other["document"]):
        await upload(ann, workspace, b"an ocelot", f"{document[-6:]}.txt", document)
    await found(ann, workspace, "ocelot", 2)
    desk = await open_desk(services, ann, workspace, {"pages": [page["id"]]})
    said = (await desk.call("search_workspace", query="ocelot")).text
    assert f"{page['document'][-6:]}.txt" in said
    assert f"{other['document'][-6:]}.txt" not in said


async def test_files_are_read_anew_where_that_is_asked_for(ann: Api, services: Services, workspace: str):
    file = await upload(ann, workspace, b"an ocelot", "cat.txt")
    await found(ann, workspace, "ocelot", 1)
    async with services.database.transaction() as uow:
        await uow.search.remove("file", UUID(file["id"]), [file["id"]])
        await uow.file_texts.read_again()
    reading = FileReading(services.database, services.feed, services.text_reading)
    await reading.read_all()
    assert len(await search(ann, workspace, "ocelot")) == 1
    async with services.database.read() as uow:
        assert await uow.file_texts.unread(after=None, limit=10) == []


async def test_a_file_that_is_not_in_the_store_is_found_by_its_name_in_the_end(
    ann: Api, services: Services, workspace: str
):
    file = await upload(ann, workspace, b"an ocelot", "cat.txt")
    await found(ann, workspace, "ocelot", 1)
    await services.files.store.delete(key_of(UUID(workspace.split("/")[-1]), UUID(file["id"])))
    async with services.database.transaction() as uow:
        await uow.file_texts.read_again()
    reading = FileReading(services.database, services.feed, services.text_reading)
    for _ in range(MOST_TRIES):
        await reading.read_all()
    assert await search(ann, workspace, "ocelot") == []
    assert len(await search(ann, workspace, "cat")) == 1


BOMB = '<!DOCTYPE x [<!ENTITY a "ocelot"><!ENTITY b "' + "&a;" * 100 + '">]>'
LOOP = pdf("An ocelot").replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]")
HOSTILE = {
    "entities": ("docx", word("&b;" * 100, before=BOMB)),
    "no zip": ("docx", b"PK\x03\x04" + b"\x00" * 100),
    "no words": ("docx", word("x").replace(b"word/document.xml", b"word/otherthing.x")),
    "half a pdf": ("pdf", pdf("An ocelot")[:60]),
    "pages in a circle": ("pdf", LOOP),
    "deep html": ("html", b"<div>" * 200_000),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_says_nothing_and_harms_nobody(name: str):
    kind, content = HOSTILE[name]
    said = await run_contained("server.text_probe", kind, "1000", data=content, seconds=60)
    assert b"ocelot" not in (said or b"")


async def test_a_text_is_read_as_far_as_it_may_be_long():
    endless = word(*["ocelot " * 1000] * 100)
    said = await run_contained("server.text_probe", "docx", "5000", data=endless, seconds=60)
    assert said is not None
    assert len(said) == 5000


async def test_a_program_that_takes_too_long_is_ended():
    assert await run_contained("http.server", "0", data=b"", seconds=0.1) is None
