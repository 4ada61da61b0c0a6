"""What can go wrong with what is durable.

StorageError
├── InvalidDatabaseUrlError   the setting names no database that IONFLUX can open
├── StoreUnavailableError     not reachable, not writable, locked or full: worth another try later
│   └── NotCommittedError     nothing of a batch was or will be committed by that try
├── SchemaOutdatedError       the tables are older or newer than this program
├── ConstraintError           a write that the tables refuse, for instance a name that is taken
├── UnknownDocumentError      also a LookupError
├── UnknownWorkspaceError     also a LookupError
├── SnapshotBeyondLogError    a snapshot of rows that are not committed
├── UnknownPositionError      also a LookupError; the log never reached it, or it was pruned
├── VaultError                a stored secret cannot be opened
│   ├── UnknownKeyError       it is sealed under a key that is not here
│   ├── InvalidFilesUrlError      the setting names no place for files
├── FilesUnavailableError     the place for files fails at the moment
└── BrokenSealError       also a ValueError; it was changed, or belongs elsewhere
├── PruneRefusedError         something that is still needed would go with what is to be pruned
├── DatabaseNotEmptyError     rows of a backup would meet others
├── BadRowsError              also a ValueError; rows of a backup that do not fit their table
├── CorruptDocumentError      also a ValueError; its rows contradict each other: never served (D6)
└── LogClosedError            appended to a log that is closing, or closed before it could be committed

Messages are one line, made for people, and never contain a credential.
"""

from typing import ClassVar
from uuid import UUID


class StorageError(Exception):
    """The root. `code` is stable and made for machines."""

    code: ClassVar[str] = "storage_error"


class InvalidDatabaseUrlError(StorageError):
    """The address of the database cannot be understood."""

    code = "invalid_database_url"


class StoreUnavailableError(StorageError):
    """The database cannot be reached or written at the moment."""

    code = "store_unavailable"


class NotCommittedError(StoreUnavailableError):
    """A batch was not committed and will not be by itself, without any doubt; another try may do better."""


class SchemaOutdatedError(StorageError):
    """The tables are not those that this program was written for."""

    code = "schema_outdated"

    def __init__(self, current: str | None, head: str, *, is_newer: bool) -> None:
        self.current = current
        self.head = head
        found = f"at revision {current}" if current else "empty"
        cure = "it was written by a newer version: run that one" if is_newer else "run `ionflux migrate`"
        super().__init__(f"the database is {found}, this program needs revision {head}: {cure}")


class ConstraintError(StorageError):
    """The tables refuse a write. `constraint` is its name in the models, where the database tells it."""

    code = "constraint_violated"

    def __init__(self, constraint: str | None) -> None:
        self.constraint = constraint
        super().__init__(f"refused by the constraint {constraint or '(not named by the database)'}")


class UnknownDocumentError(StorageError, LookupError):
    """There is no document of this name."""

    code = "unknown_document"

    def __init__(self, document: str) -> None:
        self.document = document
        super().__init__(f"no document {document!r}")


class UnknownWorkspaceError(StorageError, LookupError):
    """There is no workspace with this id."""

    code = "unknown_workspace"

    def __init__(self, workspace_id: UUID) -> None:
        self.workspace_id = workspace_id
        super().__init__(f"no workspace {workspace_id}")


class VaultError(StorageError):
    """A stored secret cannot be opened. `place` says which: a column and a row."""

    code = "vault_error"


class UnknownKeyError(VaultError):
    """The key is not among those of this installation; `key` is its name, None where there is none at all."""

    code = "unknown_vault_key"

    def __init__(self, place: str, key: str | None) -> None:
        self.place = place
        self.key = key
        fault = (
            f"is sealed under the key {key}, which is not here" if key else "needs a key, and there is none"
        )
        super().__init__(f"the secret {place} {fault}: restore vault-keys.json from a backup")


class BrokenSealError(VaultError, ValueError):
    """The value was changed since it was sealed, or was sealed for another place."""

    code = "broken_seal"

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(f"the secret {place} is damaged, or was copied there from another place")


class CorruptDocumentError(StorageError, ValueError):
    """The stored rows of a document contradict each other."""

    code = "corrupt_document"

    def __init__(self, document: str, reason: str) -> None:
        self.document = document
        self.reason = reason
        super().__init__(f"document {document!r} is damaged: {reason}")


class SnapshotBeyondLogError(StorageError):
    """A snapshot claims to cover rows that the log does not have; it is not kept."""

    code = "snapshot_beyond_log"

    def __init__(self, document: str, position: int, head: int) -> None:
        self.document = document
        self.position = position
        self.head = head
        super().__init__(f"a snapshot at {position} of {document!r}, where the log ends at {head}")


class UnknownPositionError(StorageError, LookupError):
    """A position of the log that cannot be read back: not reached yet, or pruned."""

    code = "unknown_position"

    def __init__(self, document: str, position: int) -> None:
        self.document = document
        self.position = position
        super().__init__(f"position {position} of {document!r} cannot be read back")


class PruneRefusedError(StorageError):
    """Nothing was pruned, since no snapshot stands for it or for a named version in it."""

    code = "prune_refused"

    def __init__(self, document: str, position: int, missing: int) -> None:
        self.document = document
        self.position = position
        self.missing = missing
        super().__init__(f"{document!r} cannot be pruned to {position}: there is no snapshot at {missing}")


class DatabaseNotEmptyError(StorageError):
    """The database holds something that a backup would take the place of."""

    code = "database_not_empty"

    def __init__(self, database: str) -> None:
        super().__init__(
            f"the database {database} is not empty: a backup would take the place of everything in it "
            f"(--replace, with the server stopped)"
        )


class BadRowsError(StorageError, ValueError):
    """Rows that are to be taken in do not fit their table."""

    code = "bad_rows"

    def __init__(self, table: str, reason: str) -> None:
        self.table = table
        self.reason = reason
        super().__init__(f"rows of the table {table} cannot be read: {reason}")


class LogClosedError(StorageError):
    """The update log no longer takes, or no longer commits, what is appended."""

    code = "log_closed"


class InvalidFilesUrlError(StorageError):
    """The place for files cannot be used."""

    code = "invalid_files_url"


class FilesUnavailableError(StorageError):
    """Files cannot be read or written at the moment."""

    code = "files_unavailable"
