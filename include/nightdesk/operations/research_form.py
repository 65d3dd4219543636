"""What a person writes into a form of research: read, or refused with the key and what was expected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import BadRequest, Refused
from nightdesk.core.masking import one_line
from nightdesk.session.books import read_book
from nightdesk.session.context import book_path, project_root

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.decided_span import Start

LONGEST_NOTE = 500


def refuse_strange_keys(values: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a form with a key that nobody reads."""
    strange = [str(name) for name in values if name not in known]
    if strange:
        raise BadRequest(f"{shown(strange[0])} is no key of the form: known are {', '.join(known)}")


def read_asked_book(values: Mapping[str, Any]) -> str:
    """The name of a book under ``book``; whether there is one is not looked at."""
    book = values.get("book")
    if not isinstance(book, str) or not book.strip():
        raise BadRequest(f"book: found {shown(book)}; expected the name of a book")
    return book.strip()


def read_asked_span(values: Mapping[str, Any]) -> tuple[date, date]:
    """The first and the last day, under ``from`` and ``to``."""
    first, last = (_day(values.get(name), name) for name in ("from", "to"))
    if last < first:
        raise BadRequest(f"the span ends ({last}) before it begins ({first}): `to` is its last session")
    return first, last


def read_asked_note(values: Mapping[str, Any]) -> str:
    """What is kept with it, on one line."""
    note = values.get("note") or ""
    if not isinstance(note, str):
        raise BadRequest(f"note: found {shown(note)}; expected words")
    if len(note) > LONGEST_NOTE:
        raise BadRequest(f"note: {len(note):,} characters; at most {LONGEST_NOTE} are kept")
    return one_line(note).strip()


def begin_asked(
    name: str, first: date, last: date, changes: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Book, Start]:
    """A book of the project, and the same at the beginning of a span.

    Raises
    ------
    BadRequest
        When there is no such book, or its span cannot be decided.
    """
    from nightdesk.research.backtest.decided_span import begin_span

    root = project_root(environ)
    known = sorted(one.stem for one in (root / "books").glob("*.yaml"))
    if name not in known:
        raise BadRequest(f"book: found {shown(name)}; known are {', '.join(known) or 'none'}")
    try:
        book = read_book(Path(book_path(name, root)), changes)
        return book, begin_span(book, first, last)
    except Refused as error:
        raise BadRequest(str(error)) from error


def shown(value: Any) -> str:
    """What somebody typed, on one line and not longer than a line."""
    text = one_line(repr(value))
    return text if len(text) <= 60 else f"{text[:60]}..."


def _day(value: Any, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRequest(f"{name}: found {shown(value)}; expected a date such as 2022-12-30") from None
