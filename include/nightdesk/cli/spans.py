"""The span of a piece of research as commands take it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from nightdesk.cli.options import check_span, processors

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.decided_span import Start


def begin(book: Book, first: date, last: date) -> Start:
    """Let a book begin at the first session of a span; wrong usage where that ends before it begins.

    See `nightdesk.research.backtest.decided_span.begin_span`.
    """
    from nightdesk.research.backtest.decided_span import begin_span

    check_span(first, last)
    return begin_span(book, first, last, processors())
