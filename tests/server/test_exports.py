"""A workspace in one file, and back: nothing lost, nothing of anybody else's, and nothing half made."""

import asyncio
import hashlib
import json
import os
import stat
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pycrdt
import pytest
from sqlalchemy import select

from agents.catalogue import bring_up_to_date, read_catalogue
from blocks import channel
from blocks.channel_content import Text
from blocks.page import read_blocks
from blocks.page_edits import Stamp, add_block, write_meta
from server.bootstrap import Services
from server.errors import ExportError
from server.exports import archive
from server.exports.exporting import export
from server.exports.folder import file_name, page_paths
from server.exports.importing import import_
from server.exports.renaming import Renaming, derive
from server.settings import Settings
from storage.engine import Database
from storage.files import FileStore
from storage.models import ChatMessage, Model
from storage.workspace_rows import EXPORTED, LEFT_OUT, columns_of, read_document
from tests.server.api import Api
from tests.server.specimens import DEFINITION
from tests.server.test_files import content, picture, upload
from tests.server.test_search import found
from tests.waiting import until

BOLD = {"type": "text", "text": "slowly", "marks": [{"type": "bold"}]}
PARAGRAPH: dict[str, Any] = {
    "type": "paragraph",
    "content": [{"type": "text", "text": "Grow 🌱 "}, BOLD],
}


def said(_line: str) -> None:
    """Hear it and forget it."""


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    return msgspec.structs.replace(settings, database_url=database_url)


