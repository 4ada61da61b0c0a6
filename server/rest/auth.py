"""Registering, signing in, refreshing and signing out; and one's own account."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.data_folder import DemoLogin
from server.errors import ConflictError, FieldError, NotFoundError, UnauthenticatedError
from server.opaque_tokens import row_of_token
from server.rest.fields import Email, Name, Password, Prose, Time, Token, Url
from server.routing import Call, Routes, UserCall
from server.sign_in import Device, EmailTakenError, SignedIn
from storage.models import User
from storage.unit_of_work import UnitOfWork

routes = Routes("Accounts")


class ProfileInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person tells about themself."""

    avatar_url: Url | None = None
    bio: Prose | None = None


class UserAnswer(msgspec.Struct, frozen=True):
    """An account, as its owner sees it."""

    id: UUID
    email: str
    name: str
    profile_info: ProfileInfo
    stripe_customer_id: Annotated[
        str | None, Meta(description="Set by billing alone: whoever chose it could spend another's money.")
    ]
    email_verified_at: Annotated[
        Time | None, Meta(description="When the address was proved by a mailed link; null before.")
    ]
    created_at: Time
    updated_at: Time


class SessionAnswer(msgspec.Struct, frozen=True):
    """A session's tokens. A refresh token works once; using an old one ends the session."""

    user: UserAnswer
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds until the access token ends."""


class BrowserSessionAnswer(msgspec.Struct, frozen=True):
    """Who is signed in with the cookie, and what their changes have to bring in `X-CSRF-Token`."""

    user: UserAnswer
    csrf_token: str


class SignInOptions(msgspec.Struct, frozen=True):
    """Which ways to sign in there are here, besides address and password."""

    demo: Annotated[
        bool,
        Meta(description="Whether the demo account opens without a password; on the server's machine only."),
    ]


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new account."""

    email: Email
    password: Password
    name: Name


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one signs in with."""

    email: Email
    password: Password


class RefreshToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest refresh token of a session."""

    refresh_token: Token


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    profile_info: ProfileInfo | UnsetType = UNSET


@routes.post("/v1/auth/register", status=201, refuses=(409, 429, 503))
async def register(call: Call, body: Registration) -> SessionAnswer:
    """Make an account and sign in. A link that confirms the address is mailed."""
    call.answer_headers |= call.services.login_limits.count_address(call.address)
    accounts = call.services.accounts
    try:
        user = await accounts.create(
            body.email, body.name, body.password, call.services.account_safety.request_verification
        )
    except EmailTakenError as error:
        raise ConflictError(
            "There is an account with this address.",
            code="email_taken",
            errors=(FieldError("body.email", "Already registered"),),
        ) from error
    return show_session(await accounts.begin_session(user, device_of(call)))


@routes.post("/v1/auth/login", refuses=(401, 429, 503))
async def log_in(call: Call, body: Login) -> SessionAnswer:
    """Sign in with address and password."""
    limits = call.services.login_limits
    email = body.email.lower()
    limits.count_address(call.address)
    call.answer_headers |= limits.count_account(email)
    signed_in = await call.services.accounts.sign_in(email, body.password, device_of(call))
    if signed_in is None:
        raise UnauthenticatedError("Address and password do not fit.", code="invalid_credentials")
    limits.forgive_account(email)
    return show_session(signed_in)


@routes.post("/v1/auth/refresh", refuses=(401,))
async def refresh(call: Call, body: RefreshToken) -> SessionAnswer:
    """Exchange a refresh token for new tokens.

    Each refresh token works once. One that is used again ends its session: it was copied.
    """
    signed_in = await call.services.accounts.refresh(body.refresh_token)
    if signed_in is None:
        raise UnauthenticatedError(
            "The refresh token is unknown, used or expired. Sign in again.", code="invalid_refresh_token"
        )
    return show_session(signed_in)


@routes.post("/v1/auth/logout")
async def log_out(call: Call, body: RefreshToken) -> None:
    """End the session of a refresh token; its access tokens end with it."""
    await call.services.accounts.sign_out(body.refresh_token)


@routes.get("/v1/auth/options")
async def get_sign_in_options(call: Call) -> SignInOptions:
    """Return what a page for signing in offers."""
    return SignInOptions(demo=_demo_login(call) is not None)


