"""Traces: what takes time goes to a real receiver, without personal content; and nothing at all when off."""

import ast
import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from server.bootstrap import Services
from server.settings import Settings
from server.spans import recorder, span
from tests.clients.driver import NodeClients
from tests.server.api import Api
from tests.services.ionflux import IonfluxServer, expect_no_fault
from tests.services.otlp import Collector, attributes
from tests.services.receiver import Receiver

NAMES = ("log commit", "project document", "deliver webhook", "send mail", "POST")

ROOT = Path(__file__).parents[2]

_UNTRACED = """
import asyncio, sys, tempfile
from pathlib import Path
from server.app import create_app
from server.bootstrap import open_database, open_services
from server.data_folder import Secrets
from server.settings import Settings
from storage import migrations
import server.serving, server.cli, server.operations

async def main():
    settings = Settings(data_dir=Path(sys.argv[1]))
    async with open_database(settings) as database:
        await migrations.upgrade(database)
        async with open_services(settings, Secrets(access_token_key=b"k" * 32), database) as services:
            create_app(services)

asyncio.run(main())
print([name for name in sys.modules if name.partition(".")[0] == "opentelemetry"])
"""


def test_without_traces_nothing_of_them_is_loaded(tmp_path: Path):
    said = subprocess.run(
        [sys.executable, "-c", _UNTRACED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[-1] == "[]"


def test_without_traces_a_block_costs_nothing():
    assert recorder.get() is None
    assert span("work", count=1) is span("other work"), "one object that does nothing"


def test_no_edit_passes_through_traces():
    """What every edit goes through does not know them, so they can cost it nothing, on or off."""
    for path in [*(ROOT / "crdt").glob("*.py"), *(ROOT / "server/realtime").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"server.spans", "server.tracing"} & set(names), path


async def test_without_traces_the_log_and_requests_have_nobody_to_tell(services: Services, api: Api):
    assert services.tracing is None
    assert services.update_log._observe_commit is None  # pyright: ignore[reportPrivateUsage]
    assert services.transport._observe is None  # pyright: ignore[reportPrivateUsage]


@pytest.mark.node
async def test_a_server_sends_its_traces(
    tmp_path: Path, collector: Collector, receiver: Receiver, node_clients: NodeClients
):
    settings = {
        "IONFLUX_TRACES": "true",
        "IONFLUX_ALLOW_PRIVATE_ADDRESSES": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests",
    }
    server = IonfluxServer(tmp_path, settings)
    await server.restart()
    try:
        ann = await server.person("Annabel")
        workspace = await ann.workspace("Secret Studio")
        hook = {"url": f"{receiver.url}?key=hunter2", "event_types": ["page.created"]}
        await ann.post(f"/v1/workspaces/{workspace}/webhooks", hook)
        page = await ann.page(workspace, "Hidden Plan")
        client = await node_clients.open(
            wire="hocuspocus", url=server.socket_url("hocuspocus"), document=page.name, token=ann.token
        )
        await client.synced()
        for n in range(50):
            await client.text("body").insert(n, "z")
        await client.saved()
        route = "POST /v1/workspaces/{workspace_id}/pages"
        await asyncio.to_thread(collector.wait, route, *NAMES)
    finally:
        await server.terminate()
        server.close()
    expect_no_fault(server.log_text())

    assert collector.resource["service.name"] == "ionflux"
    assert collector.resource["deployment.environment.name"] == "tests"
    (request,) = collector.named(route)
    told = attributes(request)
    assert (told["http.route"], told["http.response.status_code"]) == (route.removeprefix("POST "), "201")
    assert told["ionflux.request_id"]
    (delivery,), (exchange,) = collector.named("deliver webhook"), collector.named("POST")
    assert exchange.parent_span_id == delivery.span_id
    told = attributes(exchange)
    assert (told["server.address"], told["http.response.status_code"]) == ("127.0.0.1", "204")
    commits = collector.named("log commit")
    assert sum(int(attributes(commit)["rows"]) for commit in commits) >= len(commits)
    edits = [one for one in collector.spans if "edit" in one.name or "turn" in one.name]
    assert edits == [], "no edit has a span of its own"
    sent = b"".join(collector.raw)
    for secret in ("annabel", "Annabel", "Secret Studio", "Hidden Plan", "hunter2", "zz", page.id, workspace):
        assert secret.encode() not in sent, secret


async def test_a_collector_that_is_away_holds_nothing_up(tmp_path: Path):
    settings = {"IONFLUX_TRACES": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    server = IonfluxServer(tmp_path, settings)
    await server.restart()
    try:
        await (await server.person("Ann")).workspace()
        begun = asyncio.get_running_loop().time()
        assert await server.terminate() == 0
        assert asyncio.get_running_loop().time() - begun < 10
    finally:
        server.close()


def test_traces_are_off_by_default():
    assert not Settings().traces