@pytest.fixture
def other_settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """Another installation, on SQLite."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "ionflux.db").write_bytes(sqlite_template.read_bytes())
    return Settings(data_dir=folder)


class Studio:
    """A workspace with one of everything, and two members."""

    def __init__(self, services: Services, ann: Api, bob: Api, path: str) -> None:
        self.services = services
        self.ann = ann
        self.bob = bob
        self.path = path
        self.id = UUID(path.rpartition("/")[2])
        self.names: dict[str, Any] = {}

    async def write(self, name: str, edit: Callable[[pycrdt.Doc[Any]], None]) -> None:
        """Write into a live document, as a room would."""
        doc = pycrdt.Doc[Any]()
        for _, snapshot, rows in [await self.services.update_log.load(name)]:
            assert snapshot is None
            for row in rows:
                doc.apply_update(row)
        before = doc.get_state()
        edit(doc)
        await self.services.update_log.append(name, [(doc.get_update(before), f"user:{self.ann.user['id']}")])

    async def state(self, name: str) -> pycrdt.Doc[Any]:
        doc = pycrdt.Doc[Any]()
        _, _, rows = await self.services.update_log.load(name)
        for row in rows:
            doc.apply_update(row)
        return doc


@pytest.fixture
async def studio(services: Services, ann: Api, bob: Api, workspace: str) -> Studio:
    studio = Studio(services, ann, bob, workspace)
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    plan = await ann.made(f"{workspace}/pages", {"title": "Plan: 2027/28"})
    idea = await ann.made(f"{workspace}/pages", {"title": "Idea", "parent_page_id": plan["id"]})
    # A page inside of one that is younger than itself.
    young = await ann.made(f"{workspace}/pages", {"title": "Young"})
    await ann.patch(f"/v1/pages/{plan['id']}", {"parent_page_id": young["id"]})
    gone = await ann.made(f"{workspace}/pages", {"title": "Gone"})
    await ann.delete(f"/v1/pages/{gone['id']}")
    await ann.made(f"/v1/pages/{idea['id']}/grants", {"email": "bob@example.com", "level": "read"})
    board = await ann.made(
        f"{workspace}/channels",
        {"name": "Board", "type": "private", "member_user_ids": [bob.user["id"]]},
    )
    direct = await ann.post(f"{workspace}/direct-messages", {"user_ids": [bob.user["id"]]})
    await ann.made(f"{workspace}/brands", {"name": "Acme", "shopify_access_token": "shpat_secret"})
    await ann.made(f"{workspace}/creators", {"name": "Zoe", "tiktok_access_token": "act_secret"})
    library = await ann.made(f"{workspace}/prompt-libraries", {"name": "Ours"})
    prompt: dict[str, Any] = {"name": "Greeting", "text": "Hello {{name}}", "tags": ["warm"]}
    prompt["variables"] = [{"name": "name", "type": "text"}]
    await ann.made(f"/v1/prompt-libraries/{library['id']}/prompts", prompt)
    agent = await ann.made(f"{workspace}/agents", {"name": "Mail", "agent_definition_id": DEFINITION})
    await ann.made(
        f"{workspace}/playbooks",
        {"name": "Win", "trigger_event_type": "cart", "agent_configuration_id": agent["id"]},
    )
    await ann.made(f"{workspace}/webhooks", {"url": "https://example.com/hook"})
    image = await upload(ann, workspace, picture(), name="a.png", document=f"page:{plan['id']}")
    block, message = str(uuid4()), str(services.database.new_id())
    stamp = Stamp(at="2026-01-01T00:00:00Z", by=f"user:{ann.user['id']}")

    def draw(doc: pycrdt.Doc[Any]) -> None:
        write_meta(doc, title="Plan: 2027/28")
        add_block(doc, block, "text", {"doc": {"type": "doc", "content": [PARAGRAPH]}}, stamp=stamp)
        add_block(doc, str(uuid4()), "image", {"file_id": image["id"], "alt": "A"}, stamp=stamp)

    def talk(doc: pycrdt.Doc[Any]) -> None:
        sender = f"user:{bob.user['id']}"
        channel.post(
            doc, message, Text(text="Hi all"), sender_id=sender, sender_type="user", created_at=stamp.at
        )

    async with services.database.transaction() as uow:
        uow.session.add(
            ChatMessage(
                channel_id=UUID(board["id"]),
                id=UUID("01900000-0000-7000-8000-000000000001"),
                workspace_id=studio.id,
                sender_id=f"user:{bob.user['id']}",
                sender_type="user",
                content_type="text",
                content={"text": "Long ago"},
                created_at=uow.now,
                archived_at=uow.now,
                digest=b"\x00\xff",
            )
        )
    await studio.write(plan["document"], draw)
    await ann.made(f"/v1/pages/{plan['id']}/comments", {"text": "How slowly?", "block_id": block})
    await studio.write(board["document"], talk)
    studio.names = {
        **{"plan": plan, "idea": idea, "young": young, "gone": gone, "board": board, "image": image},
        **{"direct": direct.json(), "block": block, "message": message},
    }
    return studio


@pytest.fixture
async def file(studio: Studio, settings: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "studio.zip"
    await export(settings, studio.id, path, said)
    return path


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def rows(file: Path, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members(file)[f"entities/{table}.jsonl"].splitlines()]


def test_every_table_is_exported_or_left_out_for_a_reason():
    """Whoever adds a table says here whether a workspace's export has it."""
    assert set(EXPORTED) | set(LEFT_OUT) == set(Model.metadata.tables)
    assert not set(EXPORTED) & set(LEFT_OUT)


async def test_an_export_is_for_people_too(studio: Studio, file: Path):
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    found = members(file)
    readable = sorted(name for name in found if name.startswith(("pages/", "channels/")))
    assert readable == [
        "channels/Ann, Bob.jsonl",
        "channels/Board.jsonl",
        "pages/.trash/Gone.md",
        "pages/Young.md",
        "pages/Young/Plan 2027 28.md",
        "pages/Young/Plan 2027 28/Idea.md",
    ]
    page = found["pages/Young/Plan 2027 28.md"].decode()
    assert page.startswith("---\n")
    assert f"id: {studio.names['plan']['id']}\n" in page
    assert "created_by: ann@example.com\n" in page
    assert "# Plan: 2027/28\n" in page
    assert "Grow 🌱 **slowly**\n" in page
    old, message = [json.loads(line) for line in found["channels/Board.jsonl"].splitlines()]
    assert old["content"]["text"] == "Long ago"
    assert (message["content"]["text"], message["sender_id"]) == ("Hi all", f"user:{studio.bob.user['id']}")
    assert [row["name"] for row in rows(file, "brands")] == ["Acme"]


