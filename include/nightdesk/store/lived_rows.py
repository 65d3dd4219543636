"""How started books have lived: their closed decisions, with what went wrong in each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_rows


@dataclass(frozen=True)
class LivedDecision:
    """A closed decision.

    Attributes
    ----------
    as_of, session, closed_at
        The decision, and when it was closed.
    code_version, config_hash : str
        What made it.
    nav, flow : Decimal
        Dollars at its mark; capital and adjustments that were booked in it.
    fault : str
        Why its data let nothing be opened; empty where it did.
    cut_off, failures : list of str
        Steps of it that were cut off, and what was told of tasks of its session that failed for good.
    """

    as_of: datetime
    session: date
    closed_at: datetime
    code_version: str
    config_hash: str
    nav: Decimal
    flow: Decimal
    fault: str
    cut_off: list[str]
    failures: list[str]


def lived_decisions(conn: Connection, book: str) -> tuple[LivedDecision, ...]:
    """The closed decisions of a book, ascending."""
    return tuple(LivedDecision(**row) for row in read_rows(conn, "lived_decisions", book=book))


def newest_configurations(conn: Connection) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Of each book that has decided, the hash and the text of the configuration that it decided by last."""
    rows = read_rows(conn, "newest_configurations")
    return {row["book"]: (row["config_hash"], row["configuration"]) for row in rows}


def sources_of_bars(conn: Connection, symbols: Collection[str], first: date, last: date) -> tuple[str, ...]:
    """The feeds that gave the newest versions of some symbols' daily bars in a span of sessions, sorted."""
    rows = read_rows(conn, "sources_of_bars", symbols=sorted(symbols), first=first, last=last)
    return tuple(row["source"] for row in rows)
