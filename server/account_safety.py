"""Passwords that are forgotten or changed, addresses that are proved, sessions that are ended. Knows no HTTP.

Proof of an address is a mailed token: good once, for an hour or a few days, of which only a hash is stored.
Asking for one answers the same, and as fast, whether there is an account or not.
"""

from datetime import timedelta
from uuid import UUID

from integrations.mail.models import Mail
from server.mailing import Mailing, MailRequest
from server.opaque_tokens import hash_token, new_token, row_of_token
from server.passwords import Passwords
from storage.engine import Database
from storage.models import User
from storage.models.account_tokens import Purpose
from storage.unit_of_work import UnitOfWork

RESET_LIFETIME = timedelta(hours=1)
VERIFICATION_LIFETIME = timedelta(days=3)

RESET_TEXT = """\
Hello {name},

somebody, you most likely, asked for a new password for your account. This link sets it; it works once,
within an hour:

{link}

If it was not you, nothing needs to be done: the password stays as it is.
"""

VERIFICATION_TEXT = """\
Hello {name},

this link tells us that this address is yours; it works once, within three days:

{link}

If you have no account here, somebody mistook your address for theirs. Nothing needs to be done.
"""


class AccountSafety:
    """What an account's owner does to keep it theirs."""

    def __init__(self, database: Database, passwords: Passwords, mailing: Mailing, public_url: str) -> None:
        self._database = database
        self._passwords = passwords
        self._mailing = mailing
        self._public_url = public_url
        mailing.makers["password_reset"] = self._make_reset
        mailing.makers["email_verification"] = self._make_verification

    async def request_password_reset(self, uow: UnitOfWork, email: str, address: str) -> None:
        """Mail a link that sets a new password, if there is such an account."""
        await self._mailing.request(uow, MailRequest("password_reset", email.lower(), address))

    async def request_verification(self, uow: UnitOfWork, user_id: UUID) -> None:
        """Mail a link that proves the account's address, unless that is proved."""
        await self._mailing.request(uow, MailRequest("email_verification", str(user_id)))

    async def reset_password(self, token: str, password: str, address: str) -> bool:
        """Set the password of a token's account and end its sessions; False where the token is no good."""
        token_id = row_of_token("ift", token)
        if token_id is None:
            return False
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as uow:
            user = await self._use(uow, token_id, "password_reset", token)
            if user is None:
                return False
            await uow.users.set_password(user, password_hash)
            await uow.users.set_verified(user)
            ended = await uow.sessions.revoke_all(user.id, "password")
            self._note(uow, user.id, "account.password_reset", address, sessions_ended=ended)
        return True

    async def verify_email(self, token: str, address: str) -> bool:
        """Take a token for the proof that its account's address is right; False where it is no good."""
        token_id = row_of_token("ift", token)
        if token_id is None:
            return False
        async with self._database.transaction() as uow:
            user = await self._use(uow, token_id, "email_verification", token)
            if user is None:
                return False
            await uow.users.set_verified(user)
            self._note(uow, user.id, "account.email_verified", address)
        return True

    async def change_password(
        self, user_id: UUID, session_id: UUID | None, current: str, new: str, address: str
    ) -> bool:
        """Set a password and end all other sessions; False when the current one is not right."""
        async with self._database.read() as uow:
            user = await uow.users.get(user_id)
        if not await self._passwords.verify(user.password_hash if user else None, current) or user is None:
            return False
        password_hash = await self._passwords.hash(new)
        async with self._database.transaction() as uow:
            found = await uow.users.get(user_id)
            if found is None or found.password_hash != user.password_hash:
                return False
            await uow.users.set_password(found, password_hash)
            await uow.account_tokens.forget(user_id, "password_reset")
            ended = await uow.sessions.revoke_all(user_id, "password", but=session_id)
            self._note(uow, user_id, "account.password_changed", address, sessions_ended=ended)
        return True

    async def _make_reset(self, uow: UnitOfWork, request: MailRequest) -> Mail | None:
        user = await uow.users.find_by_email(request.about)
        if user is None:
            return None
        token = await self._create(uow, user, "password_reset", RESET_LIFETIME)
        self._note(uow, user.id, "account.password_reset_requested", request.address)
        return self._write(user, "Set a new password", RESET_TEXT, f"reset={token}")

    async def _make_verification(self, uow: UnitOfWork, request: MailRequest) -> Mail | None:
        user = await uow.users.get(UUID(request.about))
        if user is None or user.email_verified_at is not None:
            return None
        token = await self._create(uow, user, "email_verification", VERIFICATION_LIFETIME)
        return self._write(user, "Confirm your address", VERIFICATION_TEXT, f"verify={token}")

    def _write(self, user: User, subject: str, text: str, fragment: str) -> Mail:
        # A fragment is sent to no server and so gets into no log.
        link = f"{self._public_url}/account#{fragment}"
        return Mail(to=user.email, subject=subject, text=text.format(name=user.name, link=link))

    async def _create(self, uow: UnitOfWork, user: User, purpose: Purpose, lifetime: timedelta) -> str:
        token_id = uow.new_id()
        token = new_token("ift", token_id)
        await uow.account_tokens.create(
            token_id,
            user.id,
            purpose,
            email=user.email,
            secret_hash=hash_token(token),
            expires_at=uow.now + lifetime,
        )
        return token

    async def _use(self, uow: UnitOfWork, token_id: UUID, purpose: Purpose, token: str) -> User | None:
        """Use a token up and return its user; a mailbox that is not the account's any more proves nothing."""
        used = await uow.account_tokens.use(token_id, purpose, hash_token(token))
        user = await uow.users.get(used.user_id) if used else None
        return user if used and user and user.email == used.email else None

    def _note(self, uow: UnitOfWork, user_id: UUID, action: str, address: str, **details: int) -> None:
        actor = f"user:{user_id}"
        uow.audit.add(action, user_id=user_id, actor=actor, subject=actor, address=address, details=details)
