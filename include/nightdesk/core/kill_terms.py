"""What stops a book by itself, beside its limits and a broker that is silent."""

from __future__ import annotations

from pydantic import Field

from nightdesk.core.fields import Frozen


class KillTerms(Frozen):
    """What turns the kill switch of the book; only a person releases it."""

    feeds_unreachable_minutes: int | None = Field(
        None,
        ge=1,
        le=24 * 60,
        description="minutes that no source of its bars answers while a decision is due; null: never",
    )
