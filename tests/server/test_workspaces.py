from tests.server.api import Api


async def test_a_workspace_belongs_to_its_maker(ann: Api, bob: Api):
    made = await ann.made("/v1/workspaces", {"name": "Ours"})
    assert (made["role"], made["owner_user_id"]) == ("owner", ann.user["id"])
    assert (await ann.get("/v1/workspaces")).json()["items"] == [made]
    assert (await bob.get("/v1/workspaces")).json()["items"] == []


async def test_a_workspace_begins_with_a_prompt_library(ann: Api, workspace: str):
    (library,) = (await ann.get(f"{workspace}/prompt-libraries")).json()["items"]
    assert f"/v1/workspaces/{library['workspace_id']}" == workspace
    assert (await ann.get(f"/v1/prompt-libraries/{library['id']}/prompts")).json()["items"] == []


async def test_an_outsider_cannot_learn_that_it_exists(ann: Api, bob: Api, workspace: str):
    nothing = workspace[:-12] + "000000000000"
    for path in (workspace, nothing):
        for answer in (
            await bob.get(path),
            await bob.patch(path, {"name": "Mine"}),
            await bob.delete(path),
            await bob.get(f"{path}/members"),
            await bob.get(f"{path}/pages"),
            await bob.post(f"{path}/pages", {"title": "x"}),
            await bob.get(f"{path}/channels"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_admins_rename_and_members_do_not(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com"})
    refused = await bob.patch(workspace, {"name": "New"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    await ann.patch(f"{workspace}/members/{bob.user['id']}", {"role": "admin"})
    assert (await bob.patch(workspace, {"name": "New"})).json()["name"] == "New"
    assert (await ann.get(workspace)).json()["name"] == "New"


async def test_only_owners_delete_and_everything_goes(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    page = await ann.made(f"{workspace}/pages", {"title": "P"})
    assert (await bob.delete(workspace)).status_code == 403
    assert (await ann.delete(workspace)).status_code == 204
    assert (await ann.get(workspace)).status_code == 404
    assert (await ann.get(f"/v1/pages/{page['id']}")).status_code == 404


async def test_members_are_added_by_address(ann: Api, bob: Api, workspace: str):
    added = await ann.made(f"{workspace}/members", {"email": "BOB@example.com", "role": "guest"})
    assert (added["user_id"], added["role"]) == (bob.user["id"], "guest")
    again = await ann.post(f"{workspace}/members", {"email": "bob@example.com"})
    assert (again.status_code, again.json()["code"]) == (409, "already_member")
    unknown = await ann.post(f"{workspace}/members", {"email": "no@example.com"})
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (422, "body.email")
    listed = (await bob.get(f"{workspace}/members")).json()["items"]
    assert [(member["name"], member["role"]) for member in listed] == [("Ann", "owner"), ("Bob", "guest")]


async def test_the_last_owner_stays(ann: Api, bob: Api, workspace: str):
    ann_path, bob_path = (f"{workspace}/members/{who.user['id']}" for who in (ann, bob))
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    for refused in (await ann.delete(ann_path), await ann.patch(ann_path, {"role": "admin"})):
        assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    await ann.patch(bob_path, {"role": "owner"})
    assert (await ann.delete(ann_path)).status_code == 204
    assert (await bob.get(workspace)).json()["owner_user_id"] == bob.user["id"]
    assert (await ann.get(workspace)).status_code == 404


async def test_admins_do_not_touch_owners(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    ann_path, bob_path = (f"{workspace}/members/{who.user['id']}" for who in (ann, bob))
    assert (await bob.delete(ann_path)).status_code == 403
    assert (await bob.patch(ann_path, {"role": "guest"})).status_code == 403
    assert (await bob.patch(bob_path, {"role": "owner"})).status_code == 403
    assert (await bob.post(f"{workspace}/members", {"email": "x@y.z", "role": "owner"})).status_code == 403


async def test_anyone_may_leave(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    assert (await bob.delete(f"{workspace}/members/{ann.user['id']}")).status_code == 403
    assert (await bob.delete(f"{workspace}/members/{bob.user['id']}")).status_code == 204
    assert (await bob.get(workspace)).status_code == 404
    assert (await ann.delete(f"{workspace}/members/{bob.user['id']}")).status_code == 404


async def test_a_workspace_has_the_settings_it_is_given(ann: Api, bob: Api):
    llm = {"provider": "OpenAI", "model": "gpt-4", "options": {"temperature": 0.5}}
    made = await ann.made("/v1/workspaces", {"name": "Ours", "settings": {"default_llm_config": llm}})
    assert made["settings"] == {"default_llm_config": llm}
    path = f"/v1/workspaces/{made['id']}"
    assert (await ann.patch(path, {"name": "Mine"})).json()["settings"] == made["settings"]
    assert (await ann.patch(path, {"settings": {}})).json()["settings"] == {"default_llm_config": None}
    await ann.made(f"{path}/members", {"email": "bob@example.com"})
    assert (await bob.patch(path, {"settings": {}})).status_code == 403


async def test_settings_that_cannot_be_kept_are_refused(ann: Api):
    deep: dict[str, object] = {}
    for _ in range(20):
        deep = {"x": deep}
    for config, place in (
        ({"model": "a\0b"}, ".model"),
        ({"a\0b": 1}, ""),
        ({"n": [1, 2**53 + 1]}, ".n[1]"),
        (deep, ".x" * 19),
        ({"many": [0] * 2001}, ""),
    ):
        body = {"name": "Ours", "settings": {"default_llm_config": config}}
        refused = await ann.post("/v1/workspaces", body)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["path"] == f"body.settings.default_llm_config{place}"


async def test_a_workspace_names_its_members(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "guest"})
    await ann.made("/v1/workspaces", {"name": "Alone"})
    both = [ann.user["id"], bob.user["id"]]
    assert (await bob.get(workspace)).json()["member_user_ids"] == both
    listed = (await ann.get("/v1/workspaces")).json()["items"]
    assert [found["member_user_ids"] for found in listed] == [both, [ann.user["id"]]]
    parts = (await ann.get("/v1/workspaces", params={"limit": 1})).json()["items"]
    assert [found["member_user_ids"] for found in parts] == [both]
