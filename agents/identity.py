"""Who an agent's run is: a principal of its own, with the rights of whoever it acts for.

What those rights are is `storage.access`'s to say, anew each time.
"""

from crdt.ports import Principal, PrincipalId
from storage.callers import invoker_of
from storage.models import AgentConfiguration, AgentRunLog


def principal_of(agent: AgentConfiguration, run: AgentRunLog) -> Principal:
    """Return whom the edits, messages and presence of a run are of."""
    return Principal(
        id=PrincipalId(f"agent:{agent.id}"),
        name=agent.name,
        kind="agent",
        run_id=str(run.run_id),
        acts_for=PrincipalId(invoker_of(run)),
    )
