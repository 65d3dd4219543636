"""Rows of screens and pairs, laid beside a desk that has decided: what its pages show of them.

The pairs are of the strategy and the symbols that the desk really traded, so that their profit is its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from tests.conftest import open_connection

NEW_YORK = ZoneInfo("America/New_York")
CRITERIA = ("quarantine", "history", "price", "dollar_volume", "spread", "adx")
LIMITS = ("sound", "at least 252 bars", "5 to 500 $", "above 1,000,000 $", "below 0.001", "below 25")


def plant_screens(url: str, book: str, newest: datetime, *, weeks: int = 3, pool: int = 250) -> None:
    """Screens of so many weeks, the newest first failed and tried again, each of `pool` stocks.

    Every third stock fails for its price, every tenth has no quotes; a member leaves and one comes each week.
    """
    with open_connection(url) as conn, conn.cursor() as cursor:
        for back in range(weeks):
            at = newest - timedelta(weeks=back)
            if back == 0:
                _screen(cursor, book, at, at + timedelta(minutes=1), "failed", "no listings: sample")
            known_by = at + timedelta(minutes=10)
            _screen(cursor, book, at, known_by, "good", "", pool)
            stocks = [_stock(book, at, known_by, number, weeks - back) for number in range(pool)]
            cursor.executemany(
                "INSERT INTO nightdesk.screen_results VALUES (%s, %s, %s, %s, %s, %s, %s, false, %s, %s, %s)",
                stocks,
            )
            for place, (a, b, admitted) in enumerate((("GLD", "SPY", True), ("SYM004", "SYM005", False)), 1):
                cursor.execute(
                    "INSERT INTO nightdesk.screen_pairs VALUES (%s, %s, %s, %s, %s, %s, 0.81, 0.0123, "
                    "0.0456, 0.2, 0.95, 7.5, 0.021, true, 'metals', 1e9, 'NaN', %s, %s)",
                    (book, at, known_by, a, b, place, admitted, "" if admitted else "beta 2.10 is above 1.5"),
                )


def _screen(  # type: ignore[no-untyped-def] # a cursor
    cursor, book: str, at: datetime, known_by: datetime, outcome: str, reason: str, pool: int = 0
) -> None:
    day = at.astimezone(NEW_YORK).date()
    cursor.execute(
        "INSERT INTO nightdesk.screens VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '{}', %s, %s, %s, %s, %s, %s, "
        "%s, %s, %s, %s)",
        (
            book, at, known_by, known_by, outcome, reason, day - timedelta(days=2), day + timedelta(days=1),
            list(CRITERIA), list(LIMITS), [0, 0, -(-pool // 3), 0, 0, 0], pool, pool - -(-pool // 3),
            min(pool, 2), pool and 1225, 61.25 if pool else 0.0, 2 if pool else 0, 1 if pool else 0,
        ),
    )  # fmt: skip


def _stock(book: str, at: datetime, known_by: datetime, number: int, week: int) -> tuple[object, ...]:
    symbol = f"SYM{number:03d}"
    fails, unquoted = number % 3 == 0, number % 10 == 0
    measured = [math.nan, 300.0, 2.5 if fails else 20.0 + number, 1e6 * (1 + number), 0.0004, 12.0]
    outcomes = ["passed", "passed", "failed" if fails else "passed", "passed", "passed", "passed"]
    if unquoted:
        measured[4], outcomes[4] = math.nan, "passed_unknown"
    words = ["sound", "", "", "", "", ""]
    if number == 7:
        words[0] = "in quarantine <since> Monday"
    member = not fails and number // 3 in (week, week + 1) and number % 3 == 1
    sector = "metals" if number % 2 else ""
    return book, at, known_by, symbol, sector, not fails, member, measured, words, outcomes


def plant_check(url: str, book: str, day: date, off: dict[str, str]) -> None:
    """A check before the open of a session that finds some members off."""
    with open_connection(url) as conn, conn.cursor() as cursor:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=NEW_YORK)
        cursor.execute(
            "INSERT INTO nightdesk.open_checks VALUES (%s, %s, %s, %s, 20, %s)", (book, day, at, at, len(off))
        )
        cursor.executemany(
            "INSERT INTO nightdesk.open_check_failures VALUES (%s, %s, %s, %s)",
            [(book, day, symbol, reason) for symbol, reason in off.items()],
        )


def plant_pair(
    url: str,
    book: str,
    strategy: str,
    pair: tuple[str, str],
    decisions: Sequence[tuple[datetime, date]],
    *,
    opened: int,
    left: int | None,
    z_of: Sequence[float] | None = None,
) -> None:
    """A pair that was entered in one decision and out of both legs in another, by their places.

    Before the entry it is a candidate, after `left` it cools; unless given, z rises from -2.4 to 2.4.
    """
    a, b = pair
    swing = np.linspace(-2.4, 2.4, len(decisions)) if z_of is None else z_of
    with open_connection(url) as conn, conn.cursor() as cursor:
        for place, (as_of, day) in enumerate(decisions):
            z = float(swing[place])
            cursor.execute(
                "INSERT INTO nightdesk.pair_figures VALUES (%s, %s, %s, %s, %s, %s, true, %s, 0.2, 0.95, "
                "%s, %s, 0.02, 0.011, 0.009, 0.1, 0.1, 0.01, 0.01, 0.009)",
                (book, as_of, day, strategy, a, b, decisions[0][1], 0.01 + 0.02 * z, z),
            )
            is_open = opened <= place and (left is None or place < left)
            cooling = left is not None and place >= left
            state = "open" if is_open else "cooling" if cooling else "candidate"
            since = decisions[opened if is_open else left if cooling and left is not None else 0][1]
            leaving = "stop" if is_open and left == place + 1 else None
            reason = (
                f"left: z {z:+.2f}, the stop of 3 is reached"
                if leaving
                else f"z {z:+.2f}: {a} is bought and {b} is sold"
                if place == opened
                else f"held {place - opened} sessions, z {z:+.2f}"
                if is_open
                else f"z {z:+.2f} <lies> within 2"
            )
            cursor.execute(
                "INSERT INTO nightdesk.pair_states VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
                "%s, %s, %s, %s, %s)",
                (
                    book, as_of, day, strategy, a, b, state, "long" if is_open else None, since,
                    place - opened if is_open else 0, 0.2 if is_open else None, 0.95 if is_open else None, z,
                    1 if is_open else None, leaving, reason,
                ),
            )  # fmt: skip
