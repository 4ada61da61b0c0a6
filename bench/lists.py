"""`python -m bench.lists`: how long the API's long lists take over 100,000 rows, on SQLite and on Postgres.

The whole way of a request is measured, in this process: middleware, rights, queries, JSON. Each list is read
at its beginning, in the middle and near its end, fifty items at a time, and so is what a search finds, except
where it finds little. One of the lists is a channel of which the newest 2,000 messages are live and every
second one is in one thread; after all of it as much is said in other channels. It fails where a part takes
too long.
"""

import argparse
import asyncio
import base64
import re
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text

from bench.machine import describe_machine, describe_software
from bench.results import put_section
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
    ReadMark,
    SearchEntry,
    Session,
    User,
    Workspace,
)
from storage.search.index import ELSEWHERE, Entry, Place
from tests.server.api import Api, open_api
from tests.services.postgres import running_postgres

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Row = dict[str, Any]

Times = dict[str, list[float]]
"""Of a list: for each of its parts how long it took, in milliseconds."""

PARTS = ("beginning", "middle", "end")
ROWS = 100_000
LIMIT_MS = 100.0
REPEATS = 7
CHUNK = 5000

LIVE = 2000
"""Messages of the long channel that are in its document, too."""

READERS = 100
"""People who have a read mark there."""

PINS = 200
"""Pinned messages there; twice as many as there may be."""

OTHERS = 20
"""Channels with as many messages as that in all, all of them newer."""

FEW = 120
"""Messages that have the rare word."""

SYLLABLES = [f"{one}{other}" for one in "bdfgklmnprstvz" for other in "aeiou"]
"""Two of them are a word; one in seventy words begins with each."""


async def measure(url: str, folder: Path, rows: int) -> dict[str, Times]:
    """Return for each list what its parts took."""
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
        return {
            path: await time_list(ann, path.replace("{id}", workspace), at) for path, at in cursors.items()
        }


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
    await fill_channels(database, ids, workspace, now)
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
        f"/v1/channels/{ids[0]}/messages?thread_id={ids[0]}": [ids[rows // 2], ids[120]],
        f"/v1/channels/{ids[0]}/pins": [ids[rows // 2], ids[rows // 3]],
        "/v1/workspaces/{id}/unread": by_id,
    }


async def fill_channels(database: Database, ids: list[UUID], workspace: UUID, now: datetime) -> None:
    """Fill the channel that has the first id with a message of each id; after that others, as much in all."""
    said: list[Row] = []
    for number, one in enumerate(ids):
        is_live = number >= len(ids) - LIVE
        row = message_of(ids[0], one, workspace, now)
        row["archived_at"] = None if is_live else now
        row["thread_id"] = ids[0] if number % 2 else None
        row["pinned_by"] = "user:x" if number % (len(ids) // PINS) == 0 else None
        said.append(row)
    await add(database, ChatMessage, said)
    later = [message_of(ids[1 + n % OTHERS], database.new_id(), workspace, now) for n in range(len(ids))]
    await add(database, ChatMessage, [{**row, "thread_id": None, "pinned_by": None} for row in later])
    marks = [
        {"channel_id": ids[0], "principal_id": f"user:{one}", "message_id": one} for one in ids[-READERS:]
    ]
    await add(database, ReadMark, marks)


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
        places: list[object] = []
        for offset in (rows // 2, rows * 49 // 50):
            found = await uow.session.scalars(ids.offset(offset).limit(1))
            places.append(Place(ELSEWHERE, found.one()))
    async with database.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    words = {
        *("the", f"the in:{channels[1]}", "the from:me", f"ka* in:{channels[0]} from:me"),
        *('"launch plan"', "ka*", f"in:{channels[1]} from:me"),
    }
    path = "/v1/workspaces/{id}/search?q="
    few = ("walrus", f"the walrus in:{channels[0]}")
    return {path + quote(query): places for query in sorted(words)} | {
        path + quote(query): [] for query in few
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


async def time_list(ann: Api, path: str, cursors: list[object]) -> Times:
    """Return what the parts of a list took, each some times."""
    taken: Times = {}
    for part, cursor in zip(PARTS, (None, *cursors), strict=False):
        query = ("&" if "?" in path else "?") + "limit=50"
        if cursor is not None:
            query += "&cursor=" + base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()
        for _ in range(REPEATS):
            started = perf_counter()
            answer = await ann.client.get(path + query, headers={"Authorization": f"Bearer {ann.token}"})
            taken.setdefault(part, []).append((perf_counter() - started) * 1000)
            assert answer.status_code == 200, (path, answer.text)
            assert len(answer.json()["items"]) == 50, (path, query)
    return taken


def row_of(path: str, times: Times) -> str:
    """Return a row of the table: the median of each part, and the longest of all."""
    cells = [f"{median(times[part]):.1f}" if part in times else "" for part in PARTS]
    longest = max(max(some) for some in times.values())
    name = _ID.sub("{id}", unquote(path))
    return f"| `{name}` | {' | '.join(cells)} | {longest:.1f} |"


def report(rows: int, found: dict[str, dict[str, Times]]) -> str:
    """Return the section of the results."""
    lines = [
        "# Long lists",
        "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `python -m bench.lists`, medians of {REPEATS}, ms",
        f"- {describe_machine()}",
        f"- {describe_software()}",
    ]
    for database, lists in found.items():
        lines += ["", head_of(rows, database), *(row_of(path, times) for path, times in lists.items())]
    return "\n".join(lines)


def head_of(rows: int, database: str) -> str:
    """Return the head of a table."""
    return f"| over {rows:,} rows on {database} | {' | '.join(PARTS)} | longest |\n|---|---:|---:|---:|---:|"


def main() -> None:
    """Measure on both databases, print tables and write them into the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"of each kind ({ROWS:,})")
    rows: int = parser.parse_args().rows
    found: dict[str, dict[str, Times]] = {}
    for name in ("SQLite", "Postgres"):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder / 'ionflux.db'}"
            if name == "Postgres":
                server = stack.enter_context(running_postgres())
                url = stack.enter_context(server.empty_database())
            found[name] = asyncio.run(measure(url, folder, rows))
        print(head_of(rows, name))
        print("\n".join(row_of(path, times) for path, times in found[name].items()), flush=True)
    if rows == ROWS:
        put_section(report(rows, found))
    too_slow = [
        f"{path} on {name}"
        for name, lists in found.items()
        for path, times in lists.items()
        if any(median(some) > LIMIT_MS for some in times.values())
    ]
    if too_slow:
        sys.exit(f"over {LIMIT_MS:.0f} ms: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
