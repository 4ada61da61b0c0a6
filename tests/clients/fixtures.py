"""The fixture that gives a test its Node clients."""

from collections.abc import AsyncIterator

import pytest

from tests.clients.driver import NodeClients


@pytest.fixture
async def node_clients() -> AsyncIterator[NodeClients]:
    """Stock Yjs clients; a test whose clients print a complaint fails unless it took it."""
    async with NodeClients() as clients:
        yield clients
    assert clients.console == [], "the clients complained"
