"""What language models have cost, and how much they may cost."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.errors import FieldError, InvalidError, NotFoundError
from server.rest.fields import Listing, Slice, Time, list_slice, read_cursor
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.access import Standing
from storage.models import BudgetScope, LlmBudget, LlmCall, LlmOutcome
from storage.repositories.llm import EVERYBODY, MonthLine, month_of
from storage.unit_of_work import UnitOfWork

routes = Routes("Language models")

MICROS = 1_000_000
Month = Annotated[
    str, Meta(pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$", description="For instance `2026-11`, UTC.")
]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]
TokenLimit = Annotated[int, Meta(ge=0, le=10**12)]


class CallAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One call. It has used what its attempts have used together."""

    id: UUID
    user_id: UUID | None
    run_id: UUID | None
    step: str | None
    task: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    is_estimate: Annotated[bool, Meta(description="Whether a provider did not say how much it was.")]
    attempts: int
    outcome: LlmOutcome
    error: Annotated[str | None, Meta(description="The code of the error, or `cancelled`.")]
    duration_ms: int
    created_at: Time


class CallQuery(Slice, frozen=True, forbid_unknown_fields=True):
    """Which calls are wanted."""

    user_id: UUID | UnsetType = UNSET
    run_id: UUID | UnsetType = UNSET


class UsageLine(msgspec.Struct, frozen=True):
    """What some calls came to."""

    user_id: Annotated[UUID | None, Meta(description="Null for calls that nobody asked for.")]
    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class UsageAnswer(msgspec.Struct, frozen=True):
    """What a month came to. Those who do not manage models see their own part."""

    month: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    lines: list[UsageLine]


class MonthQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which month is wanted; this one, if none is named."""

    month: Month | UnsetType = UNSET


class BudgetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that no call may break."""

    id: UUID
    workspace_id: UUID
    scope: BudgetScope
    user_id: UUID | None
    limit_usd: float | None
    limit_tokens: int | None
    is_exhausted: Annotated[bool, Meta(description="Whether it has refused a call this month.")]
    created_at: Time
    updated_at: Time


class NewBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit to set, in the place of what was set for the same scope."""

    scope: Annotated[
        BudgetScope,
        Meta(description="`workspace`: its month; `user`: each person's month; `run`: each run of an agent."),
    ]
    user_id: Annotated[UUID | None, Meta(description="With the scope `user`: this person's month alone.")] = (
        None
    )
    limit_usd: Dollars | None = None
    limit_tokens: Annotated[
        TokenLimit | None,
        Meta(description="Read and written together; the one limit for models without price."),
    ] = None


@routes.get("/v1/workspaces/{workspace_id}/llm-calls", "llm.read")
async def list_llm_calls(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: CallQuery
) -> Listing[CallAnswer]:
    """List calls, the newest first. Those who do not manage models see the calls made for them."""
    _, standing = await find_workspace(call, uow, workspace_id, "llm.read")
    rows = await uow.llm_ledger.list_calls(
        workspace_id,
        user_id=_whose(call, standing, None if query.user_id is UNSET else query.user_id),
        run_id=None if query.run_id is UNSET else query.run_id,
        before=read_cursor(query, UUID),
        limit=query.limit + 1,
    )
    return list_slice(rows, query, show_call, lambda row: row.id)


@routes.get("/v1/workspaces/{workspace_id}/llm-usage", "llm.read")
async def get_llm_usage(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: MonthQuery
) -> UsageAnswer:
    """Return what a month came to, by person and model."""
    _, standing = await find_workspace(call, uow, workspace_id, "llm.read")
    month = month_of(uow.now) if query.month is UNSET else query.month
    lines = await uow.llm_ledger.month(workspace_id, month, user_id=_whose(call, standing, None))
    return UsageAnswer(
        month=month,
        calls=sum(line.calls for line in lines),
        input_tokens=sum(line.input_tokens for line in lines),
        output_tokens=sum(line.output_tokens for line in lines),
        cost_usd=sum(line.cost_micros for line in lines) / MICROS,
        lines=[_show_line(line) for line in lines],
    )


@routes.get("/v1/workspaces/{workspace_id}/llm-budgets", "llm.read")
async def list_llm_budgets(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[BudgetAnswer]:
    """List the limits of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "llm.read")
    rows = await uow.llm_budgets.list_in(
        workspace_id, {}, after=read_cursor(query, UUID), limit=query.limit + 1
    )
    return list_slice(rows, query, lambda row: show_budget(row, uow.now), lambda row: row.id)


