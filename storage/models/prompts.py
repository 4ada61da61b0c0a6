"""Prompt libraries and the prompts in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.declarative import Model


class PromptLibrary(Model, kw_only=True):
    """A library. Each workspace begins with one."""

    __tablename__ = "prompt_libraries"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Prompt(Model, kw_only=True):
    """A prompt. `variables` are those that `agents.prompts` has checked; its tags are rows of their own."""

    __tablename__ = "prompts"
    __table_args__ = (Index(None, "library_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # A library that still has prompts is not deleted; one whose workspace goes takes them along.
    library_id: Mapped[UUID] = mapped_column(ForeignKey("prompt_libraries.id", ondelete="CASCADE"))
    name: Mapped[str]
    text: Mapped[str]
    variables: Mapped[list[dict[str, Any]]] = mapped_column(default_factory=list[dict[str, Any]])
    created_by_user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PromptTag(Model, kw_only=True):
    """A tag of a prompt. `library_id` is the prompt's, so that a library is filtered by an index."""

    __tablename__ = "prompt_tags"
    __table_args__ = (Index(None, "library_id", "tag", "prompt_id"),)

    prompt_id: Mapped[UUID] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    library_id: Mapped[UUID] = mapped_column(ForeignKey("prompt_libraries.id", ondelete="CASCADE"))
