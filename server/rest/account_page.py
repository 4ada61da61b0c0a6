"""A plain page for what mailed links are for: a password, an address, an invitation. It loads nothing else.

It is at `/account` where the page to work in, which has views for it, was not built (`web_page.py`).
"""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>IONFLUX account</title>
<link rel="icon" href="data:,">
</head>
<body>
<main>
<h1>Your account</h1>
<form id="form" hidden>
<p id="about"></p>
<label id="naming" hidden>Your name: <input id="name" autocomplete="name"></label>
<label id="field"><span id="asked">New password, 8 characters or more:</span>
<input id="password" type="password" autocomplete="new-password" minlength="8"></label>
<button id="button"></button>
</form>
<p id="said" role="status">This page needs JavaScript and the link of a mail.</p>
</main>
<script src="/account/page.js"></script>
</body>
</html>
"""

SCRIPT = """const [kind, token] = location.hash.slice(1).split("=");
const at = (id) => document.getElementById(id);
// The token is not to stay in the address bar or the history.
history.replaceState(null, "", location.pathname);
const known = {
  reset: ["Set the password", "/v1/auth/password-reset/confirm", "The password is set. You can sign in."],
  verify: ["Confirm the address", "/v1/auth/verify-email", "The address is confirmed."],
  unsubscribe: ["End these mails", "/v1/notification-mails/unsubscribe", "You get no more of these mails."],
  invitation: ["Join", "/v1/invitations/join", "You are in. You can sign in."],
};
const post = (path, body) => fetch(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
async function tellOfInvitation() {
  const answer = await post("/v1/invitations/preview", { token });
  const told = await answer.json();
  at("form").hidden = !answer.ok;
  if (!answer.ok) {
    at("said").textContent = told.detail;
    return;
  }
  at("about").textContent = `${told.inviter_name} invites ${told.email} to ${told.workspace_name}.`;
  at("naming").hidden = told.has_account;
  at("name").required = !told.has_account;
  if (told.has_account) at("asked").textContent = "The password of your account:";
}
if (token && known[kind]) {
  const [label, path, done] = known[kind];
  at("said").textContent = "";
  at("button").textContent = label;
  const isAsked = kind === "reset" || kind === "invitation";
  at("field").hidden = !isAsked;
  at("password").required = isAsked;
  at("form").hidden = false;
  if (kind === "invitation") tellOfInvitation();
  at("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { token };
    if (kind === "reset") body.new_password = at("password").value;
    if (kind === "invitation") body.password = at("password").value;
    if (kind === "invitation" && !at("naming").hidden) body.name = at("name").value;
    const query = kind === "unsubscribe" ? `?token=${encodeURIComponent(token)}` : "";
    const answer = await post(path + query, body);
    at("form").hidden = answer.ok;
    at("said").textContent = answer.ok ? done : (await answer.json()).detail;
  });
} else {
  at("said").textContent = "Open the link of a mail to get here.";
}
"""


def account_page_routes() -> list[BaseRoute]:
    """Return the route of what the page loads."""
    return [Route("/account/page.js", _get_script)]


def plain_account_page() -> Response:
    """Return the page."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


async def _get_script(request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript")
