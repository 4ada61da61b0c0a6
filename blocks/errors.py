"""What can go wrong in documents.

BlocksError
├── InvalidRichTextError   what should be a rich text in JSON is none
├── UnknownMessageError    there is no such message in the channel's document
├── UnknownBlockError      the page has no such block, or it is in the page's trash, or out of it
├── UnreadableBlockError   what the block contains cannot be changed by this version: it is kept as it is
├── TooManyElementsError   a text has more paragraphs, items, cells or changes of style than one may bring
└── InvalidContentError    what is to be written does not fit the type of the block, with its faults
"""

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """What is wrong at one place of a block: `content.columns.c1.name`, `position_x`."""

    path: str
    detail: str


class BlocksError(Exception):
    """The root of this package's errors; `code` is stable."""

    code = "blocks_error"


class InvalidRichTextError(BlocksError):
    """Something is no ProseMirror document; `path` says where: `content.0.attrs`."""

    code = "invalid_rich_text"

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}" if path else detail)
        self.path = path
        self.detail = detail


class TooManyElementsError(BlocksError):
    """A text has more in it than is read and compared in a moment; `most` is how much may be."""

    code = "too_many_elements"

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most

    def __str__(self) -> str:
        return (
            f"The text has more than {self.most:,} paragraphs, items and cells, or changes of style:"
            " write it in parts."
        )


class UnknownMessageError(BlocksError):
    """There is no such message in a channel's document: it was archived, or never there."""

    code = "unknown_message"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"There is no message {message_id} in the document.")
        self.message_id = message_id


class UnknownCommentError(BlocksError):
    """There is no such comment, or no such thread, in a document of comments."""

    code = "unknown_comment"

    def __init__(self, id_: str) -> None:
        super().__init__(f"There is no comment or thread {id_} in the document.")


class UnknownBlockError(BlocksError):
    """There is no such block."""

    code = "unknown_block"


class UnreadableBlockError(BlocksError):
    """The block is of a type or a schema version that is not known here, or contains something else."""

    code = "unreadable_block"


class InvalidContentError(BlocksError):
    """The content does not fit; nothing was written."""

    code = "invalid_content"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)  # as it is, so that it comes back whole from another process
        self.faults = faults

    def __str__(self) -> str:
        return f"{self.faults[0].path}: {self.faults[0].detail}"
