"""What an operator does from the command line besides serving: tables, accounts, keys, documents."""

from uuid import UUID

import msgspec

from server.bootstrap import open_database, open_passwords
from server.data_folder import prepare_data_folder
from server.deactivation import deactivate, reactivate
from server.errors import InvalidError, StartError
from server.parsing import parse_body
from server.rest.auth import Registration
from server.settings import Settings
from server.sign_in import add_account
from server.vault_keys import VaultKeyFile
from storage import migrations
from storage.errors import ConstraintError, UnknownDocumentError
from storage.models import Role
from storage.resealing import count_stale, reseal
from storage.vault import Vault, key_name


class NewUser(msgspec.Struct, frozen=True):
    """An account to make, with the workspace it belongs to at once."""

    email: str
    name: str
    password: str
    workspace_id: str | None = None
    role: Role = "member"


async def migrate(settings: Settings) -> str:
    """Bring the database to this version's tables and say what was done."""
    prepare_data_folder(settings.data_dir)
    async with open_database(settings) as database:
        found = await migrations.upgrade(database)
    if found.is_current:
        return f"The database {database} is up to date (revision {found.head})."
    return f"The database {database} went from {found.current or 'nothing'} to revision {found.head}."


async def create_user(settings: Settings, new: NewUser) -> str:
    """Make an account and say so. Raises StartError with the reason why not."""
    registration = _check(new)
    workspace_id = _parse_id(new.workspace_id)
    prepare_data_folder(settings.data_dir)
    async with open_database(settings) as database:
        await migrations.require_current(database)
        with open_passwords(settings) as passwords:
            password_hash = await passwords.hash(registration.password)
        try:
            async with database.transaction() as uow:
                user = await add_account(uow, registration.email, registration.name, password_hash)
                if workspace_id:
                    if await uow.workspaces.get(workspace_id) is None:
                        raise StartError(f"there is no workspace {workspace_id}")
                    await uow.workspaces.add_member(workspace_id, user.id, new.role)
                    payload = {"role": new.role}
                    await uow.events.append(workspace_id, "member.added", None, f"user:{user.id}", payload)
        except ConstraintError as error:
            raise StartError(f"there is an account with the address {registration.email}") from error
    place = f" and is {new.role} of workspace {workspace_id}" if workspace_id else ""
    return f"{user.email} can sign in{place} (id {user.id})."


async def rotate_keys(settings: Settings) -> str:
    """Bring every stored secret under a new key, beside a running server, and say what was done.

    A rotation that was cut off is finished first, without yet another key. Raises VaultError at a secret that
    cannot be opened, before anything is changed.
    """
    prepare_data_folder(settings.data_dir)
    keys = VaultKeyFile(settings.data_dir)
    vault = Vault(keys)
    async with open_database(settings) as database:
        await migrations.require_current(database)
        stale, total = await count_stale(database, vault)
        newest = keys()[-1] if stale else keys.add()
        moved = await reseal(database, vault)
    if stale:
        return (
            f"A rotation had been cut off: {moved} of {total} secrets came under its key "
            f"{key_name(newest)} now. Run this again for a new key."
        )
    return (
        f"The new key is {key_name(newest)}; {moved} secrets came under it. {keys.path} keeps the older keys."
    )


async def reset_document(settings: Settings, name: str) -> str:
    """Begin a document anew, empty (D7), and say so. Raises StartError when there is none."""
    prepare_data_folder(settings.data_dir)
    async with open_database(settings) as database:
        await migrations.require_current(database)
        try:
            async with database.transaction() as uow:
                ended = (await uow.documents.epochs([name])).get(name)
                document = await uow.documents.reset(name)
                if document.workspace_id is not None:
                    payload = {"epoch": document.epoch}
                    await uow.events.append(document.workspace_id, "document.reset", None, name, payload)
        except UnknownDocumentError as error:
            raise StartError(f"there is no document {name}") from error
    return f"{name} is empty now, in epoch {document.epoch}. What it was is kept as {name}@{ended}."


async def set_active(settings: Settings, email: str, *, is_active: bool) -> str:
    """Deactivate an account or put it back, and say so. Raises StartError where there is none."""
    async with open_database(settings) as database:
        await migrations.require_current(database)
        async with database.transaction() as uow:
            user = await uow.users.find_by_email(email.lower())
            if user is None:
                raise StartError(f"there is no account with the address {email}")
            if is_active:
                await reactivate(uow, user)
                return f"{user.email} can sign in again."
            await deactivate(uow, user, actor=None)
            if await uow.workspaces.is_last_owner(user.id):
                return f"{user.email} is deactivated, and was the last owner of a workspace."
            return f"{user.email} is deactivated."


def _check(new: NewUser) -> Registration:
    """Hold the account to the rules that registering has."""
    body = msgspec.json.encode({"email": new.email, "name": new.name, "password": new.password})
    try:
        return parse_body(body, Registration)
    except InvalidError as error:
        fault = error.errors[0]
        raise StartError(f"{fault.path.removeprefix('body.')}: {fault.detail.lower()}") from error


def _parse_id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise StartError(f"{text!r} is not the id of a workspace") from error