async def test_no_secret_is_in_an_export(studio: Studio, file: Path):
    whole = b"".join(members(file).values())
    for secret in (b"shpat_secret", b"act_secret", b"password_hash", b"secret_hash", b"whsec_", b"argon2"):
        assert secret not in whole
    for table in EXPORTED:
        assert not {name for name in columns_of(table) if "token" in name or "secret" in name}
    people = json.loads(members(file)["manifest.json"])["people"]
    assert {(one["email"], one["role"]) for one in people} == {
        ("ann@example.com", "owner"),
        ("bob@example.com", "admin"),
    }


async def test_beside_the_original_all_ids_are_new_and_lead_to_each_other(
    studio: Studio, file: Path, settings: Settings, services: Services
):
    words = await import_(settings, file, said)
    assert "Its ids were in use" in words
    ann, bob = studio.ann, studio.bob
    (copy,) = [
        one for one in (await ann.get("/v1/workspaces")).json()["items"] if one["id"] != str(studio.id)
    ]
    assert (copy["name"], copy["owner_user_id"]) == ("Ours", ann.user["id"])
    path = f"/v1/workspaces/{copy['id']}"
    assert {one["role"] for one in (await bob.get(f"{path}/members")).json()["items"]} == {"owner", "admin"}
    pages = {page["title"]: page for page in (await ann.get(f"{path}/pages")).json()["items"]}
    assert set(pages) == {"Young", "Plan: 2027/28", "Idea"}
    plan = pages["Plan: 2027/28"]
    assert plan["parent_page_id"] == pages["Young"]["id"]
    assert pages["Idea"]["parent_page_id"] == plan["id"]
    assert plan["id"] != studio.names["plan"]["id"]
    (trashed,) = (await ann.get(f"{path}/trash")).json()["items"]
    assert trashed["title"] == "Gone"

    blocks = {block.type: block for block in read_blocks(await studio.state(plan["document"]))}
    assert blocks["text"].text == "Grow 🌱 slowly"
    assert blocks["text"].id != studio.names["block"]
    assert blocks["text"].created_by == f"user:{ann.user['id']}"

    async def threads() -> list[dict[str, Any]]:
        return (await ann.get(f"/v1/pages/{plan['id']}/comments")).json()["items"]

    (thread,) = await until(threads)
    (comment,) = thread["comments"]
    assert (thread["block_id"], comment["text"]) == (blocks["text"].id, "How slowly?")
    assert comment["author_id"] == f"user:{ann.user['id']}"
    file_id = str(blocks["image"].content["file_id"])
    shown = (await ann.get(f"/v1/files/{file_id}")).json()
    assert (shown["document"], shown["workspace_id"]) == (plan["document"], copy["id"])
    assert (await content(ann, shown)).content == picture()
    assert (await ann.get(f"/v1/files/{file_id}/thumbnail")).status_code == 200

    channels = {one["name"]: one for one in (await bob.get(f"{path}/channels")).json()["items"]}
    (message,) = channel.read_messages(await studio.state(channels["Board"]["document"]))
    assert (message.text, message.sender_id) == ("Hi all", f"user:{bob.user['id']}")
    assert message.id != studio.names["message"]
    async with services.database.read() as uow:
        chosen = select(ChatMessage).where(
            ChatMessage.workspace_id == UUID(copy["id"]), ChatMessage.archived_at.is_not(None)
        )
        (archived,) = (await uow.session.scalars(chosen)).all()
    assert str(archived.channel_id) == channels["Board"]["id"]
    assert (archived.sender_id, archived.digest) == (f"user:{bob.user['id']}", b"\x00\xff")
    for words, kind in {"young": "page", "acme": "brand", "zoe": "creator", "greeting": "prompt"}.items():
        assert [hit["kind"] for hit in await found(ann, path, words, 1)] == [kind], words
    (hit,) = await found(bob, path, '"long ago"', 1)
    assert (hit["kind"], hit["id"], hit["title"]) == ("message", str(archived.id), "Board")
    again = await ann.post(f"{path}/direct-messages", {"user_ids": [bob.user["id"]]})
    assert again.json()["id"] in {one["id"] for one in channels.values()}, "their conversation came along"

    (brand,) = (await ann.get(f"{path}/brands")).json()["items"]
    assert (brand["name"], brand["has_shopify_access_token"]) == ("Acme", False)
    libraries = (await ann.get(f"{path}/prompt-libraries")).json()["items"]
    (ours,) = [one for one in libraries if one["name"] == "Ours"]
    (prompt,) = (await ann.get(f"/v1/prompt-libraries/{ours['id']}/prompts")).json()["items"]
    assert (prompt["text"], prompt["tags"]) == ("Hello {{name}}", ["warm"])
    (agent,) = (await ann.get(f"{path}/agents")).json()["items"]
    (playbook,) = (await ann.get(f"{path}/playbooks")).json()["items"]
    assert playbook["agent_configuration_id"] == agent["id"]
    assert (await ann.get(f"{path}/webhooks")).json()["items"] == []
    async with services.database.read() as uow:
        assert await uow.file_space.used(UUID(copy["id"])) == shown["size"]
    # Nothing of what came is told as if it happened now.
    events = (await ann.get(f"{path}/events")).json()["items"]
    assert [event["type"] for event in events if event["type"] != "page.edited"] == ["workspace.imported"]
    assert events[0]["payload"] == {"exported_from": str(studio.id)}
    # The original is as it was, and an import of an import is one more.
    assert (await ann.get(f"/v1/pages/{studio.names['plan']['id']}")).json()["title"] == "Plan: 2027/28"
    assert "Its ids were in use" in await import_(settings, file, said)


