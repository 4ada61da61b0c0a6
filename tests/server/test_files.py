"""Files: taken in as they come, measured, looked at, given out in parts, and never run."""

import hashlib
import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
import pytest
from PIL import Image

from server.background.orphans import Orphans
from server.bootstrap import Services
from server.files import key_of, sniff
from server.settings import Settings
from storage.files import S3Access
from tests.server.api import Api
from tests.server.conftest import Clock, on_s3

TEXT = b"Hello, world. " * 50


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, max_file_bytes=3_000_000, file_quota_bytes=5_000_000)


def picture(width: int = 800, height: int = 600, format_: str = "PNG", **options: Any) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(encoded, format_, **options)
    return encoded.getvalue()


async def upload(api: Api, workspace: str, content: bytes, **query: str) -> dict[str, Any]:
    answer = await api.request("POST", f"{workspace}/files", content=content, params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def content(api: Api, file: dict[str, Any], **headers: str) -> httpx2.Response:
    return await api.get(f"/v1/files/{file['id']}/content", headers=headers)


async def stored(services: Services) -> list[str]:
    return sorted([one.key async for part in services.files.store.list_parts() for one in part])


async def test_what_was_sent_is_fetched(ann: Api, workspace: str):
    file = await upload(ann, workspace, TEXT, name="Grüße.txt")
    assert (file["name"], file["size"], file["content_type"]) == ("Grüße.txt", len(TEXT), "text/plain")
    assert file["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert (await ann.get(f"/v1/files/{file['id']}")).json() == file
    assert (await ann.get(f"{workspace}/files")).json()["items"] == [file]
    answer = await content(ann, file)
    assert (answer.content, answer.headers["etag"]) == (TEXT, f'"{file["sha256"]}"')
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt"


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-4", 206, 0, 5),
        ("bytes=10-", 206, 10, len(TEXT)),
        ("bytes=-5", 206, len(TEXT) - 5, len(TEXT)),
        ("bytes=5-999999", 206, 5, len(TEXT)),
        ("bytes=-999999", 206, 0, len(TEXT)),
        ("bytes=0-1,3-4", 200, 0, len(TEXT)),
        ("bytes=-", 200, 0, len(TEXT)),
        ("lines=1-2", 200, 0, len(TEXT)),
    ],
)
async def test_a_part_is_fetched(ann: Api, workspace: str, wanted: str, status: int, start: int, end: int):
    file = await upload(ann, workspace, TEXT)
    answer = await content(ann, file, Range=wanted)
    assert (answer.status_code, answer.content) == (status, TEXT[start:end])
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(TEXT)}"


async def test_a_part_that_is_not_there_and_a_file_that_one_has(ann: Api, workspace: str):
    file = await upload(ann, workspace, TEXT)
    for wanted in ("bytes=700-", "bytes=9-8", "bytes=-0"):
        answer = await content(ann, file, Range=wanted)
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(TEXT)}")
    tag = f'"{file["sha256"]}"'
    assert (await content(ann, file, **{"If-None-Match": tag})).status_code == 304
    both = {"Range": "bytes=0-4", "If-Range": '"other"'}
    assert (await content(ann, file, **both)).status_code == 200
    head = await ann.client.head(
        f"/v1/files/{file['id']}/content", headers={"Authorization": f"Bearer {ann.token}"}
    )
    assert (head.content, head.headers["content-length"]) == (b"", str(len(TEXT)))


@pytest.mark.parametrize(
    "attack",
    [
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3 (scripts)",
        b"alert(1)",
    ],
)
async def test_nothing_that_was_uploaded_runs_here(ann: Api, workspace: str, attack: bytes):
    answer = await content(ann, await upload(ann, workspace, attack, name="innocent.png"))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_an_image_is_looked_at(ann: Api, workspace: str):
    file = await upload(ann, workspace, picture(800, 600), name="photo.html")
    assert (file["content_type"], file["width"], file["height"]) == ("image/png", 800, 600)
    shown = await content(ann, file)
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["content-disposition"].startswith("inline;")
    small = await ann.get(f"/v1/files/{file['id']}/thumbnail")
    assert small.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(small.content)) as image:
        assert (image.format, image.size) == ("WEBP", (512, 384))


async def test_a_picture_on_its_side_is_measured_as_people_see_it(ann: Api, workspace: str):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = await upload(ann, workspace, picture(80, 60, "JPEG", exif=exif))
    assert (file["width"], file["height"]) == (60, 80)


