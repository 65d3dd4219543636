"""What rules are told beside the day and the mark: losses at the stops, and what the law asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from nightdesk.accounting.tax import TaxView
from nightdesk.core.contracts import per_price
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, State, Targets
from nightdesk.risk import Protection, without_entries


def protection(desk: Desk, state: State, day: Day, wanted: Targets) -> Protection:
    """The risk up to the stops of what is held, and of what the strategies want to add.

    A position has the nearest of its strategy's stop and its symbol's (where that leaves it entirely). An
    addition is bought at the price of the decision, so it risks the distance of its stop; without a stop it
    risks all of the price. A strategy that stops itself by its signals needs no stop, and says no price at
    which it would: it risks all of the price too. Of strategies on opposite sides those on the side of the
    net position count; where that grows because the other side shrinks, what it grows by is theirs, held
    already.
    """
    price = np.where(np.isfinite(day.price), day.price, 0.0)
    leave = np.array([desk.stops[one].leave if one in desk.stops else np.nan for one in desk.symbols])
    distance = np.where(wanted.carried.stop_distance > 0.0, wanted.carried.stop_distance, np.inf)
    held, average = wanted.held, per_price(state.held_by(desk).average, day.multiplier)
    nearest = np.fmin(distance, np.where(held != 0.0, average * leave, np.nan))
    beyond = (price - average) * np.sign(held)  # how far the price has moved for the position
    to_stop = np.where(np.isfinite(nearest), np.maximum(nearest + beyond, 0.0), price)
    side = np.sign(wanted.quantity.sum(axis=0))
    added = wanted.quantity - without_entries(wanted.quantity, held)
    added = np.where(np.sign(added) == side, added, 0.0)
    fresh = np.fmin(distance, price * leave)
    risked = np.where(np.isfinite(fresh), fresh, price)
    opposed, needs = ~added.any(axis=0), ~desk.stops_itself
    grown = np.where(opposed & (np.sign(held) == side), held, added)
    return Protection(
        held_risk=day.multiplier
        * _per_unit(to_stop, np.where(np.sign(held) == np.sign(held.sum(axis=0)), held, 0.0)),
        added_risk=day.multiplier * _per_unit(np.where(opposed, to_stop, risked), grown),
        bare=((held != 0.0) & ~np.isfinite(nearest) & needs).any(axis=0),
        bare_entry=((grown != 0.0) & ~np.isfinite(np.where(opposed, nearest, fresh)) & needs).any(axis=0),
    )


def _per_unit(risk: Floats, quantity: Floats) -> Floats:
    """Dollars a unit over all strategies, each by its size; 0 where there is nothing."""
    size = np.abs(quantity)
    whole = size.sum(axis=0)
    per_unit: Floats = np.divide((risk * size).sum(axis=0), whole, out=np.zeros_like(whole), where=whole > 0)
    return per_unit


@dataclass(frozen=True, slots=True)
class Measures:
    """A tax view by the columns of a book; arrays of shape (n_symbols,), or 0 where nothing is known."""

    wash_loss: Floats | float
    opened_today: Floats | float
    day_trades: int


def watches_taxes(desk: Desk) -> bool:
    """Whether a rule of the book asks for what the tax ledger knows."""
    return desk.asks_for("taxes")


def counted_sessions(desk: Desk) -> int:
    """Sessions up to the decision in which day trades count; that of its orders comes on top."""
    return max((rule.trade_sessions for rule in desk.rules), default=1)


def measures(desk: Desk, view: TaxView) -> Measures:
    """A view by column."""
    return Measures(
        wash_loss=_by_column(desk, view.losses) if view.losses else 0.0,
        opened_today=_by_column(desk, view.opened) if view.opened else 0.0,
        day_trades=view.day_trades,
    )


def _by_column(desk: Desk, amounts: Mapping[str, Decimal]) -> Floats:
    return np.array([float(amounts.get(symbol, ZERO)) for symbol in desk.symbols])
