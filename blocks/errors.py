"""What can go wrong in documents.

BlocksError
└── UnknownMessageError    there is no such message in the channel's document
"""


class BlocksError(Exception):
    """The root of this package's errors; `code` is stable."""

    code = "blocks_error"


class UnknownMessageError(BlocksError):
    """There is no such message in a channel's document: it was archived, or never there."""

    code = "unknown_message"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"There is no message {message_id} in the document.")
        self.message_id = message_id
