"""The Data Docs of a book: what Great Expectations said of its newest decisions, as pages, from the store."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of
from nightdesk.session.context import book_as_known
from nightdesk.session.report import data_docs_of, page_name
from nightdesk.store.health_rows import read_validations, validated_books

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule
    from nightdesk.feeds.data_docs_site import DecisionValidations
    from nightdesk.session.context import Context
    from nightdesk.store.db import Connection

#: A site has the pages of so many decisions, the newest.
KEPT_DECISIONS = 30


def build_all(conn: Connection, reports: Path, environ: Mapping[str, str]) -> dict[str, int]:
    """Build the sites of all books of which anything is stored; how many pages each has."""
    return {
        name: build_data_docs(conn, name, data_docs_of(reports, name), environ)
        for name in validated_books(conn)
    }


def build_data_docs(conn: Connection, name: str, site: Path, environ: Mapping[str, str]) -> int:
    """Build the site of a book in a folder of its own; how many pages it has.

    Raises
    ------
    Refused
        When nothing is stored of the book, or the folder holds something else.
    """
    from nightdesk.feeds.data_docs_site import build_site, is_site

    book = book_as_known(conn, name, name, environ)
    found = _decisions(conn, name, schedule_of(book))
    if not found:
        raise Refused(
            f"{name}: nothing is stored that Great Expectations said of it. It is asked of the newest "
            f"session, when that is checked: nightdesk run {name} --session newest"
        )
    if site.exists() and not is_site(site):
        raise Refused(f"{site}: it holds something else than Data Docs: name a folder that may be replaced")
    return build_site(site, book.label, found)


def write_newest(context: Context) -> None:
    """Write the pages of a decision that was just checked, and the list of all, beside its session's page."""
    from nightdesk.feeds.data_docs_site import write_decision, write_index

    site = data_docs_of(context.reports, context.book.name)
    found = _decisions(context.conn, context.book.name, context.schedule)
    for one in found:
        if one.as_of == context.as_of:
            write_decision(site, context.book.label, one)
    write_index(site, context.book.label, found)


def _decisions(conn: Connection, name: str, schedule: Schedule) -> list[DecisionValidations]:
    """What is stored of the newest decisions, ascending."""
    from nightdesk.feeds.data_docs_site import DecisionValidations
    from nightdesk.feeds.expectations import DESK_SUITE, Validation

    found = []
    for as_of, group in groupby(read_validations(conn, name, KEPT_DECISIONS), key=lambda row: row["as_of"]):
        called = schedule.name_of(as_of)
        results = [Validation(row["suite"], row["success"], row["document"]) for row in group]
        results.sort(key=lambda one: (one.suite != DESK_SUITE, one.suite))
        found.append(DecisionValidations(called, page_name(called), as_of, results))
    return found
