"""A browser's cookie opens sockets for pages of a known origin, and for no others; over both carriers."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from crdt.protocol import encode_step1
from tests.services.ionflux import Document, IonfluxServer, Person

FRIEND = "https://app.example"


@pytest.fixture(scope="module", params=["picows", "asgi"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IonfluxServer]:
    """A server on one of the carriers."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    running = IonfluxServer(folder, {"IONFLUX_WEBSOCKETS": request.param, "IONFLUX_CORS_ORIGINS": FRIEND})
    running.start()
    yield running
    running.close()
    assert "Traceback" not in running.log_text()


@pytest.fixture
async def page(server: IonfluxServer) -> tuple[Person, Document]:
    ann = await server.person("Ann")
    return ann, await ann.page(await ann.workspace())


async def cookie_of(person: Person) -> str:
    body = {"email": person.email, "password": "correct horse battery"}
    async with httpx2.AsyncClient(base_url=person.server.url) as http:
        answer = await http.post("/v1/auth/browser-session", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["set-cookie"].partition(";")[0]


def hocuspocus_token(document: str, token: str) -> bytes:
    """Write what the stock provider sends first: name, type 2 (auth), 0 (token), the token."""
    name, secret = document.encode(), token.encode()
    return bytes([len(name), *name, 2, 0, len(secret), *secret])


async def answer_of(socket: ClientConnection) -> int | bytes:
    """Return the first frame, or the code that the socket is closed with."""
    try:
        frame = await socket.recv()
        assert isinstance(frame, bytes)
        return frame
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


@pytest.mark.parametrize("is_own", [True, False])
async def test_A1_a_page_of_ours_needs_no_token(page: tuple[Person, Document], is_own: bool):
    ann, document = page
    origin = ann.server.url if is_own else FRIEND
    headers = {"Cookie": f"other=1; {await cookie_of(ann)}"}
    url = f"ws://127.0.0.1:{ann.server.port}/sync/{document.name}"
    async with connect(url, additional_headers=headers, origin=origin) as socket:  # pyright: ignore[reportArgumentType]
        await socket.send(encode_step1(b"\x00"))
        assert isinstance(await answer_of(socket), bytes)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1"])
async def test_A1_another_sites_page_gets_nothing_by_the_cookie(
    page: tuple[Person, Document], origin: str | None
):
    ann, document = page
    headers = {"Cookie": await cookie_of(ann)}
    url = f"ws://127.0.0.1:{ann.server.port}/sync/{document.name}"
    async with connect(url, additional_headers=headers, origin=origin) as socket:  # pyright: ignore[reportArgumentType]
        assert await answer_of(socket) == 4401


@pytest.mark.parametrize(("is_own", "permission"), [(True, 2), (False, 1)])
async def test_A1_the_cookie_stands_for_an_empty_token_of_hocuspocus(
    page: tuple[Person, Document], is_own: bool, permission: int
):
    ann, document = page
    headers = {"Cookie": await cookie_of(ann)}
    origin = ann.server.url if is_own else "https://evil.example"
    url = f"ws://127.0.0.1:{ann.server.port}/collab"
    async with connect(url, additional_headers=headers, origin=origin) as socket:  # pyright: ignore[reportArgumentType]
        await socket.send(hocuspocus_token(document.name, ""))
        # The name, type 2 (auth), and 2 for authenticated or 1 for denied; before that, why, for programs.
        answers = [await answer_of(socket) for _ in range(1 if is_own else 2)]
    said = [answer[1 + len(document.name) :] for answer in answers if isinstance(answer, bytes)]
    assert [frame[:1] for frame in said] == ([b"\x02"] if is_own else [b"\x05", b"\x02"])
    assert said[-1][:2] == bytes([2, permission])
