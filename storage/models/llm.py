"""Language models of a workspace: who offers them, what calls cost, and how much they may cost.

Money is in micro-dollars: a price of $2.50 for a million tokens is 2.5 of them a token.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import NOT_IN_BACKUPS, Model, Sealed, partial_index

LlmApi = Literal["chat", "responses"]
LlmOutcome = Literal["done", "failed"]
BudgetScope = Literal["workspace", "user", "run"]

_IS_DONE = text("outcome = 'done'")


class LlmProvider(Model, kw_only=True):
    """Where a workspace's models are. The key is sealed by `storage.vault`; `models` are `agents.llm`'s."""

    __tablename__ = "llm_providers"
    __table_args__ = (
        CheckConstraint("api IN ('chat', 'responses')", name="api_known"),
        Index(None, "workspace_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[str]
    base_url: Mapped[str]
    api: Mapped[LlmApi] = mapped_column(Text)
    api_key: Mapped[bytes | None] = mapped_column(Sealed(), default=None, repr=False)
    models: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    is_enabled: Mapped[bool] = mapped_column(default=True)
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class LlmCall(Model, kw_only=True):
    """One call, as it was paid: rows are added and never changed. A step of a run is done once."""

    __tablename__ = "llm_calls"
    __table_args__ = (
        CheckConstraint("outcome IN ('done', 'failed')", name="outcome_known"),
        partial_index(None, "run_id", "step", unique=True, where=_IS_DONE),
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "user_id", "id"),
        Index(None, "workspace_id", "run_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None]
    run_id: Mapped[UUID | None]
    step: Mapped[str | None]
    task: Mapped[str]
    provider: Mapped[str]
    model: Mapped[str]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost_micros: Mapped[int] = mapped_column(BigInteger)
    is_estimate: Mapped[bool]
    attempts: Mapped[int]
    outcome: Mapped[LlmOutcome] = mapped_column(Text)
    error: Mapped[str | None]
    duration_ms: Mapped[int]
    created_at: Mapped[datetime]


class LlmMonth(Model, kw_only=True):
    """What one person's calls (an empty `person`: nobody's) to one model came to in a month (`2026-11`)."""

    __tablename__ = "llm_months"

    workspace_id: Mapped[UUID] = mapped_column(
        ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    month: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_micros: Mapped[int] = mapped_column(BigInteger)


class LlmReservation(Model, kw_only=True):
    """What a call under way may cost at most; one that was never settled counts until `expires_at`."""

    __tablename__ = "llm_reservations"
    __table_args__ = (Index(None, "workspace_id", "id"), NOT_IN_BACKUPS)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None]
    run_id: Mapped[UUID | None]
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost_micros: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]


class LlmBudget(Model, kw_only=True):
    """A limit: of the workspace's month, of each person's month (or one person's), or of each run.

    `subject` is a person's id, or empty for everybody. At least one of the limits is there.
    """

    __tablename__ = "llm_budgets"
    __table_args__ = (
        UniqueConstraint("workspace_id", "scope", "subject"),
        CheckConstraint("scope IN ('workspace', 'user', 'run')", name="scope_known"),
        Index(None, "workspace_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    scope: Mapped[BudgetScope] = mapped_column(Text)
    subject: Mapped[str]
    limit_micros: Mapped[int | None] = mapped_column(BigInteger)
    limit_tokens: Mapped[int | None] = mapped_column(BigInteger)
    exhausted_month: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
