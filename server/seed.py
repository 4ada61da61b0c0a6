"""What `serve --seed` makes in an empty installation: a demo account, a workspace, a page and a channel.

The workspace has an agent and a few templates, too.
"""

import secrets
from typing import Any
from uuid import UUID

import msgspec
import pycrdt

from blocks import channel
from blocks.channel_content import Text
from blocks.order import FIRST, key_between
from blocks.page_edits import Stamp
from crdt.ports import DocumentName, Principal, PrincipalId
from server.bootstrap import Services
from server.data_folder import DemoLogin, read_demo_login, write_demo_login
from server.pages.making import Content, Draft, add_pages
from server.seed_templates import FOLDER, TEMPLATES
from server.seed_welcome import PAGE_TITLE, add_welcome_agent, write_welcome
from server.sign_in import add_account
from storage.errors import ConstraintError
from storage.ids import Uuid7
from storage.unit_of_work import UnitOfWork

EMAIL = "demo@ionflux.local"
HOST = Principal(id=PrincipalId("system:welcome"), name="IONFLUX", kind="system")

CHANNEL_LINE = "Hello! This channel is a live document too. Begin a message with / to see who can be asked."


class First(msgspec.Struct, frozen=True):
    """What a workspace begins with."""

    page_id: UUID
    channel_id: UUID
    agent_id: UUID | None


async def seed(services: Services) -> None:
    """Fill an installation that has no users yet; do nothing in any other."""
    async with services.database.read() as uow:
        if await uow.users.count():
            return
    # The file comes first: an account whose password nobody knows would be of no use.
    folder = services.settings.data_dir
    write_demo_login(folder, DemoLogin(EMAIL, secrets.token_urlsafe(12)))
    login = read_demo_login(folder)
    assert login
    password_hash = await services.accounts.hash_password(login.password)
    try:
        first = await _create_workspace(services, login, password_hash)
    except ConstraintError:
        return  # another process was faster
    await seed_content(services, first)


async def seed_content(services: Services, first: First) -> None:
    """Write the first lines into the page and the channel, as a peer like any other (R8)."""
    created_at = services.clock().isoformat()
    new_id = Uuid7()
    async with services.hub.join(DocumentName(f"page:{first.page_id}"), HOST) as page:
        stamp = Stamp(created_at, HOST.id)
        write_welcome(page.doc, first.agent_id, new_id=lambda: str(new_id()), stamp=stamp)
        await page.saved()
    async with services.hub.join(DocumentName(f"channel:{first.channel_id}"), HOST) as replica:
        channel.post(
            replica.doc,
            str(new_id()),
            Text(CHANNEL_LINE),
            sender_id=HOST.id,
            sender_type="agent",
            created_at=created_at,
        )
        await replica.saved()


async def _create_workspace(services: Services, login: DemoLogin, password_hash: str) -> First:
    """Make everything that is in the database, all or nothing."""
    async with services.database.transaction() as uow:
        user = await add_account(uow, login.email, "Demo", password_hash)
        workspace = await uow.workspaces.create("Welcome", user.id)
        page = await uow.pages.create(
            workspace.id,
            title=PAGE_TITLE,
            parent=None,
            icon_url=None,
            order_key=FIRST,
            created_by_user_id=user.id,
        )
        channel = await uow.channels.create(
            workspace.id, name="general", type="public", description=None, created_by_user_id=user.id
        )
        actor = f"user:{user.id}"
        await _add_templates(uow, workspace.id, user.id, actor)
        for event, document in (
            ("page.created", f"page:{page.id}"),
            ("channel.created", f"channel:{channel.id}"),
        ):
            await uow.documents.create(document, workspace.id)
            await uow.events.append(workspace.id, event, actor, document)
        agent_id = await add_welcome_agent(uow, workspace.id, user.id, page.id)
    return First(page.id, channel.id, agent_id)


async def _add_templates(uow: UnitOfWork, workspace_id: UUID, user_id: UUID, actor: str) -> None:
    stamp = Stamp(uow.now.isoformat(), actor)
    drafts: list[Draft] = []
    key = FIRST
    for template in (FOLDER, *TEMPLATES):
        key = key_between(key, None)
        doc = pycrdt.Doc[Any]()
        block_ids = template.write(doc, new_id=lambda: str(uow.new_id()), stamp=stamp)
        drafts.append(
            Draft(
                id=uow.new_id(),
                above=drafts[0].id if drafts else None,
                title=template.title,
                icon_url=None,
                order_key=key,
                content=Content(doc.get_update(), doc.client_id, block_ids),
            )
        )
    pages = await add_pages(uow, workspace_id, drafts, parent=None, user_id=user_id, actor=actor)
    for page in pages[1:]:
        page.is_template = True
        await uow.pages.change(page)
