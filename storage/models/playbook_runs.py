"""Runs of playbooks, and how each of their steps stands. The work itself is a job (`storage.models.jobs`)."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.agents import RunStatus
from storage.models.declarative import Model, partial_index

StepStatus = Literal["running", "done", "failed", "skipped"]

_LISTENS = text("listens")
_UNSHOWN = text("shown_revision < revision")


class PlaybookRun(Model, kw_only=True):
    """A run of a playbook as it was when it began: `script` has its steps, and what it takes and gives.

    It has the rights of `acts_for`, a person or a key of theirs. Its id is that of its job, too.
    """

    __tablename__ = "playbook_runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('pending', 'running', 'success', 'error', 'cancelled')", name="status_known"
        ),
        Index(None, "playbook_id", "id"),
        Index(None, "workspace_id"),
        partial_index("ix_playbook_runs_unshown", "id", where=_UNSHOWN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    playbook_id: Mapped[UUID] = mapped_column(ForeignKey("playbooks.id", ondelete="CASCADE"))
    name: Mapped[str]
    script: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]]
    outputs: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    status: Mapped[RunStatus] = mapped_column(Text, default="pending")
    acts_for_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    acts_for: Mapped[str]
    channel_id: Mapped[UUID | None] = mapped_column(default=None)
    """The channel in which it is shown."""
    error_step: Mapped[str | None] = mapped_column(default=None)
    error_code: Mapped[str | None] = mapped_column(default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    cause: Mapped[str] = mapped_column(default="")
    parent_run_id: Mapped[UUID | None] = mapped_column(default=None)
    """The run that it came of, of an agent or a playbook."""
    depth: Mapped[int] = mapped_column(default=0)
    page_id: Mapped[UUID | None] = mapped_column(default=None)
    """The page in which it is shown."""
    block_id: Mapped[str | None] = mapped_column(default=None)
    """The block there behind which it was asked for."""
    shown_id: Mapped[UUID | None] = mapped_column(default=None)
    """The message, and the block, that shows it."""
    revision: Mapped[int] = mapped_column(default=0)
    """How often something about it that is shown has changed."""
    shown_revision: Mapped[int] = mapped_column(default=0)


class PlaybookStep(Model, kw_only=True):
    """How a step of a run stands: an entry of the journal that `agents.playbooks.interpreter` reads.

    `given` is what it was given, `output` what it gave, as `{"value": ...}`. One that `listens` waits for an
    event.
    """

    __tablename__ = "playbook_steps"
    __table_args__ = (
        CheckConstraint("status IN ('running', 'done', 'failed', 'skipped')", name="status_known"),
        partial_index("ix_playbook_steps_listening", "run_id", where=_LISTENS),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("playbook_runs.id", ondelete="CASCADE"), primary_key=True)
    step_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    status: Mapped[StepStatus] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(default=1)
    given: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    output: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    code: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)
    way: Mapped[str | None] = mapped_column(default=None)
    listens: Mapped[bool] = mapped_column(default=False)
    due_at: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