async def test_where_ids_are_free_they_stay_and_members_are_invited(
    studio: Studio, file: Path, other_settings: Settings
):
    async with Database(other_settings.effective_database_url) as database:
        async with database.transaction() as uow:
            user = await uow.users.create("ann@example.com", "Ann", "-")
        await bring_up_to_date(database, read_catalogue())
        words = await import_(other_settings, file, said)
        assert f"is here as {studio.id}" in words
        assert "bob@example.com (invited)" in words
        async with database.read() as uow:
            page = await uow.pages.get(UUID(studio.names["plan"]["id"]))
            assert page is not None
            assert page.created_by_user_id == user.id
            (invitation,) = await uow.invitations.list_open(studio.id, after=None, limit=10)
            assert (invitation.email, invitation.role) == ("bob@example.com", "admin")
            document = await uow.documents.get(studio.names["plan"]["document"])
            assert document is not None
            _, updates = await read_document(uow.session, document.id)
            kept = await studio.state(studio.names["plan"]["document"])
            found = pycrdt.Doc[Any]()
            found.apply_update(updates[0])
            assert [block.id for block in read_blocks(found)] == [block.id for block in read_blocks(kept)]
            assert next(read_blocks(found)).created_by == f"user:{user.id}", "people have other ids here"


async def test_it_needs_an_account_to_belong_to(file: Path, other_settings: Settings):
    with pytest.raises(ExportError, match=r"with the address ann@example.com: say with --owner"):
        await import_(other_settings, file, said)
    async with Database(other_settings.effective_database_url) as database:
        await bring_up_to_date(database, read_catalogue())
        async with database.transaction() as uow:
            zoe = await uow.users.create("zoe@example.com", "Zoe", "-")
        words = await import_(other_settings, file, said, owner="Zoe@example.com", with_invitations=False)
        assert "ann@example.com, bob@example.com (not invited)" in words
        async with database.read() as uow:
            found = await uow.workspaces.list_of_user(zoe.id, after=None, limit=10)
            assert [(workspace.owner_user_id, role) for workspace, role in found] == [(zoe.id, "owner")]


