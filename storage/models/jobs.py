"""Jobs: long work that survives a crash, step by step. `agents.engine` does them; others start them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model, partial_index

JobState = Literal["ready", "running", "waiting", "done"]

_IS_OPEN = text("state <> 'done'")
_IS_RUNNING = text("state = 'running'")


class Job(Model, kw_only=True):
    """A piece of long work.

    `ready` for a process to take it, `running` as long as its `holder` lives, `waiting` for a signal or until
    `wake_at`, `done`. At most `lane_limit` jobs of a lane run at the same time. `failures` counts how often
    in a row it came to an unforeseen end without having done a step.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('ready', 'running', 'waiting', 'done')", name="state_known"),
        partial_index("ix_jobs_open", "id", where=_IS_OPEN),
        partial_index("ix_jobs_running_lane", "lane", where=_IS_RUNNING),
        partial_index("ix_jobs_running_workspace", "workspace_id", where=_IS_RUNNING),
        Index(None, "workspace_id"),
        Index(None, "finished_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    lane: Mapped[str]
    lane_limit: Mapped[int]
    state: Mapped[JobState] = mapped_column(Text, default="ready")
    holder: Mapped[str | None] = mapped_column(default=None)
    wake_at: Mapped[datetime | None] = mapped_column(default=None)
    is_cancelled: Mapped[bool] = mapped_column(default=False)
    failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class JobStep(Model, kw_only=True):
    """A step that was done, with what came of it: it is not done again. `id` gives the order."""

    __tablename__ = "job_steps"
    __table_args__ = (Index(None, "job_id", "id"),)

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    kind: Mapped[str]
    title: Mapped[str]
    result: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]


class JobSignal(Model, kw_only=True):
    """What somebody has told a job. Each is told once."""

    __tablename__ = "job_signals"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    payload: Mapped[dict[str, Any]]
    sent_at: Mapped[datetime]
