"""Every operation of the API with input that fits its description and input that does not (schemathesis).

A real server, on SQLite and on Postgres. Nothing but the route table says what is tried: a new route is tried
without being named here. No answer is a fault of the server, none has a status, a media type, a header or a
body that the description does not name. `make api-fuzz` looks much harder than the default.
"""

import os
import re
from collections.abc import Iterator

import pytest

from server.app import API
from server.rest import health
from tests.server.fuzzing import NO_MODELS, World, is_stream, ready
from tests.services.ionflux import IonfluxServer
from tests.services.postgres import PostgresServer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
"""Of each kind, for each operation on each database; the same ones in each run."""

LABELS = [
    f"{operation.method} {operation.path}"
    for module in (health, *API)
    for operation in module.routes.operations
]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server on one of the databases."""
    settings = {
        "IONFLUX_REQUESTS_PER_MINUTE_PER_ADDRESS": "0",
        "IONFLUX_REQUESTS_PER_MINUTE_PER_USER": "0",
        "IONFLUX_LOGIN_ATTEMPTS_PER_ACCOUNT": "1000000",
        "IONFLUX_ACCESS_TOKEN_MINUTES": "1000",
        "IONFLUX_LLM_HOSTS": NO_MODELS,
    }
    folder = tmp_path_factory.mktemp("fuzz")
    if request.param == "sqlite":
        yield from serve(IonfluxServer(folder, settings))
        return
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    with postgres.database() as url:
        yield from serve(IonfluxServer(folder, {**settings, "IONFLUX_DATABASE_URL": url}))


def serve(server: IonfluxServer) -> Iterator[World]:
    server.start()
    yield World(server)
    server.close()
    assert "Traceback (most recent call last)" not in server.log_text(), server.log_text()[-4000:]


@pytest.mark.parametrize("label", LABELS)
def test_no_request_finds_an_answer_that_is_not_described(world: World, label: str) -> None:
    operation = ready(world, label)
    if is_stream(operation):
        pytest.skip("its answer has no end")
    world.fuzz(operation, EXAMPLES)


def test_requests_get_beyond_the_refusals(world: World) -> None:
    world.begin()
    for label in LABELS:
        world.prepare(world.operations[label])
    names = {name for label in LABELS for name in re.findall(r"{(\w+)}", label)}
    # A step comes of what a model answers; a secret has the name that one gives it.
    assert {name for name in names if not world.known[name]} == {"step", "secret_name"}