async def test_an_export_is_of_one_moment_while_people_write(
    studio: Studio, settings: Settings, tmp_path: Path, services: Services
):
    first, second = studio.names["young"]["document"], studio.names["idea"]["document"]
    writer = pycrdt.Doc[Any](), pycrdt.Doc[Any]()
    stop = asyncio.Event()

    async def write() -> None:
        n = 0
        while not stop.is_set():
            for name, doc in zip((first, second), writer, strict=True):
                before = doc.get_state()
                doc.get("n", type=pycrdt.Map[Any])["n"] = n
                await services.update_log.append(name, [(doc.get_update(before), "user:ann")])
            n += 1

    task = asyncio.create_task(write())
    for number in range(3):
        path = tmp_path / f"{number}.zip"
        await export(settings, studio.id, path, said)
        found = [await number_in(path, name) for name in (first, second)]
        assert found[0] - found[1] in (0, 1), "the first is always written before the second"
    stop.set()
    await task


async def number_in(file: Path, name: str) -> int:
    doc = pycrdt.Doc[Any]()
    doc.apply_update(members(file)[f"documents/{name.replace(':', '-')}/0.yjs"])
    return int(doc.get("n", type=pycrdt.Map[Any]).get("n", -1))


async def test_what_is_cut_off_leaves_nothing(
    studio: Studio, file: Path, settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
):
    before = await everything(services)
    put, begun = FileStore.put, asyncio.Event()

    async def slow(self: FileStore, key: str, parts: AsyncIterator[bytes]) -> None:
        await put(self, key, parts)
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(FileStore, "put", slow)
    task = asyncio.create_task(import_(settings, file, said))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await everything(services) == before

    target = file.with_name("other.zip")
    write(target, b"older")

    def stop(_line: str) -> None:
        read.cancel()

    read = asyncio.create_task(export(settings, studio.id, target, stop))
    with pytest.raises(asyncio.CancelledError):
        await read
    assert left(target) == (b"older", [])


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def left(path: Path) -> tuple[bytes, list[str]]:
    return path.read_bytes(), [one.name for one in path.parent.glob(f".{path.name}*")]


async def everything(services: Services) -> tuple[int, list[str]]:
    """Count the workspaces and list the contents of files."""
    found = [one.key async for part in services.files.store.list_parts() for one in part]
    async with services.database.read() as uow:
        head = await uow.documents.list_after(0, 1000)
    return len(head), sorted(found)


async def test_a_row_that_does_not_fit_leaves_nothing(
    studio: Studio, file: Path, settings: Settings, services: Services
):
    before = await everything(services)
    (library, *_) = rows(file, "channels")
    repack(file, "entities/channels.jsonl", json.dumps({**library, "type": "loud"}).encode(), rows=1)
    with pytest.raises(ExportError, match="the export does not fit"):
        await import_(settings, file, said)
    assert await everything(services) == before


def repack(file: Path, name: str, data: bytes, *, rows: int | None = None) -> None:
    """Put other bytes into an export, and tell the manifest so."""
    found = members(file)
    manifest = msgspec.json.decode(found["manifest.json"], type=archive.Manifest)
    if rows is not None:
        manifest.rows[name.removeprefix("entities/").removesuffix(".jsonl")] = rows
    found[name] = data
    manifest = msgspec.structs.replace(
        manifest,
        members=[
            archive.Member(one, len(content), hashlib.sha256(content).hexdigest())
            for one, content in found.items()
            if one != "manifest.json"
        ],
    )
    found["manifest.json"] = msgspec.json.encode(manifest)
    pack(file, found)


