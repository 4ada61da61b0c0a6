"""A real S3 API for tests: moto's server in a thread of the tests, on a port of its own."""

from collections.abc import Iterator
from itertools import count

import httpx2
import pytest
from moto.server import ThreadedMotoServer

from storage.files import S3Access

_numbers = count(1)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of the server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str) -> tuple[str, S3Access]:
    """The address of a fresh bucket, and how it is reached."""
    bucket = f"files-{next(_numbers)}"
    httpx2.put(f"{s3_endpoint}/{bucket}").raise_for_status()
    access = S3Access(
        endpoint=s3_endpoint, region="us-east-1", access_key_id="tests", secret_access_key="tests"
    )
    return f"s3://{bucket}/ionflux", access
