"""Server-sent events of an API, a JSON text each, through the `openai` client. Imports it when it is loaded.

Read into Structs of our own: the client's models promise more than providers keep, and building them takes
seconds of the event loop.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

import msgspec
from openai import AsyncOpenAI, AsyncStream

from agents.llm.parts import BeginPart, MalformedPart, Part

T = TypeVar("T")


async def parts_of(
    client: AsyncOpenAI,
    path: str,
    parameters: dict[str, Any],
    kind: type[T],
    read: Callable[[T], Iterator[Part]],
) -> AsyncGenerator[Part]:
    """Post a request, and yield what is answered. Raises the client's errors, and MalformedPart."""
    stream = await client.post(
        path, body=parameters, cast_to=object, stream=True, stream_cls=AsyncStream[object]
    )
    has_begun = False
    async with stream:
        async for data in stream:
            try:
                event = msgspec.convert(data, kind)
            except msgspec.ValidationError as error:
                raise MalformedPart(str(error)) from error
            if not has_begun:
                has_begun = True
                yield BeginPart()
            for part in read(event):
                yield part