def pack(file: Path, found: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in found.items():
            packed.writestr(name, content)


Change = Callable[[Path], None]


def damage(name: str) -> Change:
    """Change a byte of a member, and leave the manifest as it was."""

    def change(file: Path) -> None:
        found = members(file)
        content = bytearray(found[name])
        content[len(content) // 2] ^= 1
        pack(file, found | {name: bytes(content)})

    return change


def without(name: str) -> Change:
    return lambda file: pack(file, {one: data for one, data in members(file).items() if one != name})


def with_member(name: str, data: bytes = b"x") -> Change:
    return lambda file: repack(file, name, data)


def unlisted(file: Path) -> None:
    pack(file, members(file) | {"pages/extra.md": b"x"})


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def empty(file: Path) -> None:
    file.write_bytes(b"PK")


def torn(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[200:260] = b"\0" * 60
    file.write_bytes(bytes(data))


def twice(file: Path) -> None:
    found = members(file)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as packed:
        packed.writestr("entities/pages.jsonl", found["entities/pages.jsonl"])


def link(file: Path) -> None:
    repack(file, "pages/link.md", b"/etc/passwd")
    found = members(file)
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in found.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((stat.S_IFLNK if name == "pages/link.md" else stat.S_IFREG) | 0o600) << 16
            packed.writestr(entry, content)


def bomb(file: Path) -> None:
    repack(file, "pages/bomb.md", b"\0" * (archive.FREE_BYTES + 60_000_000))


def other_format(file: Path) -> None:
    found = members(file)
    manifest = json.loads(found["manifest.json"]) | {"format": 99}
    pack(file, found | {"manifest.json": json.dumps(manifest).encode()})


def with_rows(table: str, change: Callable[[list[dict[str, Any]]], object]) -> Change:
    def apply(file: Path) -> None:
        found = rows(file, table)
        change(found)
        lines = b"\n".join(json.dumps(row).encode() for row in found)
        repack(file, f"entities/{table}.jsonl", lines, rows=len(found))

    return apply


def bad_document(file: Path) -> None:
    name = next(one for one in members(file) if one.endswith(".yjs"))
    repack(file, name, b"\x01\x01\xff\xff\xff\xff\xff")


class TestOnOneDatabase:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        """Nothing here comes as far as a database."""
        return sqlite_url

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (damage("entities/pages.jsonl"), "is damaged"),
            (damage("manifest.json"), "is damaged|has the format|is not what"),
            (without("entities/pages.jsonl"), "is missing"),
            (without("manifest.json"), "is no export"),
            (with_member("../../etc/cron.d/x"), "is no name"),
            (with_member("/etc/passwd"), "is no name"),
            (with_member("pages/..\\x"), "is no name"),
            (with_member("C:/x"), "is no name"),
            (with_member("pages//x"), "is no name"),
            (unlisted, "is not what the manifest says"),
            (cut, "is damaged, cut off or no export"),
            (torn, "is damaged"),
            (twice, "the same name|is no export"),
            (link, "is no name"),
            (bomb, "times as large"),
            (other_format, "has the format 99"),
            (empty, "is damaged, cut off or no export"),
            (bad_document, "cannot be read"),
            (with_rows("pages", lambda found: found[0].update(parent_page_id=str(uuid4()))), "has no parent"),
            (
                with_rows("pages", lambda found: found[0].update(parent_page_id=found[0]["id"])),
                "in each other",
            ),
            (
                with_rows("pages", lambda found: found[0].update(workspace_id=str(uuid4()))),
                "has no workspace_id",
            ),
            (with_rows("pages", lambda found: found[0].update(title="a\0b")), "no database keeps"),
            (with_rows("pages", lambda found: found[0].update(colour=1)), "no column colour"),
            (with_rows("pages", lambda found: found[0].update(title=None)), "title is null"),
            (with_rows("pages", lambda found: found[0].pop("title")), "other columns"),
            (
                with_rows("prompts", lambda found: found[0].update(library_id=str(uuid4()))),
                "has no library_id",
            ),
            (with_rows("workspaces", lambda found: found[0].update(id=str(uuid4()))), "not of one workspace"),
            (with_rows("workspaces", lambda found: found.clear()), "not of one workspace"),
            (with_rows("files", lambda found: found[0].update(size=1)), "is not what its row says"),
            (with_rows("files", lambda found: found[0].update(sha256="0" * 64)), "is not what its row says"),
            (with_rows("files", lambda found: found[0].update(size=2**40)), "IONFLUX_MAX_FILE_BYTES"),
            (
                with_rows("agent_configurations", lambda found: found[0].update(agent_definition_id="x")),
                "agent x",
            ),
        ],
    )
    async def test_a_file_that_is_damaged_or_means_harm_is_refused(
        self, studio: Studio, file: Path, settings: Settings, services: Services, change: Change, reason: str
    ):
        before = await everything(services)
        change(file)
        with pytest.raises(ExportError, match=reason) as caught:
            await import_(settings, file, said)
        assert "\n" not in str(caught.value)
        assert await everything(services) == before


async def test_what_is_no_file_and_no_workspace(settings: Settings, studio: Studio, tmp_path: Path):
    with pytest.raises(ExportError, match="cannot be read: no such file"):
        await import_(settings, tmp_path / "none.zip", said)
    with pytest.raises(ExportError, match="there is no workspace"):
        await export(settings, uuid4(), tmp_path / "x.zip", said)
    with pytest.raises(ExportError, match="cannot be written"):
        await export(settings, studio.id, tmp_path / "none" / "x.zip", said)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Plan", "Plan"),
        ("../../etc/passwd", "etc passwd"),
        ("a/b\\c:d", "a b c d"),
        (" . ", "Untitled"),
        ("", "Untitled"),
        ("con", "_con"),
        ("x" * 500, "x" * 80),
        ("tab\there\0", "tab here"),
    ],
)
def test_names_of_files_are_harmless(title: str, name: str):
    assert file_name(title) == name