@routes.put("/v1/workspaces/{workspace_id}/llm-budgets", "llm.manage")
async def set_llm_budget(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewBudget
) -> BudgetAnswer:
    """Set a limit. It counts what was spent before it, too, and holds from the next call."""
    await find_workspace(call, uow, workspace_id, "llm.manage", lock=True)
    if body.limit_usd is None and body.limit_tokens is None:
        raise _invalid("limit_usd", "Say how much: in dollars, in tokens, or both")
    if body.user_id is not None:
        if body.scope != "user":
            raise _invalid("user_id", "Only the scope `user` can be one person's")
        if await uow.workspaces.find_member(workspace_id, body.user_id) is None:
            raise NotFoundError("There is no such member.")
    subject = EVERYBODY if body.user_id is None else str(body.user_id)
    values: dict[str, Any] = {
        "limit_micros": None if body.limit_usd is None else round(body.limit_usd * MICROS),
        "limit_tokens": body.limit_tokens,
    }
    budget = await uow.llm_ledger.find_budget(workspace_id, body.scope, subject)
    if budget is None:
        budget = LlmBudget(
            id=uow.new_id(),
            workspace_id=workspace_id,
            scope=body.scope,
            subject=subject,
            created_at=uow.now,
            updated_at=uow.now,
            **values,
        )
        await uow.llm_budgets.add(budget)
        await _tell(call, uow, "llm_budget.created", budget)
    elif await uow.llm_budgets.change(budget, {**values, "exhausted_month": None}):
        await _tell(call, uow, "llm_budget.updated", budget)
    return show_budget(budget, uow.now)


@routes.delete("/v1/llm-budgets/{llm_budget_id}", "llm.manage")
async def delete_llm_budget(call: UserCall, uow: UnitOfWork, llm_budget_id: UUID) -> None:
    """Take a limit away."""
    budget = await find_owned(call, uow.llm_budgets, llm_budget_id, "llm.manage", "budget")
    await uow.llm_budgets.remove(budget)
    await _tell(call, uow, "llm_budget.deleted", budget)


def show_call(row: LlmCall) -> CallAnswer:
    """Return a call."""
    return CallAnswer(
        id=row.id,
        user_id=row.user_id,
        run_id=row.run_id,
        step=row.step,
        task=row.task,
        provider=row.provider,
        model=row.model,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_micros / MICROS,
        is_estimate=row.is_estimate,
        attempts=row.attempts,
        outcome=row.outcome,
        error=row.error,
        duration_ms=row.duration_ms,
        created_at=row.created_at,
    )


def show_budget(budget: LlmBudget, now: datetime) -> BudgetAnswer:
    """Return a limit."""
    return BudgetAnswer(
        id=budget.id,
        workspace_id=budget.workspace_id,
        scope=budget.scope,
        user_id=UUID(budget.subject) if budget.subject else None,
        limit_usd=None if budget.limit_micros is None else budget.limit_micros / MICROS,
        limit_tokens=budget.limit_tokens,
        is_exhausted=budget.exhausted_month == month_of(now),
        created_at=budget.created_at,
        updated_at=budget.updated_at,
    )


def _show_line(line: MonthLine) -> UsageLine:
    return UsageLine(
        user_id=UUID(line.person) if line.person else None,
        provider=line.provider,
        model=line.model,
        calls=line.calls,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        cost_usd=line.cost_micros / MICROS,
    )


def _whose(call: UserCall, standing: Standing, wanted: UUID | None) -> UUID | None:
    """Return whose calls somebody is shown; None for everybody's."""
    return wanted if standing.allows("llm.manage") else call.user_id


def _invalid(field: str, detail: str) -> InvalidError:
    return InvalidError(f"{detail}.", errors=(FieldError(f"body.{field}", detail),))


async def _tell(call: UserCall, uow: UnitOfWork, event: str, budget: LlmBudget) -> None:
    payload = {
        "scope": budget.scope,
        "user_id": budget.subject or None,
        "limit_usd": None if budget.limit_micros is None else budget.limit_micros / MICROS,
        "limit_tokens": budget.limit_tokens,
    }
    await uow.events.append(budget.workspace_id, event, call.actor, f"llm_budget:{budget.id}", payload)
