"""Notes the status of an answer while it is sent, for whoever tells of it afterwards."""

from starlette.types import Message, Send


class NotingSend:
    """A `Send` that remembers the status; 0 as long as nothing is answered."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int = 0

    async def __call__(self, message: Message) -> None:
        """Send a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