def test_pages_of_one_name_lie_side_by_side():
    first, second = uuid4(), uuid4()
    pages = [
        {"id": one, "parent_page_id": None, "title": title, "order_key": key, "trashed_at": None}
        for one, title, key in ((first, "Same", "a0"), (second, "same", "a1"))
    ]
    assert page_paths(pages) == {first: "pages/Same.md", second: "pages/same (2).md"}


def test_new_ids_are_in_the_order_of_the_old_ones():
    old = [UUID(f"01a22494-76c{n}-7727-b02b-b9da8189f789") for n in range(10)]
    new = [derive(b"salt", one) for one in old]
    assert new == sorted(new)
    assert len({*new, *old}) == 20
    assert {one.version for one in new} == {7}


def test_ids_change_inside_of_a_document_and_nothing_else_does():
    person, page, other = uuid4(), uuid4(), uuid4()
    doc = pycrdt.Doc[Any]()
    texts = doc.get("map", type=pycrdt.Map[Any])
    texts[str(page)] = {"by": f"user:{person}", "text": f"see /pages/{page} and ÄÖ 🌱"}
    doc.get("text", type=pycrdt.Text).insert(0, f"before {page} behind")
    renamed = pycrdt.Doc[Any]()
    renamed.apply_update(Renaming({person: other}, {page}, b"salt").update(doc.get_update()))
    new = derive(b"salt", page)
    assert renamed.get("map", type=pycrdt.Map[Any]).to_py() == {
        str(new): {"by": f"user:{other}", "text": f"see /pages/{new} and ÄÖ 🌱"}
    }
    assert str(renamed.get("text", type=pycrdt.Text)) == f"before {new} behind"
    assert renamed.get_state() == doc.get_state()
