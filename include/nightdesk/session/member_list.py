"""The list of members behind a decision: read from its file at the ingest, and as it was known ever after."""

from __future__ import annotations

from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.store.db import now
from nightdesk.store.member_rows import save_members


def with_list_of_now(context: Context) -> tuple[Context, dict[str, int | str]]:
    """Store the list as its file is now, where that is not what is stored, and the decision with it.

    A book that lists its symbols is as it was.

    Raises
    ------
    Refused
        When the file cannot be read, or names no member of the session; nothing is stored then.
    """
    from nightdesk.feeds.member_lists import read_members

    terms = context.book.members
    if terms is None:
        return context, {}
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
