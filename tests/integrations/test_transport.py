"""Requests to user-given addresses: to the public internet alone, bounded in time and size."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from integrations.addresses import is_public
from integrations.errors import AddressRefusedError, ExchangeFailedError
from integrations.transport import KEPT_BYTES, Transport
from tests.services.receiver import Receiver


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1"),
        *("172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::a00:1"),
        *("64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1"),
        *("3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1"),
    ],
)
def test_what_is_not_the_public_internet_is_refused(address: str):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111"]
)
def test_the_public_internet_is_allowed(address: str):
    assert is_public(ip_address(address))


@pytest.fixture
async def guarded() -> AsyncIterator[Transport]:
    async with Transport() as transport:
        yield transport


@pytest.fixture
async def free() -> AsyncIterator[Transport]:
    async with Transport(allow_private=True) as transport:
        yield transport


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "http://example.com/",
        "ftp://example.com/",
        "https://ann@example.com/",
    ],
)
async def test_nothing_goes_inside_however_it_is_written(guarded: Transport, url: str):
    with pytest.raises((AddressRefusedError, ExchangeFailedError)) as caught:
        await guarded.post(url, b"", {})
    assert caught.type is AddressRefusedError or "has no address" in str(caught.value)


async def test_a_name_with_any_address_inside_is_refused(guarded: Transport, receiver: Receiver):
    loop = asyncio.get_running_loop()

    async def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.216.34", "127.0.0.1")
        ]

    loop.getaddrinfo = resolve  # pyright: ignore[reportAttributeAccessIssue]  (a name server of one's own)
    with pytest.raises(AddressRefusedError):
        await guarded.post(f"https://rebound.example:{receiver.port}/", b"", {})
    assert not receiver.taken + receiver.refused


async def test_the_name_goes_along_and_proxies_of_the_environment_do_not_matter(
    free: Transport, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    answer = await free.post(f"http://localhost:{receiver.port}/hook", b"{}", {"X-Own": "1"})
    assert answer.status == 204
    assert receiver.taken[0].headers["host"] == f"localhost:{receiver.port}"
    assert receiver.taken[0].headers["x-own"] == "1"


async def test_redirects_are_told_and_not_followed(free: Transport, receiver: Receiver):
    receiver.say(307, f"Location: {receiver.url}")
    assert (await free.post(receiver.url, b"", {})).status == 307
    assert len(receiver.refused) == 1


async def test_a_slow_receiver_is_left(free: Transport, receiver: Receiver):
    receiver.may_answer.clear()
    with pytest.raises(ExchangeFailedError, match=r"within 0\.1 seconds"):
        await free.post(receiver.url, b"", {}, timeout_seconds=0.1)


async def test_of_a_long_answer_only_the_beginning_is_read(free: Transport, receiver: Receiver):
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000
    answer = await free.post(receiver.url, b"", {})
    assert (answer.status, answer.body) == (200, b"x" * KEPT_BYTES)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"])
async def test_what_is_no_http_is_a_failure(free: Transport, receiver: Receiver, answer: bytes):
    receiver.answer = answer
    with pytest.raises(ExchangeFailedError, match=r"no valid answer|not reachable"):
        await free.post(receiver.url, b"", {})


async def test_who_does_not_listen_is_a_failure(free: Transport, receiver: Receiver):
    await receiver.close()
    with pytest.raises(ExchangeFailedError, match="not reachable"):
        await free.post(receiver.url, b"", {})
