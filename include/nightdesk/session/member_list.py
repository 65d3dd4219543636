"""The members behind a decision: from a list or a screen at its ingest, and as they were known ever after."""

from __future__ import annotations

from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.store.db import now
from nightdesk.store.member_rows import save_members


def with_list_of_now(context: Context) -> tuple[Context, dict[str, int | str]]:
    """Store the list as its file is now, where that is not what is stored, and the decision with it.

    A book that lists its symbols is as it was; of one with a screen that of the decision's week is made where
    it is missing.

    Raises
    ------
    Refused
        When the file cannot be read, or names no member of the session; nothing is stored then. When the
        screen fails, and no good one is in force any more.
    Transient
        The same of a screen that fails for a passing reason.
    """
    from nightdesk.feeds.member_lists import read_members
    from nightdesk.session.screening_step import members_of_now

    terms = context.book.members
    if terms is None:
        return context, {}
    if terms.members is None:
        return members_of_now(context)
    listed = read_members(terms.members)
    members = listed.at(context.session)
    if not members:
        raise Refused(
            f"{context.book.name} {context.name}: {terms.members} names no member of {context.session}: add "
            "what is one, then run the ingest step again"
        )
    saved = save_members(context.conn, context.book.name, listed)
    counts: dict[str, int | str] = {"members": len(members)}
    if saved:
        counts["list_changed"] = f"{saved.new} lines new, {saved.withdrawn} ended"
    return context.with_list_of(now(context.conn)), counts


def leaving_symbols(context: Context) -> frozenset[str]:
    """The symbols of the book that are no members in the decision: what is held of them is only reduced."""
    book = context.book
    if book.members is None or book.membership is None:
        return frozenset()
    return frozenset(book.symbols) - {*book.membership.at(context.session), *book.members.always}
