"""An audit whose outcome is kept as evidence: from a person's form, or from a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import BadRequest
from nightdesk.operations.research_form import (
    begin_asked,
    read_asked_book,
    read_asked_span,
    refuse_strange_keys,
    shown,
)
from nightdesk.store.db import transaction
from nightdesk.store.gate_evidence_rows import keep_evidence

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.audits.book_audit import BookAudit
    from nightdesk.store.db import Connection

#: The keys of the form.
AUDIT_FORM = ("book", "from", "to", "cuts")
MOST_CUTS = 64


@dataclass(frozen=True)
class AuditForm:
    """What a person asks for: a book over a span, and how many truncations and beginnings are tried."""

    book: str
    first: date
    last: date
    cuts: int


@dataclass(frozen=True)
class KeptAudit:
    """An audit and the number of the evidence that it is kept as."""

    number: int
    found: BookAudit


def read_audit_form(values: Mapping[str, Any]) -> AuditForm:
    """A form as it was sent.

    Parameters
    ----------
    values : mapping
        By `AUDIT_FORM`; anything may stand in it.

    Raises
    ------
    BadRequest
        With the key, what was found and what is expected.
    """
    refuse_strange_keys(values, AUDIT_FORM)
    book, (first, last), cuts = read_asked_book(values), read_asked_span(values), values.get("cuts")
    if isinstance(cuts, bool) or not isinstance(cuts, int) or not 1 <= cuts <= MOST_CUTS:
        raise BadRequest(f"cuts: found {shown(cuts)}; expected a number from 1 to {MOST_CUTS}")
    return AuditForm(book, first, last, cuts)


def run_audit(conn: Connection, form: AuditForm, environ: Mapping[str, str]) -> KeptAudit:
    """Audit what a form asks for, and keep what came of it, passed or not.

    Parameters
    ----------
    conn : Connection
    form : AuditForm
    environ : mapping of str to str
        Where the project's folder is named.

    Raises
    ------
    BadRequest
        When there is no such book, or its span cannot be decided.
    Refused, Transient
        As `nightdesk.research.audits.book_audit.audit_book`; nothing is kept.
    """
    from nightdesk.research.audits.book_audit import audit_book

    book, start = begin_asked(form.book, form.first, form.last, {}, environ)
    found = audit_book(book, start, cuts=form.cuts)
    return KeptAudit(keep_audit(conn, book, found), found)


def keep_audit(conn: Connection, book: Book, found: BookAudit) -> int:
    """Keep the outcome of an audit as evidence of the rules of a book; the number of the row."""
    from nightdesk.engine import resolve
    from nightdesk.research.audits.audit_document import audit_figures
    from nightdesk.version import code_version

    with transaction(conn):
        return keep_evidence(
            conn, book.name, "audit", book.rules_hash, code_version(resolve(book)), audit_figures(found)
        )
