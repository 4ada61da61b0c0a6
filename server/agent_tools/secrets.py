"""The secrets that agents show to servers of tools."""

from urllib.parse import urlsplit

from storage.engine import Database
from storage.models import AgentConfiguration
from storage.vault import Vault, place_of


class StoredSecrets:
    """Gives secrets, each for its own host alone: no configuration can send one elsewhere."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def secret_for(self, agent: AgentConfiguration, name: str, url: str) -> str | None:
        """Return a secret of an agent for an address; None where there is none for it."""
        async with self._database.read() as uow:
            secret = await uow.agent_secrets.get(agent.id, name)
        if secret is None or secret.host != (urlsplit(url).hostname or ""):
            return None
        return self._vault.open(secret.value, place_of("agent_secrets", "value", secret.id))
