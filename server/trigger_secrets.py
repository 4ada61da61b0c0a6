"""Secrets of webhooks that start agents: made, sealed in the vault, opened to check who calls."""

import secrets
from datetime import datetime
from uuid import UUID

from integrations.signatures import SECRET_BYTES, new_secret
from storage.models import AgentTrigger
from storage.vault import Vault, place_of

_TABLE = AgentTrigger.__tablename__


class TriggerSecrets:
    """The secrets of all triggers."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def make(self, trigger_id: UUID) -> tuple[str, bytes]:
        """Return a new secret, for people to see once and sealed to be stored."""
        secret = new_secret(secrets.token_bytes(SECRET_BYTES))
        return secret, self._vault.seal(secret, place_of(_TABLE, "secret", trigger_id))

    def retire(self, trigger: AgentTrigger) -> bytes | None:
        """Return the present secret sealed for the place of the previous one."""
        if trigger.secret is None:
            return None
        secret = self._vault.open(trigger.secret, place_of(_TABLE, "secret", trigger.id))
        return self._vault.seal(secret, place_of(_TABLE, "previous_secret", trigger.id))

    def good(self, trigger: AgentTrigger, now: datetime) -> list[str]:
        """Return the secrets that callers may sign with now."""
        found: list[str] = []
        if trigger.secret is not None:
            found.append(self._vault.open(trigger.secret, place_of(_TABLE, "secret", trigger.id)))
        until = trigger.previous_secret_until
        if trigger.previous_secret is not None and until is not None and until > now:
            place = place_of(_TABLE, "previous_secret", trigger.id)
            found.append(self._vault.open(trigger.previous_secret, place))
        return found
