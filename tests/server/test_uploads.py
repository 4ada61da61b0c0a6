"""Uploads that can be interrupted (tus 1.0): what was told to have come is kept, and nothing else counts."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest
from starlette.requests import ClientDisconnect

import server.uploads
from server.background.expired_uploads import ExpiredUploads
from server.background.orphans import Orphans
from server.bootstrap import Services
from server.files import Taken
from server.settings import Settings
from storage.errors import FilesUnavailableError
from storage.files import FileStore, S3Access
from storage.unit_of_work import UnitOfWork
from tests.server.api import Api
from tests.server.conftest import Clock, on_s3
from tests.server.test_files import content, picture, stored, upload

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
TEXT = b"Hello, world. " * 50


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, max_file_bytes=3_000_000, file_quota_bytes=5_000_000)


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def checksum(part: bytes, algorithm: str = "sha1") -> dict[str, str]:
    digest = base64.b64encode(hashlib.new(algorithm, part, usedforsecurity=False).digest()).decode()
    return {"Upload-Checksum": f"{algorithm} {digest}"}


async def create(api: Api, workspace: str, size: int, **said: str) -> str:
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata(**said)}
    answer = await api.request("POST", f"{workspace}/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == "0"
    return answer.headers["location"]


async def send(api: Api, place: str, offset: int, part: Any, **headers: str) -> httpx2.Response:
    return await api.request(
        "PATCH", place, content=part, headers={**BYTES, "Upload-Offset": str(offset), **headers}
    )


async def head(api: Api, place: str) -> httpx2.Response:
    return await api.client.head(place, headers={**TUS, "Authorization": f"Bearer {api.token}"})


async def used(services: Services, workspace: str) -> int:
    async with services.database.read() as uow:
        return await uow.file_space.used(UUID(workspace.rpartition("/")[2]))


async def test_what_comes_in_parts_is_a_file(ann: Api, workspace: str, services: Services):
    whole = picture(300, 200)
    place = await create(ann, workspace, len(whole), filename="Grüße.png", filetype="text/html")
    assert await used(services, workspace) == len(whole)
    for start in range(0, len(whole), 100):
        answer = await send(ann, place, start, whole[start : start + 100])
        assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
        assert answer.headers["upload-offset"] == str(min(start + 100, len(whole)))
    over = (await ann.get(place)).json()
    file = (await ann.get(f"/v1/files/{over['file_id']}")).json()
    assert over["received"] == len(whole)
    assert (file["name"], file["content_type"]) == ("Grüße.png", "image/png"), "looked at, not believed"
    assert (file["size"], file["width"], file["height"]) == (len(whole), 300, 200)
    assert (file["has_thumbnail"], file["sha256"]) == (True, hashlib.sha256(whole).hexdigest())
    assert (await content(ann, file)).content == whole
    assert len(await stored(services)) == 2, "no part is left"
    assert await used(services, workspace) == len(whole), "its room is taken once"
    events = (await ann.get(f"{workspace}/events?type=file.*")).json()["items"]
    assert [event["payload"]["file_id"] for event in events] == [file["id"]]


class TestOnS3:
    @pytest.fixture
    def settings(self, settings: Settings, s3: tuple[str, S3Access]) -> Settings:
        return on_s3(settings, s3)

    async def test_parts_are_kept_there(self, ann: Api, workspace: str, services: Services):
        place = await create(ann, workspace, 10)
        for offset in (0, 3, 6):
            await send(ann, place, offset, b"123456789"[offset : offset + 3])
        assert len(await stored(services)) == 3
        done = await send(ann, place, 9, b"0")
        file = (await ann.get(f"/v1/files/{done.headers['upload-file-id']}")).json()
        assert (await content(ann, file)).content == b"1234567890"
        assert len(await stored(services)) == 1


async def test_what_a_path_can_do_is_told_to_anybody(api: Api, workspace: str):
    answer = await api.request("OPTIONS", f"{workspace}/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == "3000000"
    assert set(answer.headers["tus-extension"].split(",")) == {
        *("creation", "creation-with-upload", "termination", "expiration", "checksum")
    }
    assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")


async def test_an_upload_may_begin_with_its_creation(ann: Api, workspace: str):
    headers = {**BYTES, "Upload-Length": str(len(TEXT)), "Upload-Metadata": metadata(name="a.txt")}
    begun = await ann.request("POST", f"{workspace}/uploads", content=TEXT[:9], headers=headers)
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "9")
    done = await send(ann, begun.headers["location"], 9, TEXT[9:])
    assert done.headers["upload-offset"] == str(len(TEXT))
    at_once = await ann.request("POST", f"{workspace}/uploads", content=TEXT, headers=headers)
    for answer in (done, at_once):
        file = (await ann.get(f"/v1/files/{answer.headers['upload-file-id']}")).json()
        assert (file["name"], (await content(ann, file)).content) == ("a.txt", TEXT)


async def test_a_creation_that_is_repeated_with_its_key_is_done_once(
    ann: Api, workspace: str, services: Services
):
    said = {**BYTES, "Upload-Length": str(len(TEXT)), "Idempotency-Key": "k"}
    first, again = [
        await ann.request("POST", f"{workspace}/uploads", headers=said, content=TEXT[:100]) for _ in "12"
    ]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    for name in ("location", "upload-offset", "upload-expires", "tus-resumable"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotent-replayed"] == "true"
    assert await used(services, workspace) == len(TEXT), "its room is taken once"
    other = await ann.request("POST", f"{workspace}/uploads", headers={**said, "Upload-Length": "5"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await send(ann, again.headers["location"], 100, TEXT[100:])).status_code == 204


async def test_an_empty_file_is_whole_from_the_beginning(ann: Api, workspace: str):
    answer = await ann.request("POST", f"{workspace}/uploads", headers={**TUS, "Upload-Length": "0"})
    assert (await ann.get(f"/v1/files/{answer.headers['upload-file-id']}")).json()["size"] == 0


async def test_where_it_goes_on_is_told(ann: Api, workspace: str, clock: Clock):
    said = metadata(filename="a.txt", colour="blue")
    headers = {**TUS, "Upload-Length": "10", "Upload-Metadata": said}
    place = (await ann.request("POST", f"{workspace}/uploads", headers=headers)).headers["location"]
    await send(ann, place, 0, b"123")
    answer = await head(ann, place)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("3", "10")
    assert (answer.headers["upload-metadata"], answer.content) == (said, b"")
    assert answer.headers["upload-expires"].endswith(" GMT")


async def test_bytes_that_do_not_follow_are_refused(ann: Api, workspace: str):
    place = await create(ann, workspace, 10)
    assert (await send(ann, place, 0, b"12345")).status_code == 204
    for offset in (0, 4, 6):
        answer = await send(ann, place, offset, b"x")
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert (await head(ann, place)).headers["upload-offset"] == "5"


async def test_more_than_was_announced_is_refused(ann: Api, workspace: str, services: Services):
    place = await create(ann, workspace, 10)
    assert (await send(ann, place, 0, b"x" * 11)).status_code == 413
    assert (await head(ann, place)).headers["upload-offset"] == "0"
    headers = {**BYTES, "Upload-Length": "3"}
    answer = await ann.request("POST", f"{workspace}/uploads", content=b"x" * 4, headers=headers)
    assert answer.status_code == 413
    assert await stored(services) == []
    assert await used(services, workspace) == 10, "the one that nobody can go on with takes no room"


async def test_what_came_before_an_interruption_counts(ann: Api, workspace: str, services: Services):
    async def broken() -> AsyncIterator[bytes]:
        yield b"12345"
        raise ClientDisconnect

    place = await create(ann, workspace, 10)
    await interrupted(services, place, broken())
    assert (await head(ann, place)).headers["upload-offset"] == "5"
    done = await send(ann, place, 5, b"67890")
    file = (await ann.get(f"/v1/files/{done.headers['upload-file-id']}")).json()
    assert (await content(ann, file)).content == b"1234567890"


async def test_with_a_checksum_all_counts_or_nothing(ann: Api, workspace: str, services: Services):
    async def broken() -> AsyncIterator[bytes]:
        yield b"12345"
        raise ClientDisconnect

    place = await create(ann, workspace, 10)
    await interrupted(services, place, broken(), server.uploads.Checksum("sha1", b"?"))
    wrong = await send(ann, place, 0, b"12345", **checksum(b"54321"))
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert wrong.json()["title"] == "Checksum Mismatch"
    assert (await head(ann, place)).headers["upload-offset"] == "0"
    assert await stored(services) == []
    assert (await send(ann, place, 0, b"12345", **checksum(b"12345"))).status_code == 204
    done = await send(ann, place, 5, b"67890", **checksum(b"67890", "sha256"))
    assert done.headers["upload-file-id"]
    for bad in ("md4 AAAA", "sha1 !", "sha1"):
        answer = await send(ann, await create(ann, workspace, 1), 0, b"x", **{"Upload-Checksum": bad})
        assert answer.status_code in (400, 460)


async def test_a_large_part_is_kept_as_it_comes(
    ann: Api, workspace: str, services: Services, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server.uploads, "PART_BYTES", 100)

    async def broken() -> AsyncIterator[bytes]:
        for n in range(5):
            yield bytes([n]) * 60
        raise ArithmeticError("the process dies here")

    place = await create(ann, workspace, 400)
    await interrupted(services, place, broken(), expected=ArithmeticError)
    assert (await head(ann, place)).headers["upload-offset"] == "240", "two parts of 120"
    whole = b"".join(bytes([n]) * 60 for n in range(4)) + b"x" * 160
    done = await send(ann, place, 240, whole[240:])
    file = (await ann.get(f"/v1/files/{done.headers['upload-file-id']}")).json()
    assert (await content(ann, file)).content == whole


async def test_bytes_one_by_one_come_to_an_end(
    ann: Api, workspace: str, monkeypatch: pytest.MonkeyPatch, services: Services
):
    monkeypatch.setattr(server.uploads, "MOST_PARTS", 2)
    place = await create(ann, workspace, 10)
    for offset in range(2):
        assert (await send(ann, place, offset, b"x")).status_code == 204
    answer = await send(ann, place, 2, b"x")
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_parts")
    assert (await send(ann, place, 2, b"x" * 8)).headers["upload-file-id"], "the end needs no part"


async def test_of_two_that_go_on_at_once_one_counts(ann: Api, workspace: str, services: Services):
    place = await create(ann, workspace, 10)

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"abcde"
        assert (await send(ann, place, 0, b"1234567")).status_code == 204
        raise ClientDisconnect

    await interrupted(services, place, overtaken(), expected=server.uploads.ConflictError)
    assert (await head(ann, place)).headers["upload-offset"] == "7"
    assert len(await stored(services)) == 1


async def test_of_two_that_finish_at_once_one_makes_the_file(ann: Api, workspace: str, services: Services):
    place = await create(ann, workspace, 10)
    other = server.uploads.Uploads(services.database, services.files, lifetime=services.uploads.lifetime)
    """Another process."""

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"abcdefghij"
        assert (await send(ann, place, 0, b"1234567890")).status_code == 204

    await interrupted(services, place, overtaken(), expected=server.uploads.ConflictError, uploads=other)
    (file,) = (await ann.get(f"{workspace}/files")).json()["items"]
    assert (await content(ann, file)).content == b"1234567890"
    assert len(await stored(services)) == 1


async def test_while_the_file_is_made_others_wait(
    ann: Api, workspace: str, services: Services, monkeypatch: pytest.MonkeyPatch
):
    place = await create(ann, workspace, 10)
    inner = services.files.take

    async def slow(*arguments: Any) -> Any:
        answer = await send(ann, place, 0, b"1234567890")
        assert (answer.status_code, answer.json()["code"]) == (423, "locked")
        return await inner(*arguments)

    monkeypatch.setattr(services.files, "take", slow)
    assert (await send(ann, place, 0, b"1234567890")).headers["upload-file-id"]


async def test_a_store_that_fails_at_the_end_loses_nothing(
    ann: Api, workspace: str, services: Services, monkeypatch: pytest.MonkeyPatch
):
    place = await create(ann, workspace, 10)
    await send(ann, place, 0, b"12345")
    put = FileStore.put

    async def fail(self: FileStore, key: str, parts: AsyncIterator[bytes]) -> None:
        raise FilesUnavailableError("away")

    monkeypatch.setattr(FileStore, "put", fail)
    assert (await send(ann, place, 5, b"67890")).status_code == 503
    monkeypatch.setattr(FileStore, "put", put)
    assert (await head(ann, place)).headers["upload-offset"] == "5"
    done = await send(ann, place, 5, b"67890")
    file = (await ann.get(f"/v1/files/{done.headers['upload-file-id']}")).json()
    assert (await content(ann, file)).content == b"1234567890"


async def test_its_room_is_taken_at_once_and_given_back(ann: Api, workspace: str, services: Services):
    place = await create(ann, workspace, 2_900_000)
    await send(ann, place, 0, b"x" * 1000)
    headers = {**TUS, "Upload-Length": "2900000"}
    answer = await ann.request("POST", f"{workspace}/uploads", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "quota_exceeded")
    plain = await ann.request("POST", f"{workspace}/files", content=b"x" * 2_900_000)
    assert (plain.status_code, plain.json()["code"]) == (409, "quota_exceeded")
    too_large = await ann.request("POST", f"{workspace}/uploads", headers={**TUS, "Upload-Length": "3000001"})
    assert (too_large.status_code, too_large.json()["code"]) == (413, "file_too_large")
    assert (await ann.delete(place)).status_code == 204
    assert await used(services, workspace) == 0
    assert await stored(services) == []
    assert (await head(ann, place)).status_code == 404
    await upload(ann, workspace, b"x" * 2_900_000)


async def test_ending_an_upload_that_is_over_keeps_its_file(ann: Api, workspace: str, services: Services):
    place = await create(ann, workspace, 3)
    done = await send(ann, place, 0, b"123")
    assert (await send(ann, place, 3, b"")).headers["upload-offset"] == "3"
    assert (await ann.delete(place)).status_code == 204
    file = (await ann.get(f"/v1/files/{done.headers['upload-file-id']}")).json()
    assert (await content(ann, file)).content == b"123"
    assert await used(services, workspace) == 3
    other = await create(ann, workspace, 3)
    gone = (await send(ann, other, 0, b"123")).headers["upload-file-id"]
    await ann.delete(f"/v1/files/{gone}")
    assert (await head(ann, other)).status_code == 404


async def test_what_nobody_goes_on_with_expires(ann: Api, workspace: str, services: Services, clock: Clock):
    place, kept = await create(ann, workspace, 100), await create(ann, workspace, 10)
    await send(ann, place, 0, b"12345")
    over = await create(ann, workspace, 3)
    await send(ann, over, 0, b"123")
    clock.forward(hours=23)
    ann = await sign_in(ann)
    await send(ann, kept, 0, b"12345")
    clock.forward(hours=2)
    ann = await sign_in(ann)
    answer = await send(ann, place, 5, b"x")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert await ExpiredUploads(services.database, services.uploads).end() == 2
    assert (await head(ann, place)).status_code == 404
    assert (await head(ann, kept)).headers["upload-offset"] == "5", "going on gives more time"
    assert await used(services, workspace) == 13
    assert len(await stored(services)) == 2, "a part and a file"
    orphans = Orphans(services.database, services.files.store)
    clock.forward(hours=25)
    assert await orphans.collect() == 0, "parts of an upload are no orphans"
    await services.uploads.store(UUID(workspace.rpartition("/")[2]), b"left over")
    clock.forward(hours=25)
    assert await orphans.collect() == 1


async def test_only_who_may_write_goes_on(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    board = await ann.made(f"{workspace}/channels", {"name": "Board", "type": "private"})
    hidden = await create(ann, workspace, 5, document=board["document"])
    assert (await send(bob, hidden, 0, b"12345")).status_code == 404
    done = await send(ann, hidden, 0, b"12345")
    file = (await ann.get(f"/v1/files/{done.headers['upload-file-id']}")).json()
    assert file["document"] == board["document"]
    late = await create(bob, workspace, 5)
    await send(bob, late, 0, b"123")
    await ann.delete(f"{workspace}/members/{bob.user['id']}")
    assert (await send(bob, late, 3, b"45")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "invalid_header"),
        ({"Upload-Length": "-1"}, 400, "invalid_header"),
        ({"Upload-Length": "x"}, 400, "invalid_header"),
        ({"Upload-Defer-Length": "1"}, 400, "invalid_header"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename !"}, 400, "invalid_header"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename Li4vYQ=="}, 400, "invalid_header"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename /w=="}, 400, "invalid_header"),
        ({"Upload-Length": "1", "Tus-Resumable": "0.2.2"}, 412, "unsupported_version"),
        ({"Upload-Length": "1", "Content-Length": "1", "Content-Type": "text/plain"}, 415, None),
    ],
)
async def test_a_creation_that_is_none_is_refused(
    ann: Api, workspace: str, headers: dict[str, str], status: int, code: str | None
):
    answer = await ann.request("POST", f"{workspace}/uploads", headers={**TUS, **headers}, content=b"")
    assert answer.status_code == status, answer.text
    assert code in (None, answer.json()["code"])
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_a_client_that_cannot_say_patch_says_so(ann: Api, workspace: str):
    place = await create(ann, workspace, 5)
    headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await ann.client.post(place, content=b"12345", headers=as_(ann, headers))).status_code == 204
    assert (await ann.client.post(place, headers=as_(ann, TUS))).status_code == 405
    other = {"X-HTTP-Method-Override": "DELETE"}
    assert (await ann.client.post(workspace, headers=as_(ann, other))).status_code == 405


async def test_contents_need_their_type(ann: Api, workspace: str):
    place = await create(ann, workspace, 5)
    answer = await send(ann, place, 0, b"12345", **{"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_browsers_of_other_origins_may_upload(ann: Api, workspace: str):
    ask = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type,tus-resumable,upload-offset",
    }
    assert (await ann.client.options(f"{workspace}/uploads", headers=ask)).status_code == 200
    place = await create(ann, workspace, 5)
    answer = await send(ann, place, 0, b"123", Origin="https://app.example")
    assert "Upload-Offset" in answer.headers["access-control-expose-headers"]


def as_(api: Api, headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {api.token}"}


async def sign_in(api: Api) -> Api:
    answer = await api.client.post(
        "/v1/auth/login", json={"email": api.user["email"], "password": "correct horse"}
    )
    return api.signed_in(answer.json())


async def interrupted(
    services: Services,
    place: str,
    body: AsyncIterator[bytes],
    proof: server.uploads.Checksum | None = None,
    *,
    expected: type[Exception] = ClientDisconnect,
    uploads: server.uploads.Uploads | None = None,
) -> None:
    """Send bytes in a request that does not end well: no client of the tests can break off one."""

    async def complete(uow: UnitOfWork, file_id: UUID, taken: Taken) -> None:
        return

    async with services.database.read() as uow:
        found = await uow.uploads.get(UUID(place.rpartition("/")[2]))
    assert found is not None
    with pytest.raises(expected):
        await (uploads or services.uploads).go_on(found, body, proof, complete)
