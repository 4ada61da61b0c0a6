"""What calls of language models cost: reserving before, settling after, and how much is left.

Limits are checked and money is reserved in one transaction that holds the workspace's budgets, so that calls
at the same time cannot overdraw them together.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, delete, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AgentRunLog, LlmBudget, LlmCall, LlmMonth, LlmReservation
from storage.repositories.upserts import insert_into

EVERYBODY = ""
"""The subject of a budget that is not one person's."""


class Payer(msgspec.Struct, frozen=True):
    """On whose account a call is: the workspace's, and if there are such, a person's and a run's."""

    workspace_id: UUID
    user_id: UUID | None = None
    run_id: UUID | None = None


class Amount(msgspec.Struct, frozen=True):
    """Tokens and money."""

    tokens: int = 0
    cost_micros: int = 0

    def plus(self, other: "Amount") -> "Amount":
        """Return both together."""
        return Amount(self.tokens + other.tokens, self.cost_micros + other.cost_micros)

    def fits(self, budget: LlmBudget) -> bool:
        """Tell whether this is within a limit."""
        return (budget.limit_micros is None or self.cost_micros <= budget.limit_micros) and (
            budget.limit_tokens is None or self.tokens <= budget.limit_tokens
        )


class Overdraft(msgspec.Struct, frozen=True):
    """A budget that a call would not fit, with what is spent of it and reserved."""

    budget: LlmBudget
    used: Amount


class MonthLine(msgspec.Struct, frozen=True):
    """What one person's calls to one model came to in a month."""

    person: str
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


IS_CALLED: ColumnElement[bool] = AgentRunLog.cause.startswith("run:")
"""Whether another run has called a run, and waits for it; one that came of an event is on its own."""


def month_of(moment: datetime) -> str:
    """Return a moment's month, in UTC."""
    return f"{moment:%Y-%m}"


