"""Documents that come with a page, made when somebody first asks for one: the comments on it."""

from storage.callers import parse_document_name
from storage.engine import Database
from storage.errors import ConstraintError

COMMENTS = "comments"


async def make_companion(database: Database, name: str) -> None:
    """Let the document of a page's comments exist; any other name is left alone."""
    parsed = parse_document_name(name)
    if parsed is None or parsed[0] != COMMENTS:
        return
    async with database.read() as uow:
        page = await uow.pages.get(parsed[1])
        if page is None or await uow.documents.exists(name):
            return
    try:
        async with database.transaction() as uow:
            await uow.documents.create(name, page.workspace_id)
    except ConstraintError:
        # Somebody else has made it at the same moment, or the workspace is no more.
        return
