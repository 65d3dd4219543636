"""What the operators of the desk have in common."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

#: What Airflow calls the runs that a timetable makes, and those of a backfill.
SCHEDULED, BACKFILL = "scheduled", "backfill"


class BookOperator(BaseOperator):
    """Works for one book.

    Parameters
    ----------
    book : str
        Name of the book.
    calendar : str
        Its exchange calendar.
    """

    def __init__(self, *, book: str, calendar: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.book = book
        self.calendar = calendar
