"""`python -m bench.runs`: what people who type notice of fifty runs of agents in the same process.

People type on a page, first by themselves, then while fifty runs at once each add a text to another page and
say so; the model is a stand-in on this machine that takes its time. Measured is how long a keystroke takes
until it is in another person's document. It fails where that is too long for one in a hundred.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx2

from bench.client import Client
from bench.measures import latencies, percentile
from bench.scenarios.keystrokes import Load, Pace, gather_crowd, settle
from bench.wire import Place
from tests.server.runs_world import DEFINITION, FAST, FREE, INPUTS, MODEL, OVER
from tests.services.ionflux import IonfluxServer
from tests.services.models import ModelServer, running_models

LIMIT_MS = 30.0
AGENTS = 5
RUNS_OF_AN_AGENT = 10
MODEL_MS = 1000
"""That the model thinks each time."""

LOAD = Load(documents=1, typists=10, readers=2, observers=2, strokes_per_second=4.0, seconds=10.0)
PEOPLE = 12
WORDS = "add a line and say so"

_SETTINGS = {
    "IONFLUX_ALLOW_PRIVATE_ADDRESSES": "true",
    "IONFLUX_LLM_BUILT_IN": "false",
    "IONFLUX_RUNS_PER_PROCESS": str(AGENTS * RUNS_OF_AN_AGENT),
    "IONFLUX_RUNS_PER_WORKSPACE": str(AGENTS * RUNS_OF_AN_AGENT),
    "IONFLUX_REQUESTS_PER_MINUTE_PER_USER": "0",
    "IONFLUX_REQUESTS_PER_MINUTE_PER_ADDRESS": "0",
}


class Office:
    """A workspace with people, a page that they type on, one that agents write on, and the agents."""

    def __init__(self, http: httpx2.AsyncClient, place: Place, page_id: str, agent_ids: list[str]) -> None:
        self.place = place
        self._http = http
        self._page_id = page_id
        self._agent_ids = agent_ids

    @classmethod
    async def open(cls, server: IonfluxServer, models: ModelServer) -> "Office":
        """Make it all."""
        people = [await server.person(f"Bench{number}") for number in range(PEOPLE)]
        owner, *others = people
        workspace = await owner.workspace()
        for person in others:
            await owner.invite(workspace, person, "member")
        path = f"/v1/workspaces/{workspace}"
        typed, written = await owner.page(workspace, "People"), await owner.page(workspace, "Agents")
        await owner.post(
            f"{path}/llm-providers", {"name": "Stand-in", "base_url": models.url, "models": [MODEL]}
        )
        yaml = f"{FAST}{FREE}limits: {{runs_at_once: {RUNS_OF_AN_AGENT}}}\n"
        body = {"agent_definition_id": DEFINITION, "yaml_config": yaml}
        agents = [await owner.post(f"{path}/agents", {"name": f"Agent {n}", **body}) for n in range(AGENTS)]
        headers = {"Authorization": f"Bearer {owner.token}"}
        http = httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=60)
        tokens = tuple(person.token for person in people)
        place = Place(server.socket_url("hocuspocus"), typed.name, is_hocuspocus=True, tokens=tokens)
        call = {"name": "add_text", "arguments": {"page_id": written.id, "markdown": "A line of an agent."}}
        models.answer(WORDS, {"toolCalls": [call]}, match={"hasToolResult": False}, latency=MODEL_MS)
        models.say(WORDS, "I have added a line.", match={"hasToolResult": True}, latency=MODEL_MS)
        return cls(http, place, written.id, [agent["id"] for agent in agents])

    async def run_all(self) -> None:
        """Have the agents do all their runs at once; return when they are over. Raises RuntimeError."""
        asked = {"prompt": WORDS, "inputs": INPUTS}
        begun = [
            self._http.post(f"/v1/agents/{agent_id}/runs", json=asked)
            for agent_id in self._agent_ids
            for _ in range(RUNS_OF_AN_AGENT)
        ]
        for answer in await asyncio.gather(*begun):
            answer.raise_for_status()
        while any(run["status"] not in OVER for run in await self._runs()):  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.5)  # asking costs the server, too
        failed = [run for run in await self._runs() if run["status"] != "success"]
        if failed:
            raise RuntimeError(f"{len(failed)} runs failed: {failed[0]['error_message']}")
        blocks = (await self._http.get(f"/v1/pages/{self._page_id}/blocks", params={"limit": 200})).json()[
            "items"
        ]
        if len(blocks) != AGENTS * RUNS_OF_AN_AGENT:
            raise RuntimeError(f"{len(blocks)} texts came of {AGENTS * RUNS_OF_AN_AGENT} runs")

    async def _runs(self) -> list[dict[str, Any]]:
        lists = [
            (await self._http.get(f"/v1/agents/{agent_id}/runs", params={"limit": 100})).json()["items"]
            for agent_id in self._agent_ids
        ]
        return [run for runs in lists for run in runs]

    async def close(self) -> None:
        """Forget the connection."""
        await self._http.aclose()


async def measure(server: IonfluxServer, models: ModelServer) -> tuple[list[float], list[float], float]:
    """Return the seconds of keystrokes by themselves and beside runs, and how long the runs took."""
    office = await Office.open(server, models)
    try:
        async with gather_crowd([office.place], LOAD) as crowd:
            (room,) = crowd
            typists = room[: LOAD.typists]
            observers = [client for client in room if client.view is not None]
            pace = Pace(typists, LOAD)
            await pace.type_for(2.0)
            quiet = await _type(pace, crowd, observers, typists, asyncio.sleep(0))
            started = perf_counter()
            runs = asyncio.create_task(office.run_all())
            beside = await _type(pace, crowd, observers, typists, runs)
            return quiet, beside, perf_counter() - started
    finally:
        await office.close()


async def _type(
    pace: Pace, crowd: list[list[Client]], observers: list[Client], typists: list[Client], until: Any
) -> list[float]:
    """Type for a while, and as long as something lasts; return the latencies."""
    since = perf_counter()
    lasting = asyncio.ensure_future(until)
    typed = 0.0
    while typed < LOAD.seconds or not lasting.done():
        await pace.type_for(1.0)
        typed += 1.0
    await lasting
    await settle(crowd, LOAD)
    return latencies(observers, typists, since)


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="ionflux-bench-") as folder, running_models(Path(folder)) as port:
        server, models = IonfluxServer(Path(folder), _SETTINGS, is_forked=False), ModelServer(port)
        try:
            server.start()
            quiet, beside, seconds = asyncio.run(measure(server, models))
        finally:
            server.close()
            models.close()
    count = AGENTS * RUNS_OF_AN_AGENT
    print(f"{count} runs of a call of a tool and an answer each took {seconds:.1f} s")
    print("| to another person's document, ms | p50 | p99 | longest |\n|---|---|---|---|")
    for name, found in (("people by themselves", quiet), (f"beside {count} runs", beside)):
        figures = (percentile(found, 0.5), percentile(found, 0.99), max(found))
        print(f"| {name} | {' | '.join(f'{figure * 1000:.1f}' for figure in figures)} |")
    if percentile(beside, 0.99) * 1000 > LIMIT_MS:
        sys.exit(f"over {LIMIT_MS:.0f} ms")


if __name__ == "__main__":
    main()
