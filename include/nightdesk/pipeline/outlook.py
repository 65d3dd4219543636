"""A session as its decision sees it, from the stored rows and the bars as they were known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nightdesk.decision import Carried, Day, Market, State, observe
from nightdesk.errors import Refused
from nightdesk.panel import Floats
from nightdesk.pipeline.conditions import session_factors
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.levels import risk_before, session_facts
from nightdesk.store.decisions import carried_before, directions_before, read_quality, read_signals
from nightdesk.store.ledger import read_ledger, read_mark
from nightdesk.strategies import Signals


def session_market(context: Context, factors: Mapping[str, Floats] | None = None) -> Market:
    """The market up to the session, without what strategies say of it.

    Parameters
    ----------
    context : Context
        The session.
    factors : mapping of name to ndarray of shape (n_symbols,), optional
        The session's; the settling of a session needs none.
    """
    panel, desk = context.panel(), context.desk
    quality = context.examined()
    stored = read_quality(context.conn, context.book.name, context.session)
    if stored is None:
        raise Refused(
            f"{context.book.name} {context.session}: its bars were not checked: "
            "run this session's quality step first"
        )
    length, width = len(panel), len(desk.symbols)
    nothing: Floats = np.full((length, width), np.nan)
    unknown: dict[str, Floats] = dict.fromkeys(desk.factor_names, nothing)
    if factors is not None:
        unknown |= {name: np.vstack([nothing[:-1], values]) for name, values in factors.items()}
    quiet = Signals(
        direction=np.zeros((length, width), dtype=np.int8),
        strength=np.zeros((length, width)),
        confidence=np.zeros((length, width)),
        reason=np.zeros((length, width), dtype=np.int8),
    )
    quarantined = quality.withheld.quarantined.copy()
    quarantined[-1] = np.isin(panel.symbols, stored.quarantined)
    allowed = quality.entries_allowed.copy()
    allowed[-1] = stored.entries_allowed
    return observe(
        desk,
        panel,
        unknown,
        dict.fromkeys(desk.strategies, quiet),
        withheld=replace(quality.withheld, quarantined=quarantined),
        entries_allowed=allowed,
    )


def session_day(context: Context) -> Day:
    """What the session offers to its decision: the market with the stored factors and signals."""
    names, symbols = tuple(context.desk.strategies), context.book.symbols
    day = session_market(context, session_factors(context)).day(-1)
    asked = (context.conn, context.book.name, context.session, names, symbols)
    direction, side, confidence = read_signals(*asked)
    previous_direction, previous_side = directions_before(*asked)
    return replace(
        day,
        direction=direction,
        side=side,
        confidence=confidence,
        previous_direction=previous_direction,
        previous_side=previous_side,
    )


def session_state(context: Context) -> State:
    """Where the book stands at the mark of the session, what its strategies carry on, and what people set.

    Raises
    ------
    Refused
        When the session was not settled.
    """
    book = context.book.name
    ledger, mark = (
        read_ledger(context.conn, book, context.session),
        read_mark(context.conn, book, context.session),
    )
    if ledger is None or mark is None:
        raise Refused(f"{book} {context.session} was not settled: run this session's settle step first")
    names, symbols = tuple(context.desk.strategies), context.book.symbols
    carried = carried_before(context.conn, book, context.session, names, symbols, Carried.names())
    return State(
        ledger,
        mark,
        session_facts(context),
        risk=risk_before(context),
        carried=Carried(**carried) if carried else None,
    )
