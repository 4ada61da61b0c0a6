"""Money: what a call may cost is reserved before it, and what it has cost is entered after it."""

from uuid import UUID

import msgspec

from agents.llm.errors import BudgetExceededError
from agents.llm.messages import Request, Usage
from agents.llm.models import Model
from agents.llm.routing import most
from storage.engine import Database
from storage.models import LlmBudget, LlmCall, LlmOutcome
from storage.repositories.llm import Amount, Overdraft

SLACK_SECONDS = 60.0
"""How much longer than a call its reservation counts, if the process is killed meanwhile."""

_WHOSE = {
    "workspace": "This workspace's budget for the month",
    "user": "This person's budget for the month",
    "run": "The budget of this run",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is over, as it is entered: once, however often it is settled."""

    id: UUID
    provider: str
    model: str
    usage: Usage
    attempts: int
    outcome: LlmOutcome
    error: str | None
    duration_ms: int


class Ledger:
    """The money of all calls of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.new_id = database.new_id

    async def reserve(
        self, request: Request, model: Model, spent: Usage, before: UUID | None, *, seconds: float
    ) -> UUID | None:
        """Set aside what the call may come to with one more attempt, in place of what was set aside `before`.

        None where there is no budget to keep to. Raises BudgetExceededError; then all stays as it was.
        """
        amount = Amount(spent.input_tokens + spent.output_tokens, spent.cost_micros).plus(
            most(request, model)
        )
        limit = request.max_cost_micros
        if limit is not None and amount.cost_micros > limit:
            raise BudgetExceededError(
                f"The call could cost {dollars(amount.cost_micros)}; it may cost {dollars(limit)}.",
                scope=None,
                budget_id=None,
            )
        async with self._database.read() as uow:
            if not await uow.llm_ledger.has_budgets(request.payer.workspace_id):
                return before
        async with self._database.transaction() as uow:
            # Its deletion locks the workspace before what goes with it.
            if not await uow.workspaces.keep(request.payer.workspace_id):
                return None
            if before is not None:
                await uow.llm_ledger.release(before)
            outcome = await uow.llm_ledger.reserve(request.payer, amount, seconds=seconds + SLACK_SECONDS)
            if isinstance(outcome, Overdraft):
                raise _refusal(outcome, amount)
            return outcome

    async def tell_exhausted(self, request: Request, refusal: BudgetExceededError) -> None:
        """Have an event tell, once a month for each budget, that it refuses calls."""
        if refusal.budget_id is None:
            return
        payer = request.payer
        async with self._database.transaction() as uow:
            if not await uow.workspaces.keep(payer.workspace_id):
                return
            budget = await uow.llm_budgets.get(refusal.budget_id)
            if budget is None or not await uow.llm_ledger.note_exhausted(budget):
                return
            payload = {
                "scope": budget.scope,
                "user_id": str(payer.user_id) if payer.user_id and budget.scope == "user" else None,
                "run_id": str(payer.run_id) if payer.run_id and budget.scope == "run" else None,
                "limit": limits(budget),
            }
            await uow.events.append(
                payer.workspace_id, "llm_budget.exhausted", None, f"llm_budget:{budget.id}", payload
            )

    async def settle(self, request: Request, entry: Entry, reservation: UUID | None) -> None:
        """Enter a call, and give back what was set aside for it. One that has used nothing is not entered."""
        has_used = entry.usage.input_tokens + entry.usage.output_tokens > 0
        if reservation is None and not has_used:
            return
        payer = request.payer
        async with self._database.transaction() as uow:
            if not await uow.workspaces.keep(payer.workspace_id):
                return  # it was deleted, with its reservations
            if not has_used:
                assert reservation is not None
                await uow.llm_ledger.release(reservation)
                return
            call = LlmCall(
                id=entry.id,
                workspace_id=payer.workspace_id,
                user_id=payer.user_id,
                run_id=payer.run_id,
                step=request.step if payer.run_id is not None else None,
                task=request.task,
                provider=entry.provider,
                model=entry.model,
                input_tokens=entry.usage.input_tokens,
                output_tokens=entry.usage.output_tokens,
                cost_micros=entry.usage.cost_micros,
                is_estimate=entry.usage.is_estimate,
                attempts=entry.attempts,
                outcome=entry.outcome,
                error=entry.error,
                duration_ms=entry.duration_ms,
                created_at=uow.now,
            )
            await uow.llm_ledger.settle(call, reservation)


def dollars(micros: int) -> str:
    """Return money as people write it."""
    text = f"{micros / 1_000_000:.6f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents.ljust(2, '0')}"


def limits(budget: LlmBudget) -> str:
    """Return a budget's limits in words."""
    money = dollars(budget.limit_micros) if budget.limit_micros is not None else ""
    tokens = f"{budget.limit_tokens:,} tokens" if budget.limit_tokens is not None else ""
    return " and ".join(one for one in (money, tokens) if one)


def _refusal(overdraft: Overdraft, amount: Amount) -> BudgetExceededError:
    budget, used = overdraft.budget, overdraft.used
    return BudgetExceededError(
        f"{_WHOSE[budget.scope]} is {limits(budget)}. {dollars(used.cost_micros)} and {used.tokens:,} tokens "
        f"are spent or reserved, and this call could take {dollars(amount.cost_micros)} and "
        f"{amount.tokens:,} tokens.",
        scope=budget.scope,
        budget_id=budget.id,
    )
