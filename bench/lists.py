"""`python -m bench.lists`: how long the API's long lists take over 100,000 rows, on SQLite and on Postgres.

The whole way of a request is measured, in this process: middleware, rights, queries, JSON. Each list is read
at its beginning, in the middle and near its end, fifty items at a time, and so is what a search finds, except
where it finds little. It fails where one takes too long.
"""

import argparse
import asyncio
import base64
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text

from blocks.order import key_between
from server.app import create_app
from server.bootstrap import open_services
from server.data_folder import read_secrets
from server.settings import Settings
from storage import migrations
from storage.engine import Database
from storage.models import (
    AuditEntry,
    Channel,
    ChatMessage,
    Membership,
    Model,
    Page,
    SearchEntry,
    Session,
    User,
    Workspace,
)
from storage.search.index import ELSEWHERE, Entry, Place
from tests.server.api import Api, open_api
from tests.services.postgres import running_postgres

Row = dict[str, Any]

LIMIT_MS = 100.0
REPEATS = 7
CHUNK = 5000

FEW = 120
"""Messages that have the rare word."""

SYLLABLES = [f"{one}{other}" for one in "bdfgklmnprstvz" for other in "aeiou"]
"""Two of them are a word; one in seventy words begins with each."""


async def measure(url: str, folder: Path, rows: int) -> list[tuple[str, float, float]]:
    """Return for each list its median and its longest time in milliseconds."""
    settings = Settings(
        data_dir=folder, password_hash_memory_kib=8, password_hash_passes=1, requests_per_minute_per_user=0
    )
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        await migrations.upgrade(database)
        services = await stack.enter_async_context(open_services(settings, read_secrets(folder), database))
        api = await stack.enter_async_context(open_api(create_app(services)))
        ann = await api.sign_up("ann")
        workspace = (await ann.made("/v1/workspaces", {"name": "Large"}))["id"]
        cursors = await fill(database, UUID(workspace), UUID(ann.user["id"]), rows)
        cursors |= await fill_search(database, UUID(workspace), UUID(ann.user["id"]), rows)
        return [
            (path, *await time_list(ann, path.replace("{id}", workspace), at)) for path, at in cursors.items()
        ]