@pytest.mark.parametrize(
    "image", [picture()[:200], picture(12_000, 5_000), b"GIF89a" + b"\x00" * 50], ids=["cut", "huge", "empty"]
)
async def test_an_image_that_cannot_be_read_is_still_a_file(ann: Api, workspace: str, image: bytes):
    file = await upload(ann, workspace, image)
    assert (file["width"], file["has_thumbnail"]) == (None, False)
    assert (await ann.get(f"/v1/files/{file['id']}/thumbnail")).status_code == 404
    assert (await content(ann, file)).content == image


async def test_what_is_too_large_is_refused_and_leaves_nothing(ann: Api, workspace: str, services: Services):
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    for body in (b"x" * 3_000_001, stream()):
        answer = await ann.request("POST", f"{workspace}/files", content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert await stored(services) == []


async def test_a_workspace_has_so_much_room_and_gets_it_back(ann: Api, workspace: str, services: Services):
    first = await upload(ann, workspace, b"x" * 2_900_000)

    async def stream() -> AsyncIterator[bytes]:
        yield b"x" * 2_900_000

    for body in (b"x" * 2_900_000, stream()):
        answer = await ann.request("POST", f"{workspace}/files", content=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
    assert len(await stored(services)) == 1
    assert (await ann.delete(f"/v1/files/{first['id']}")).status_code == 204
    assert await stored(services) == []
    assert (await ann.get(f"/v1/files/{first['id']}")).status_code == 404
    await upload(ann, workspace, b"x" * 2_900_000)


async def test_a_link_is_good_for_a_while_and_for_its_file(ann: Api, workspace: str, api: Api, clock: Clock):
    file, other = [await upload(ann, workspace, TEXT + bytes([n])) for n in range(65, 67)]
    made = (await ann.post(f"/v1/files/{file['id']}/links", {"seconds": 60})).json()
    url: str = made["url"]
    parts = urlsplit(url)
    good = f"{parts.path}?{parts.query}"
    assert (await api.get(good)).content == TEXT + b"A"
    for bad in (
        parts.path,
        good.replace(file["id"], other["id"]),
        good.replace("expires=", "expires=1"),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
    ):
        assert (await api.get(bad)).status_code == 404
    clock.forward(seconds=61)
    assert (await api.get(good)).status_code == 404


async def test_whoever_reads_a_document_reads_its_files(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    board = await ann.made(f"{workspace}/channels", {"name": "Board", "type": "private"})
    hidden = await upload(ann, workspace, TEXT, document=board["document"])
    seen = await upload(ann, workspace, TEXT)
    assert (await content(bob, hidden)).status_code == 404
    assert (await content(bob, seen)).status_code == 200
    assert [file["id"] for file in (await bob.get(f"{workspace}/files")).json()["items"]] == [seen["id"]]
    refused = await bob.request(
        "POST", f"{workspace}/files", content=b"x", params={"document": board["document"]}
    )
    assert refused.status_code == 404


async def test_what_nobody_knows_is_collected_after_a_day(
    ann: Api, workspace: str, services: Services, clock: Clock
):
    async def parts() -> AsyncIterator[bytes]:
        yield b"left over"

    file = await upload(ann, workspace, picture())
    kept = await stored(services)
    async with services.database.read() as uow:
        left_over = key_of(uow.new_id(), uow.new_id())
    await services.files.store.put(left_over, parts())
    orphans = Orphans(services.database, services.files.store)
    assert await orphans.collect() == 0, "it may be on its way"
    clock.forward(hours=25)
    assert await orphans.collect() == 1
    assert await stored(services) == kept
    assert file["has_thumbnail"]


class TestOnS3:
    @pytest.fixture
    def settings(self, settings: Settings, s3: tuple[str, S3Access]) -> Settings:
        return on_s3(settings, s3)

    async def test_files_are_kept_there(self, ann: Api, workspace: str, services: Services):
        file = await upload(ann, workspace, picture())
        assert (await content(ann, file, Range="bytes=1-3")).content == b"PNG"
        assert len(await stored(services)) == 2


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"", "application/octet-stream"),
        (b"plain", "text/plain"),
        ("Grüße".encode()[:-1], "text/plain"),
        (b"\x00\x01\x02", "application/octet-stream"),
        (b"\xc3\x28\xa0" * 50, "application/octet-stream"),
        (picture(), "image/png"),
    ],
)
def test_contents_tell_their_type(head: bytes, found: str):
    assert sniff(head) == found