@routes.post("/v1/auth/demo-session", refuses=(401, 404, 429))
async def begin_demo_session(call: Call) -> BrowserSessionAnswer:
    """Sign in a browser on the server's own machine to the demo account that `serve --seed` made.

    Elsewhere, and once the demo's file is deleted or its password is another, there is no such thing.
    """
    login = _demo_login(call)
    if login is None or not call.services.browser_sessions.is_own_page(call.request.headers):
        raise NotFoundError("There is no demo account to open here.")
    return await _begin_browser_session(call, login.email, login.password)


@routes.post("/v1/auth/browser-session", refuses=(401, 429, 503))
async def begin_browser_session(call: Call, body: Login) -> BrowserSessionAnswer:
    """Sign in a browser: the session is in an HttpOnly cookie.

    Requests that change something then need the header `X-CSRF-Token`. Sockets of the same origin need no
    token.
    """
    return await _begin_browser_session(call, body.email.lower(), body.password)


async def _begin_browser_session(call: Call, email: str, password: str) -> BrowserSessionAnswer:
    limits = call.services.login_limits
    limits.count_address(call.address)
    call.answer_headers |= limits.count_account(email)
    signed_in = await call.services.accounts.sign_in_browser(email, password, device_of(call))
    if signed_in is None:
        raise UnauthenticatedError("Address and password do not fit.", code="invalid_credentials")
    limits.forgive_account(email)
    browsers = call.services.browser_sessions
    left = signed_in.expires_at - call.services.clock()
    call.answer_headers["Set-Cookie"] = browsers.cookie(
        signed_in.credential, seconds=int(left.total_seconds())
    )
    return BrowserSessionAnswer(show_user(signed_in.user), browsers.csrf_token(signed_in.credential))


@routes.get("/v1/auth/browser-session", "account")
async def get_browser_session(call: UserCall, uow: UnitOfWork) -> BrowserSessionAnswer:
    """Return who is signed in, and the session's CSRF token: for a page that was loaded anew."""
    browsers = call.services.browser_sessions
    return BrowserSessionAnswer(show_user(await _me(call, uow)), browsers.csrf_token(call.credential))


@routes.delete("/v1/auth/browser-session", "account")
async def end_browser_session(call: UserCall) -> None:
    """Sign out here, and have the cookie forgotten; a session that is in no cookie goes on."""
    if row_of_token("ifb", call.credential) is not None:
        await call.services.accounts.end_session(call.session_id)
    call.answer_headers["Set-Cookie"] = call.services.browser_sessions.cookie("", seconds=0)


@routes.get("/v1/me", "signed_in")
async def get_me(call: UserCall, uow: UnitOfWork) -> UserAnswer:
    """Return one's own account."""
    return show_user(await _me(call, uow))


@routes.patch("/v1/me", "account")
async def change_me(call: UserCall, uow: UnitOfWork, body: AccountChange) -> UserAnswer:
    """Change one's name or profile; a profile is replaced as a whole."""
    user = await _me(call, uow)
    await uow.users.change(
        user,
        name=None if body.name is UNSET else body.name,
        profile_info=None if body.profile_info is UNSET else _profile_to_store(body.profile_info),
    )
    return show_user(user)


def show_user(user: User) -> UserAnswer:
    """Return a user as its owner sees it."""
    return UserAnswer(
        id=user.id,
        email=user.email,
        name=user.name,
        profile_info=msgspec.convert(user.profile_info, ProfileInfo),
        stripe_customer_id=user.stripe_customer_id,
        email_verified_at=user.email_verified_at,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def show_session(signed_in: SignedIn) -> SessionAnswer:
    """Return what a client needs to go on."""
    return SessionAnswer(
        user=show_user(signed_in.user),
        access_token=signed_in.access_token,
        refresh_token=signed_in.refresh_token,
        expires_in=signed_in.access_token_seconds,
    )


def _profile_to_store(profile: ProfileInfo) -> dict[str, Any]:
    return msgspec.structs.asdict(profile)


def device_of(call: Call) -> Device:
    """Return where somebody signs in from."""
    agent = call.request.headers.get("user-agent", "")
    return Device(user_agent="".join(filter(str.isprintable, agent)), address=call.address)


def _demo_login(call: Call) -> DemoLogin | None:
    return call.services.demo_door.login_for(call.address, call.request.headers)


async def _me(call: UserCall, uow: UnitOfWork) -> User:
    user = await uow.users.get(call.user_id)
    if user is None:
        raise UnauthenticatedError("This account is no more.", code="invalid_token")
    return user
