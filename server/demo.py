"""The demo account, where there is one: what the words at the start say of it."""

import msgspec

from server.bootstrap import Services
from server.data_folder import DemoLogin, read_demo_login


class Demo(msgspec.Struct, frozen=True):
    """What a newcomer needs for a first look."""

    login: DemoLogin
    page_document: str
    channel_document: str


async def find_demo(services: Services) -> Demo | None:
    """Return the demo account, or None once its file, its account or its first page is gone."""
    login = read_demo_login(services.settings.data_dir)
    if login is None:
        return None
    async with services.database.read() as uow:
        user = await uow.users.find_by_email(login.email)
        if user is None:
            return None
        rows = await uow.workspaces.list_of_user(user.id, after=None, limit=1)
        if not rows:
            return None
        workspace_id = rows[0][0].id
        pages = await uow.pages.list_tree(workspace_id, reader=None, after=None, limit=1)
        channels = await uow.channels.list_visible(workspace_id, user.id, after=None, limit=1)
    if not pages or not channels:
        return None
    return Demo(login, f"page:{pages[0].id}", f"channel:{channels[0].id}")
