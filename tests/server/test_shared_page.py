"""What a share link leads to: a page without a script, what is below it, and nothing else."""

import io
import logging
import re
from typing import Any

import pytest
from PIL import Image

from tests.server.api import Api
from tests.server.conftest import Clock

HTML = {"Accept": "text/html,application/xhtml+xml"}
JSON = {"Accept": "application/json"}


async def page_of(api: Api, workspace: str, title: str, **more: Any) -> dict[str, Any]:
    return await api.made(f"{workspace}/pages", {"title": title, **more})


async def write(api: Api, page: dict[str, Any], markdown: str) -> None:
    answer = await api.put(f"/v1/pages/{page['id']}/markdown", {"markdown": markdown})
    assert answer.status_code == 200, answer.text


async def share(api: Api, page: dict[str, Any], **more: Any) -> str:
    link = await api.made(f"/v1/pages/{page['id']}/share-links", more)
    return f"/shared/{link['token']}"


async def look(api: Api, path: str, **headers: str) -> Any:
    return await api.client.get(path, headers={**HTML, **headers})


async def test_a_link_shows_the_page_and_what_is_below_it(api: Api, ann: Api, workspace: str):
    above = await page_of(ann, workspace, "Confidential plans")
    page = await page_of(ann, workspace, "Press & <kit>", parent_page_id=above["id"])
    child = await page_of(ann, workspace, "Prices", parent_page_id=page["id"])
    await write(
        ann,
        page,
        f"# Hello\n\n[down](page:{child['id']}) [up](page:{above['id']}) [out](https://example.com/)\n\n"
        "<script>alert(1)</script>",
    )
    link = await share(ann, page)
    seen = await look(api, link)
    assert (seen.status_code, seen.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Press &amp; &lt;kit&gt;</h1>" in seen.text
    assert f'href="{link}/{child["id"]}"' in seen.text
    assert 'href="https://example.com/"' in seen.text
    assert "up" in seen.text
    for secret in (above["id"], "Confidential", workspace.rpartition("/")[2], ann.user["id"], "<script"):
        assert secret not in seen.text
    policy = seen.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "noindex" in seen.headers["x-robots-tag"]
    below = await look(api, f"{link}/{child['id']}")
    assert f'href="{link}/{page["id"]}"' in below.text
    for elsewhere in (above["id"], "018f0000-0000-7000-8000-000000000000"):
        assert (await look(api, f"{link}/{elsewhere}")).status_code == 404
    shown = (await api.client.get(link, headers=JSON)).json()
    assert (shown["title"], shown["above"]) == ("Press & <kit>", None)
    assert [one["title"] for one in shown["children"]] == ["Prices"]


async def test_a_title_is_shown_once(api: Api, ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Prices")
    await write(ann, page, "# Prices\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n# Prices")
    seen = (await look(api, await share(ann, page))).text
    assert seen.count(">Prices</h1>") == 2, "above all, and where it is not the first heading"
    assert '<td align="right">' in seen


async def test_a_mention_of_a_person_says_a_name_and_no_more(api: Api, ann: Api, workspace: str):
    page = await page_of(ann, workspace, "Team")
    mention = {"type": "mention", "attrs": {"id": ann.user["id"], "kind": "user", "label": "Ann"}}
    doc = {"type": "doc", "content": [{"type": "paragraph", "content": [mention]}]}
    await ann.made(f"/v1/pages/{page['id']}/blocks", {"type": "text", "content": {"doc": doc}})
    seen = await look(api, await share(ann, page))
    assert "<p>@Ann</p>" in seen.text
    assert ann.user["id"] not in seen.text


async def test_pictures_are_shown_as_far_as_the_links_maker_may_see_them(
    api: Api, ann: Api, bob: Api, workspace: str
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"]})
    page, closed = await page_of(ann, workspace, "Open"), await page_of(ann, workspace, "Closed")
    await ann.patch(f"/v1/pages/{closed['id']}/access", {"mode": "restricted"})
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    for document in (page["document"], closed["document"]):
        sent = await ann.request(
            "POST", f"{workspace}/files", params={"document": document}, content=data.getvalue()
        )
        content = {"file_id": sent.json()["id"], "alt": f"of {document}"}
        await ann.made(f"/v1/pages/{page['id']}/blocks", {"type": "image", "content": content})
    of_ann = (await look(api, await share(ann, page))).text
    of_bob = (await look(api, await share(bob, page))).text
    assert (of_ann.count("<img"), of_bob.count("<img")) == (2, 1)
    assert f"of {closed['document']}" in of_bob
    source = re.findall(r'<img src="([^"]+)"', of_bob)[0].replace("&amp;", "&")
    picture = await api.client.get(source)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")


async def test_a_link_ends(api: Api, ann: Api, workspace: str, clock: Clock):
    page = await page_of(ann, workspace, "Plan")
    made = await ann.made(f"/v1/pages/{page['id']}/share-links", {})
    expiring = await share(ann, page, expires_at=(clock.now.replace(year=clock.now.year + 1)).isoformat())
    revoked = f"/shared/{made['token']}"
    assert (await look(api, revoked)).status_code == 200
    await ann.delete(f"/v1/pages/{page['id']}/share-links/{made['id']}")
    clock.forward(days=1)
    assert [(await look(api, path)).status_code for path in (revoked, expiring)] == [404, 200]
    clock.forward(days=400)
    gone = await look(api, expiring)
    assert (gone.status_code, gone.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert (await api.client.get(expiring, headers=JSON)).json()["code"] == "not_found"
    for nonsense in ("/shared/x", "/shared/ifs_" + "0" * 32 + "_" + "a" * 43):
        assert (await look(api, nonsense)).status_code == 404


async def test_a_link_with_a_password_asks_for_it(api: Api, ann: Api, workspace: str, clock: Clock):
    page = await page_of(ann, workspace, "Secret")
    child = await page_of(ann, workspace, "Below", parent_page_id=page["id"])
    link, other = [await share(ann, page, password="open sesame") for _ in range(2)]
    asked = await look(api, link)
    assert asked.status_code == 401
    assert '<form method="post">' in asked.text
    assert "Secret" not in asked.text
    assert (await look(api, f"{link}/{child['id']}")).status_code == 401
    wrong = await api.client.post(link, data={"password": "something"}, headers=HTML)
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    right = await api.client.post(link, data={"password": "open sesame"}, headers=HTML)
    assert (right.status_code, right.headers["location"]) == (303, link)
    cookie = right.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", f"Path={link}"} <= set(cookie.split("; "))
    api.client.cookies.clear()
    has_been_in = {"Cookie": cookie.partition(";")[0]}
    assert "Secret" in (await look(api, link, **has_been_in)).text
    assert "Below" in (await look(api, f"{link}/{child['id']}", **has_been_in)).text
    api.client.cookies.clear()
    assert (await look(api, other, **has_been_in)).status_code == 401
    clock.forward(hours=1)
    assert (await look(api, link, **has_been_in)).status_code == 401


async def test_a_password_is_not_tried_for_ever(api: Api, ann: Api, workspace: str):
    link = await share(ann, await page_of(ann, workspace, "Secret"), password="open sesame")
    tried = [
        (await api.client.post(link, data={"password": str(n)}, headers=HTML)).status_code for n in range(6)
    ]
    assert tried == [401, 401, 401, 401, 401, 429]
    for data in (b"x=1", b"\xff", b"password=" + b"x" * 10_000):
        odd = await api.client.post(link, content=data, headers=HTML)
        assert odd.status_code in (400, 413, 429)


async def test_what_opens_a_link_is_in_no_log(
    api: Api, ann: Api, workspace: str, caplog: pytest.LogCaptureFixture
):
    link = await share(ann, await page_of(ann, workspace, "Plan"))
    with caplog.at_level(logging.INFO, "ionflux.request"):
        await look(api, link)
    assert "'/shared/...'" in caplog.text
    assert link not in caplog.text


async def test_a_visitor_of_the_api_learns_nothing_of_what_is_above(api: Api, ann: Api, workspace: str):
    above = await page_of(ann, workspace, "Above")
    page = await page_of(ann, workspace, "Page", parent_page_id=above["id"])
    child = await page_of(ann, workspace, "Child", parent_page_id=page["id"])
    closed = await page_of(ann, workspace, "Closed", parent_page_id=page["id"])
    await ann.patch(f"/v1/pages/{closed['id']}/access", {"mode": "restricted"})
    token = (await ann.made(f"/v1/pages/{page['id']}/share-links", {}))["token"]
    visit = (await api.post("/v1/share-links/open", {"token": token})).json()
    visitor = Api(api.client, api.description, visit["access_token"])
    told = [visit["page"], (await visitor.get(f"/v1/pages/{page['id']}")).json()]
    assert [one["parent_page_id"] for one in told] == [None, None]
    path = f"/v1/pages/{page['id']}/children"
    assert [one["id"] for one in (await visitor.get(path)).json()["items"]] == [child["id"]]
    mine = (await ann.get(path)).json()["items"]
    assert [one["id"] for one in mine] == [child["id"], closed["id"]]