async def fill(database: Database, workspace: UUID, user: UUID, rows: int) -> dict[str, list[object]]:
    """Add the rows; return for each list the cursors of its middle and its end."""
    async with database.read() as uow:
        now, new_id = uow.now, uow.new_id
    stamps: Row = {"created_at": now, "updated_at": now}
    ids = [new_id() for _ in range(rows)]
    keys = [key_between(None, None)]
    for _ in range(rows - 1):
        keys.append(key_between(keys[-1], None))
    page: Row = {"workspace_id": workspace, "title": "x", "created_by_user_id": user, **stamps}
    own: Row = {"user_id": user, "created_at": now}
    person: Row = {"name": "x", "password_hash": "-", "profile_info": {}, **stamps}
    people = [{**person, "id": one, "email": f"{n}@x.example"} for n, one in enumerate(ids)]
    await add(database, User, people)
    member: Row = {"workspace_id": workspace, "role": "member", "created_at": now}
    await add(database, Membership, [{**member, "user_id": one} for one in ids])
    await add(database, Page, [{**page, "id": one, "order_key": k} for one, k in zip(ids, keys, strict=True)])
    thrown: list[Row] = [{**page, "id": new_id(), "order_key": "z", "trashed_at": now} for _ in ids]
    await add(database, Page, thrown)
    channel: Row = {
        "workspace_id": workspace,
        "name": "x",
        "type": "public",
        "created_by_user_id": user,
        **stamps,
    }
    await add(database, Channel, [{**channel, "id": one} for one in ids])
    entry: Row = {"action": "member.added", "details": {}, "created_at": now}
    await add(database, AuditEntry, [{**entry, "id": one, "workspace_id": workspace} for one in ids])
    session: Row = {
        "user_agent": "x",
        "address": "x",
        "last_used_at": now,
        "expires_at": now.replace(year=2100),
    }
    await add(
        database,
        Session,
        [{**own, **session, "id": one, "refresh_token_hash": f"h{n}"} for n, one in enumerate(ids)],
    )
    spaces: list[Row] = [
        {"id": one, "name": "x", "owner_user_id": user, "settings": {}, **stamps} for one in ids
    ]
    await add(database, Workspace, spaces)
    mine: Row = {"role": "owner", **own}
    await add(database, Membership, [{**mine, "workspace_id": one} for one in ids])
    await add(database, ChatMessage, [message_of(ids[0], one, workspace, now) for one in ids])
    async with database.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    places = (rows // 2, rows - 60)
    by_id: list[object] = [ids[n] for n in places]
    return {
        "/v1/workspaces": by_id,
        "/v1/workspaces/{id}/members": by_id,
        "/v1/workspaces/{id}/pages": [(keys[n], ids[n]) for n in places],
        "/v1/workspaces/{id}/trash": [],
        "/v1/workspaces/{id}/channels": by_id,
        "/v1/workspaces/{id}/audit": by_id,
        "/v1/me/sessions": by_id,
        f"/v1/channels/{ids[0]}/messages": [ids[rows // 2], ids[60]],
    }


async def fill_search(database: Database, workspace: UUID, user: UUID, rows: int) -> dict[str, list[object]]:
    """Let messages of two channels be found; return for each search a cursor, if it is long."""
    dice = Random(1)
    vocabulary = [f"{one}{other}" for one in SYLLABLES for other in SYLLABLES]
    async with database.read() as uow:
        now = uow.now
        channels = list(await uow.session.scalars(select(Channel.id).order_by(Channel.id).limit(2)))
    for start in range(0, rows, CHUNK):
        entries: list[tuple[UUID, Entry]] = []
        for number in range(start, min(start + CHUNK, rows)):
            words = ["the", *dice.choices(vocabulary, k=12)]
            words += ["launch", "plan"] if number % 10 == 0 else []
            words += ["walrus"] if number % (rows // FEW) == 0 else []
            author = f"user:{user}" if number % 2 else f"user:{channels[0]}"
            written_at = now - timedelta(seconds=10 * (rows - number))
            entry = Entry(str(database.new_id()), author, written_at, body=" ".join(words))
            entries.append((channels[number % 3 == 0], entry))
        async with database.transaction() as uow:
            for channel in channels:
                some = [entry for where, entry in entries if where == channel]
                await uow.search.put(workspace, "message", channel, some)
    async with database.read() as uow:
        ids = select(SearchEntry.id).order_by(SearchEntry.id.desc())
        middle: list[object] = [
            Place(ELSEWHERE, id_) for id_ in await uow.session.scalars(ids.offset(rows // 2).limit(1))
        ]
    async with database.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    words = {
        *("the", f"the in:{channels[1]}", "the from:me", f"ka* in:{channels[0]} from:me"),
        *('"launch plan"', "ka*", f"in:{channels[1]} from:me"),
    }
    path = "/v1/workspaces/{id}/search?q="
    found = {path + quote(query): middle for query in sorted(words)}
    return found | {
        path + quote(query): list[object]() for query in ("walrus", f"the walrus in:{channels[0]}")
    }


def message_of(channel_id: UUID, message_id: UUID, workspace_id: UUID, now: datetime) -> Row:
    """Return a message that has left its channel's document."""
    return {
        "channel_id": channel_id,
        "id": message_id,
        "workspace_id": workspace_id,
        "sender_id": "user:x",
        "sender_type": "user",
        "content_type": "text",
        "content": {"text": "x"},
        "created_at": now,
        "deleted": False,
        "reactions": [],
        "archived_at": now,
        "digest": b"x",
    }


async def add(database: Database, model: type[Model], rows: list[Row]) -> None:
    """Insert rows, many at a time."""
    async with database.engine.begin() as connection:
        for start in range(0, len(rows), CHUNK):
            await connection.execute(insert(model), rows[start : start + CHUNK])


async def time_list(ann: Api, path: str, cursors: list[object]) -> tuple[float, float]:
    """Return the median and the longest time of a list's parts."""
    taken: list[float] = []
    for cursor in (None, *cursors):
        query = ("&" if "?" in path else "?") + "limit=50"
        if cursor is not None:
            query += "&cursor=" + base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()
        for _ in range(REPEATS):
            started = perf_counter()
            answer = await ann.client.get(path + query, headers={"Authorization": f"Bearer {ann.token}"})
            taken.append((perf_counter() - started) * 1000)
            assert answer.status_code == 200, (path, answer.text)
            assert len(answer.json()["items"]) == 50, (path, query)
    return median(taken), max(taken)


def main() -> None:
    """Measure on both databases and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="of each kind (100,000)")
    rows: int = parser.parse_args().rows
    too_slow: list[str] = []
    print(f"| list over {rows:,} rows | database | median ms | longest ms |\n|---|---|---|---|")
    for name in ("SQLite", "Postgres"):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder / 'ionflux.db'}"
            if name == "Postgres":
                server = stack.enter_context(running_postgres())
                url = stack.enter_context(server.empty_database())
            for path, usual, longest in asyncio.run(measure(url, folder, rows)):
                print(f"| `{unquote(path)}` | {name} | {usual:.1f} | {longest:.1f} |", flush=True)
                if usual > LIMIT_MS:
                    too_slow.append(f"{path} on {name}")
    if too_slow:
        sys.exit(f"over {LIMIT_MS:.0f} ms: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
