"""Server-sent events of an API, a JSON text each, through the `openai` client. Imports it when it is loaded.

Read into Structs of our own: the client's models promise more than providers keep, and building them takes
seconds of the event loop.
"""

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import msgspec
from openai import AsyncOpenAI, AsyncStream

from agents.llm.parts import MalformedPart

T = TypeVar("T")


async def stream_of(
    client: AsyncOpenAI, path: str, parameters: dict[str, Any], kind: type[T]
) -> AsyncGenerator[T]:
    """Post a request, and yield what is answered. Raises the client's errors, and MalformedPart."""
    stream = await client.post(
        path, body=parameters, cast_to=object, stream=True, stream_cls=AsyncStream[object]
    )
    async with stream:
        async for data in stream:
            try:
                yield msgspec.convert(data, kind)
            except msgspec.ValidationError as error:
                raise MalformedPart(str(error)) from error
