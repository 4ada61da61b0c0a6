"""Inviting people by mail: the link, and what happens when somebody takes it. Knows no HTTP."""

from datetime import timedelta
from uuid import UUID

from integrations.mail.models import Mail
from server.mailing import Mailing
from server.opaque_tokens import hash_token, new_token, row_of_token
from server.tokens import is_same_hash
from storage.models import Invitation, User, Workspace
from storage.unit_of_work import UnitOfWork

LIFETIME = timedelta(days=7)

TEXT = """\
Hello,

{inviter} invites you to the workspace {workspace}. This link takes you there; it works once, within a week:

{link}

If you don't know them, nothing needs to be done.
"""


class Invitations:
    """Makes invitations and takes them."""

    def __init__(self, mailing: Mailing, public_url: str) -> None:
        self._mailing = mailing
        self._public_url = public_url

    def new_token(self, invitation_id: UUID) -> str:
        """Return a token for an invitation."""
        return new_token("ifi", invitation_id)

    async def send(
        self, uow: UnitOfWork, invitation: Invitation, token: str, workspace: Workspace, inviter: User
    ) -> None:
        """Mail an invitation once it is committed."""
        # In the fragment, which no browser sends and no log has (A1).
        link = f"{self._public_url}/account#invitation={token}"
        await self._mailing.post(
            uow,
            Mail(
                to=invitation.email,
                subject=f"{inviter.name} invites you to {workspace.name}",
                text=TEXT.format(inviter=inviter.name, workspace=workspace.name, link=link),
            ),
        )

    async def find(self, uow: UnitOfWork, token: str) -> tuple[Invitation, Workspace, User] | None:
        """Return the invitation of a token with its workspace and inviter; None where it is no good."""
        invitation_id = row_of_token("ifi", token)
        found = await uow.invitations.find_standing(invitation_id) if invitation_id else None
        return found if found and is_same_hash(found[0].token_hash, hash_token(token)) else None

    async def accept(self, uow: UnitOfWork, invitation: Invitation, user: User) -> None:
        """Make somebody a member; one who is there keeps their role. The mail has proved the address."""
        await uow.workspaces.lock(invitation.workspace_id)
        await uow.invitations.accept(invitation)
        await uow.users.set_verified(user)
        if await uow.workspaces.find_member(invitation.workspace_id, user.id):
            return
        await uow.workspaces.add_member(invitation.workspace_id, user.id, invitation.role)
        actor = f"user:{user.id}"
        payload = {"role": invitation.role, "invitation_id": str(invitation.id)}
        await uow.events.append(invitation.workspace_id, "member.added", actor, actor, payload)
