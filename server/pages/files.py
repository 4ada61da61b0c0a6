"""Whether somebody may read a file that a page shows."""

from storage.access import document_right, owned_standing
from storage.callers import Caller
from storage.models import File
from storage.unit_of_work import UnitOfWork


async def may_read_file(uow: UnitOfWork, caller: Caller, file: File) -> bool:
    """Tell whether somebody may read a file: by the page or channel it belongs to, or their role."""
    if file.document is not None:
        return await document_right(uow, caller, file.document) != "none"
    found = await owned_standing(uow.files, caller, file.id)
    return found is not None and found[1].allows("files.read")
