"""The life of a serving process: socket, services, tables, application, and the words at the start."""

import asyncio
import gc
from asyncio import Runner
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from socket import socket

import msgspec
import uvloop

from agents.catalogue import bring_up_to_date, read_catalogue
from server import __version__
from server.app import create_app
from server.bootstrap import Services, open_database, open_services
from server.closed_door import closed_door
from server.data_folder import DEMO_LOGIN, Secrets, prepare_data_folder, read_secrets
from server.demo import Demo, find_demo
from server.errors import OverloadedError
from server.heap import give_memory_back
from server.huge_pages import keep_in_huge_pages
from server.listening import READ_FRAMES, Server, bind
from server.realtime.picows_protocol import picows_protocol
from server.settings import Settings
from server.stack import raise_stack
from server.telemetry import configure_logging
from server.upgrading import Upgrade
from storage import migrations

Announce = Callable[[str], None]

STARTING = OverloadedError("The server is starting.", code="starting", retry_after_seconds=2)


def serve(settings: Settings, *, with_seed: bool, announce: Announce) -> None:
    """Serve until a signal ends it. Raises StartError or storage's errors when it cannot begin."""
    give_memory_back()
    raise_stack()
    prepare_data_folder(settings.data_dir)
    secrets = read_secrets(settings.data_dir)
    # The address first: a second start is refused before it touches the database of the first.
    with bind(settings.host, settings.port) as listener:
        configure_logging(settings.log_level, settings.log_format)
        settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])
        upgrade = Upgrade(settings, listener) if settings.migrate_on_start else None
        with Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, secrets, listener, upgrade, with_seed=with_seed, announce=announce))


async def _serve(
    settings: Settings,
    secrets: Secrets,
    listener: socket,
    upgrade: Upgrade | None,
    *,
    with_seed: bool,
    announce: Announce,
) -> None:
    async with closed_door(listener, STARTING) as door, AsyncExitStack() as stack:
        if upgrade is not None:
            await upgrade.wait()
        database = await stack.enter_async_context(open_database(settings))
        await migrations.require_current(database)
        await bring_up_to_date(database, read_catalogue())
        async with open_services(settings, secrets, database, is_seeding=with_seed) as services:
            if with_seed:
                from server.seed import seed  # asked for once

                await seed(services)
            demo = await find_demo(services)
            stack.callback(asyncio.create_task(keep_in_huge_pages()).cancel)

            def start() -> None:
                _spare_the_collector()
                door.close()
                announce(_welcome(services, demo))

            server = Server(
                create_app(services),
                settings,
                drain=partial(_drain, services),
                on_started=start,
                websockets=_websockets(services),
            )
            await server.serve([listener])


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what stays for ever, and look at the rest less often.

    Nearly nothing that an edit leaves behind is in a cycle; looking for that took a twentieth of the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _drain(services: Services) -> None:
    """End what lasts: streams of events and sockets."""
    services.feed.close()
    await services.hub.close()


def _websockets(services: Services) -> type[asyncio.Protocol]:
    settings = services.settings
    if settings.websockets == "asgi":
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

        return WebSocketsSansIOProtocol
    hub = services.hub if "realtime" in settings.roles else None
    return picows_protocol(
        hub,
        READ_FRAMES * settings.max_frame_bytes,
        services.browser_sessions.credential_of_socket,
    )


def _welcome(services: Services, demo: Demo | None) -> str:
    """Say where the server is and how to sign in."""
    url = services.settings.effective_public_url
    lines = [
        f"IONFLUX {__version__} serves {url}  (data: {services.database}; stop: Ctrl+C)",
        f"  API  {url}/docs",
    ]
    if demo:
        body = msgspec.json.encode({"email": demo.login.email, "password": demo.login.password}).decode()
        lines += [
            f"  Demo account  {demo.login.email}  {demo.login.password}",
            f"                (from {services.settings.data_dir / DEMO_LOGIN}; delete that file to hide it)",
            f"  Sign in       curl -s {url}/v1/auth/login -H 'Content-Type: application/json' -d '{body}'",
            f"  Page          {demo.page_document}",
            f"  Channel       {demo.channel_document}",
        ]
    built_in = services.llm.providers.built_in
    if services.settings.llm_built_in:
        found = "tiny, for a first try" if built_in.is_available else "not installed, agents need a provider"
        lines.append(f"  Model         built in: {found} (docs/operations.md, Language models)")
    return "\n".join(lines)
