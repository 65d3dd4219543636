"""A session as its decision sees it, from the stored rows and the bars as they were known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from nightdesk.accounting.ledger import Ledger
from nightdesk.core.calendar import day_begins
from nightdesk.core.errors import Refused
from nightdesk.engine import Carried, Day, Market, StaleHolding, State, stale_holdings
from nightdesk.engine.inputs import Today
from nightdesk.orders.fills import Fill, standing
from nightdesk.portfolio import Bundles
from nightdesk.risk import NO_LOSS, PeriodLows, period_lows, period_starts
from nightdesk.session.checked import as_stored
from nightdesk.session.context import Context
from nightdesk.session.risk_state import risk_before, session_facts
from nightdesk.session.signals import session_factors, session_view
from nightdesk.store.ahead import reading_once
from nightdesk.store.decision_rows import (
    bundles_before,
    carried_before,
    directions_before,
    read_quality,
    read_signals,
    said_bundles,
)
from nightdesk.store.ledger_rows import dated_marks, read_ledger, read_mark, read_marks
from nightdesk.store.order_rows import dated_fills
from nightdesk.store.turn_rows import states_before, studies_of

#: No exchange stays closed for longer: within it lies the last mark before a week or month.
_LONGEST_CLOSURE = timedelta(days=30)


def session_market(context: Context, *, returns: bool = False) -> Market:
    """The market of the session and the one before it, without what strategies say of it.

    Parameters
    ----------
    context : Context
        The session.
    returns : bool
        Whether the returns of the windows are wanted; they are NaN otherwise.
    """
    checked = context.checked()
    market = checked.day(returns=returns).market
    return market if checked.is_stored else _with_quality(context, market)


def whole_market(context: Context) -> Market:
    """The same of all sessions since the origin, from the bars."""
    return _with_quality(context, context.checked().market)


def session_stale(context: Context, market: Market, ledger: Ledger) -> tuple[StaleHolding, ...]:
    """The stale holdings of a ledger at the session's mark; since when is seen in the whole market alone."""
    held = [market.desk.column[one.symbol] for one in ledger.held() if one.symbol in market.desk.column]
    return () if market.has_bar[-1, held].all() else stale_holdings(whole_market(context), -1, ledger)


def _with_quality(context: Context, market: Market) -> Market:
    """The market with what was stored of the session's checks."""
    stored = read_quality(context.conn, context.book.name, context.as_of)
    if stored is None:
        raise Refused(
            f"{context.book.name} {context.name}: its bars were not checked: "
            "run this session's quality step first"
        )
    quarantined = np.isin(context.book.symbols, stored.quarantined)
    return as_stored(market, quarantined, entries_allowed=stored.entries_allowed)


def session_day(context: Context) -> Day:
    """What the session offers to its decision: the market with the stored factors and signals."""
    names, symbols = tuple(context.desk.strategies), context.book.symbols
    day = session_market(context, returns=True).day(-1)
    asked = (context.conn, context.book.name, context.as_of, names, symbols)
    said = read_signals(*asked)
    previous_direction, previous_side = directions_before(*asked)
    bundle, ratio = said_bundles(*asked) if context.desk.has_bundles else (None, None)
    conditions = context.desk.entry_conditions
    return replace(
        day,
        barred=conditions.barred(session_view(context), names).row(0) if conditions else None,
        bundle=bundle,
        ratio=ratio,
        factors=session_factors(context),
        direction=said.direction,
        side=said.side,
        confidence=said.confidence,
        strength=said.strength,
        previous_direction=previous_direction,
        previous_side=previous_side,
        studies=studies_of(context.conn, context.book.name, context.as_of, tuple(context.desk.in_turn)),
    )


def settled_state(context: Context) -> State:
    """Where the book stands at the mark of the session, and nothing else.

    Raises
    ------
    Refused
        When the session was not settled.
    """
    book, as_of = context.book.name, context.as_of
    with reading_once(context.conn):
        ledger, mark = read_ledger(context.conn, book, as_of), read_mark(context.conn, book, as_of)
    if ledger is None or mark is None:
        raise Refused(f"{book} {context.name} was not settled: run this session's settle step first")
    return State(ledger, mark)


def session_state(context: Context) -> State:
    """Where the book stands at the mark of the session, what its strategies carry on, and what people set.

    Raises
    ------
    Refused
        When the session was not settled.
    """
    book, settled = context.book.name, settled_state(context)
    names, symbols = tuple(context.desk.strategies), context.book.symbols
    carried = carried_before(context.conn, book, context.as_of, names, symbols, Carried.names())
    in_turn = tuple(context.desk.in_turn)
    turns = states_before(context.conn, book, context.as_of, in_turn) if in_turn else {}
    if any(turns.values()) and not carried:  # of a list of members, in which nothing else says anything
        carried = {name: np.zeros((len(names), len(symbols))) for name in Carried.names()}
    bundles = None
    if context.desk.has_bundles:
        found = bundles_before(context.conn, book, context.as_of, names, symbols)
        bundles = Bundles(found.code, found.ratio, found.uneven)
    if context.is_hourly:
        settled = _within_session(context, settled)
    return replace(
        settled,
        facts=session_facts(context),
        risk=risk_before(context),
        carried=Carried.of(carried, bundles, turns) if carried else None,
        periods=_periods(context) if context.desk.asks_for("periods") else NO_LOSS,
    )


def _within_session(context: Context, settled: State) -> State:
    """With what a decision within a session counts of it: its marks and trades so far."""
    conn, book, schedule = context.conn, context.book.name, context.schedule
    opens = schedule.first_of(context.session)
    fills: dict[datetime, list[Fill]] = {}
    dated = dated_fills(conn, book, opens, context.as_of)
    counts = set(standing(fill for _, fill in dated))
    for booked, fill in dated:
        if fill in counts:
            fills.setdefault(booked, []).append(fill)
    today = Today()
    for as_of, mark in dated_marks(conn, book, opens, context.as_of).items():
        today = today.after(fills.get(as_of, ()), mark.day_return)
    if context.as_of == schedule.last_of(context.session):
        today = today.at_close()
    return replace(settled, today=today)


def _periods(context: Context) -> PeriodLows:
    """What the running week and month have lost, from the stored marks."""
    first = min(period_starts(context.session)) - _LONGEST_CLOSURE
    marks = read_marks(context.conn, context.book.name, day_begins(first), context.as_of)
    return period_lows(((one.session, one.nav) for one in marks), context.session)
