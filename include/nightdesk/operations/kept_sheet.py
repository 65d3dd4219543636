"""The tear sheet of a kept backtest, made of what the store has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightdesk.core.errors import BadRequest, Refused
from nightdesk.store.backtest_rows import backtest_document, backtest_series, backtests_by_number

if TYPE_CHECKING:
    from nightdesk.store.db import Connection


def kept_sheet(conn: Connection, number: int) -> str:
    """The page of a kept backtest by its number; the same rows give the same bytes.

    Raises
    ------
    BadRequest
        When there is none of that number.
    Refused
        When it is still running, has failed, or its NAV was not above 0 in every session.
    """
    kept = backtests_by_number(conn, [number]).get(number)
    if kept is None:
        raise BadRequest(f"there is no kept backtest {number}: `nightdesk backtests` lists them")
    if kept.state != "done":
        raise Refused(f"backtest {number} is {kept.state}: a tear sheet is of one that is done")
    from nightdesk.research.tear_sheet.tear_sheet import kept_tear_sheet

    return kept_tear_sheet(kept, backtest_series(conn, number), backtest_document(conn, number))