class LlmLedger:
    """Calls, months and reservations of all workspaces. Budgets themselves are `owned` rows."""

    def __init__(self, session: AsyncSession, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._session = session
        self._now = now
        self._new_id = new_id

    async def has_budgets(self, workspace_id: UUID) -> bool:
        """Tell whether a workspace has any limit."""
        found = select(LlmBudget.id).where(LlmBudget.workspace_id == workspace_id).limit(1)
        return await self._session.scalar(found) is not None

    async def reserve(self, payer: Payer, most: Amount, *, seconds: float) -> UUID | Overdraft | None:
        """Set the most that a call may cost aside, for so long; None where there is no budget to keep to.

        An Overdraft tells which budget it would not fit; then nothing is reserved.
        """
        budgets = (await self._session.scalars(_concerned(payer).with_for_update())).all()
        if not budgets:
            return None
        await self._session.execute(
            delete(LlmReservation)
            .where(LlmReservation.workspace_id == payer.workspace_id, LlmReservation.expires_at < self._now)
            .execution_options(synchronize_session=False)
        )
        for budget in budgets:
            used = await self.used(budget, payer)
            if not used.plus(most).fits(budget):
                return Overdraft(budget, used)
        reservation = LlmReservation(
            id=self._new_id(),
            workspace_id=payer.workspace_id,
            user_id=payer.user_id,
            run_id=payer.run_id,
            tokens=most.tokens,
            cost_micros=most.cost_micros,
            expires_at=self._now + timedelta(seconds=seconds),
        )
        self._session.add(reservation)
        await self._session.flush()
        return reservation.id

    async def used(self, budget: LlmBudget, payer: Payer) -> Amount:
        """Return what is spent of a budget and reserved: in this month, or for the payer's run.

        A run and those that called it count as one: what it has others do is within its own budget.
        """
        spent: Select[int, int]
        reserved: ColumnElement[bool] = LlmReservation.workspace_id == payer.workspace_id
        if budget.scope == "run":
            runs = _called_by(await self._first_of(payer.run_id))
            spent = select(
                func.sum(LlmCall.input_tokens + LlmCall.output_tokens), func.sum(LlmCall.cost_micros)
            ).where(LlmCall.workspace_id == payer.workspace_id, LlmCall.run_id.in_(runs))
            reserved &= LlmReservation.run_id.in_(runs)
        else:
            spent = select(
                func.sum(LlmMonth.input_tokens + LlmMonth.output_tokens), func.sum(LlmMonth.cost_micros)
            ).where(LlmMonth.workspace_id == payer.workspace_id, LlmMonth.month == month_of(self._now))
            if budget.scope == "user":
                spent = spent.where(LlmMonth.person == str(payer.user_id))
                reserved &= LlmReservation.user_id == payer.user_id
        waiting = select(func.sum(LlmReservation.tokens), func.sum(LlmReservation.cost_micros)).where(
            reserved, LlmReservation.expires_at >= self._now
        )
        # In one statement, which sees one moment: a call that is settled in between would be in neither.
        rows = await self._session.execute(union_all(spent, waiting))
        total = Amount()
        for tokens, cost in rows:
            total = total.plus(Amount(int(tokens or 0), int(cost or 0)))
        return total

    async def spent_by(self, workspace_id: UUID, run_id: UUID) -> int:
        """Return what a run has cost in millionths of a dollar, with those that it has called."""
        runs = _called_by(run_id)
        spent = select(func.sum(LlmCall.cost_micros)).where(
            LlmCall.workspace_id == workspace_id, LlmCall.run_id.in_(runs)
        )
        return int(await self._session.scalar(spent) or 0)

    async def _first_of(self, run_id: UUID | None) -> UUID | None:
        """Return the run that nobody called, of those that a run came of by calling."""
        while run_id is not None:
            caller = await self._session.scalar(
                select(AgentRunLog.parent_run_id).where(AgentRunLog.run_id == run_id, IS_CALLED)
            )
            if caller is None:
                break
            run_id = caller
        return run_id

    async def find_done(self, run_id: UUID, step: str) -> LlmCall | None:
        """Return the call that a step of a run has paid, if it is done."""
        return await self._session.scalar(
            select(LlmCall).where(LlmCall.run_id == run_id, LlmCall.step == step, LlmCall.outcome == "done")
        )

    async def release(self, reservation_id: UUID) -> None:
        """Give back what was reserved."""
        await self._session.execute(
            delete(LlmReservation)
            .where(LlmReservation.id == reservation_id)
            .execution_options(synchronize_session=False)
        )

    async def settle(self, call: LlmCall, reservation_id: UUID | None) -> bool:
        """Enter a call in place of its reservation; False where it, or its step of a run, is entered."""
        if reservation_id is not None:
            await self.release(reservation_id)
        if await self._enter(call) is None:
            return False
        month = insert_into(self._session, LlmMonth.__table__).values(
            workspace_id=call.workspace_id,
            month=month_of(call.created_at),
            person=str(call.user_id) if call.user_id else "",
            provider=call.provider,
            model=call.model,
            calls=1,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cost_micros=call.cost_micros,
        )
        added = ("calls", "input_tokens", "output_tokens", "cost_micros")
        await self._session.execute(
            month.on_conflict_do_update(
                index_elements=["workspace_id", "month", "person", "provider", "model"],
                set_={name: getattr(LlmMonth, name) + month.excluded[name] for name in added},
            )
        )
        return True

    async def note_exhausted(self, budget: LlmBudget) -> bool:
        """Note that a budget has refused a call this month; False if that was noted before."""
        if budget.exhausted_month == month_of(self._now):
            return False
        budget.exhausted_month = month_of(self._now)
        await self._session.flush()
        return True

    async def list_calls(
        self,
        workspace_id: UUID,
        *,
        user_id: UUID | None,
        run_id: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[LlmCall]:
        """Return a workspace's calls, of one person or run or of all, the newest first."""
        statement = (
            select(LlmCall)
            .where(LlmCall.workspace_id == workspace_id)
            .order_by(LlmCall.id.desc())
            .limit(limit)
        )
        if user_id is not None:
            statement = statement.where(LlmCall.user_id == user_id)
        if run_id is not None:
            statement = statement.where(LlmCall.run_id == run_id)
        if before is not None:
            statement = statement.where(LlmCall.id < before)
        return (await self._session.scalars(statement)).all()

    async def month(self, workspace_id: UUID, month: str, *, user_id: UUID | None) -> list[MonthLine]:
        """Return what a month came to, by person and model, of one person or of all."""
        statement = (
            select(LlmMonth)
            .where(LlmMonth.workspace_id == workspace_id, LlmMonth.month == month)
            .order_by(LlmMonth.person, LlmMonth.provider, LlmMonth.model)
        )
        if user_id is not None:
            statement = statement.where(LlmMonth.person == str(user_id))
        return [
            msgspec.convert(row, MonthLine, from_attributes=True)
            for row in await self._session.scalars(statement)
        ]

    async def find_budget(self, workspace_id: UUID, scope: str, subject: str) -> LlmBudget | None:
        """Return the budget of a scope and subject, if there is one."""
        return await self._session.scalar(
            select(LlmBudget).where(
                LlmBudget.workspace_id == workspace_id,
                LlmBudget.scope == scope,
                LlmBudget.subject == subject,
            )
        )

    async def _enter(self, call: LlmCall) -> UUID | None:
        values = {str(column.name): getattr(call, str(column.name)) for column in LlmCall.__table__.columns}
        insert = insert_into(self._session, LlmCall.__table__).values(values).on_conflict_do_nothing()
        return await self._session.scalar(insert.returning(LlmCall.id))


def _called_by(run_id: UUID | None) -> Select[UUID | None]:
    """Return a run and those that it has called, and these, and so on."""
    runs = select(literal(run_id, LlmCall.run_id.type).label("run_id")).cte("runs", recursive=True)
    called = select(AgentRunLog.run_id).where(AgentRunLog.parent_run_id == runs.c.run_id, IS_CALLED)
    return select(runs.union_all(called).c.run_id)


def _concerned(payer: Payer) -> Select[LlmBudget]:
    """Choose the budgets that a call has to keep to; one person's own stands in place of everybody's."""
    scopes = ["workspace"]
    if payer.user_id is not None:
        scopes.append("user")
    if payer.run_id is not None:
        scopes.append("run")
    own = select(LlmBudget.id).where(
        LlmBudget.workspace_id == payer.workspace_id,
        LlmBudget.scope == "user",
        LlmBudget.subject == str(payer.user_id),
    )
    return (
        select(LlmBudget)
        .where(
            LlmBudget.workspace_id == payer.workspace_id,
            LlmBudget.scope.in_(scopes),
            or_(
                LlmBudget.subject == str(payer.user_id),
                (LlmBudget.subject == EVERYBODY) & ((LlmBudget.scope != "user") | ~own.exists()),
            ),
        )
        .order_by(LlmBudget.id)
    )
