"""Held symbols without a bar of the session: their price is old, and their bars may have ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from nightdesk.accounting.ledger import Ledger
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import exact, to_cents
from nightdesk.engine.market import Market


@dataclass(frozen=True, slots=True)
class StaleHolding:
    """A held symbol that a session marks at an old price.

    Attributes
    ----------
    symbol : str
    quantity : Decimal
        Net units of all strategies.
    price : float
        Last price, restated for splits since, dollars.
    market_value : Decimal
        Dollars and cents.
    last_bar : date or None
        Session of the newest bar; None where the symbol had none yet.
    sessions : int
        Sessions since then, this one included; at least 1.
    """

    symbol: str
    quantity: Decimal
    price: float
    market_value: Decimal
    last_bar: date | None
    sessions: int

    def __str__(self) -> str:
        return f"{self.symbol}: {stale_words(self.last_bar, self.sessions)}, held at {self.price:g}"


def stale_words(last_bar: date | None, sessions: int) -> str:
    """Since when a symbol has had no bar, for people."""
    since = "no bar ever" if last_bar is None else f"no bar since {last_bar}"
    return f"{since} ({sessions} {'session' if sessions == 1 else 'sessions'})"


def stale_holdings(market: Market, t: int, ledger: Ledger) -> tuple[StaleHolding, ...]:
    """The stale holdings of a ledger at the mark of session `t`, by symbol."""
    t = t % len(market)
    if t in market.complete_rows:
        return ()
    units: dict[str, Decimal] = {}
    for position in ledger.held():
        n = market.desk.column.get(position.symbol)
        if n is not None and not market.has_bar[t, n]:
            units[position.symbol] = units.get(position.symbol, Decimal(0)) + position.quantity
    return tuple(_stale(market, t, symbol, quantity) for symbol, quantity in sorted(units.items()))


def _stale(market: Market, t: int, symbol: str, quantity: Decimal) -> StaleHolding:
    n = market.desk.column[symbol]
    age, price = int(market.age[t, n]), float(market.price[t, n])
    if age < 0:  # it came by an action and was never traded here
        unpriced = np.flatnonzero(np.isnan(market.price[: t + 1, n]))
        age = t - int(unpriced[-1]) if len(unpriced) else t + 1
        last = None
    else:
        last = market.sessions[t - age]
    worth = market.desk.contracts.get(symbol, PLAIN).notional(quantity, exact(price))
    sessions = len(set(market.sessions[t - age + 1 : t + 1]))  # of hours, several rows are one
    return StaleHolding(symbol, quantity, price, to_cents(worth), last, sessions)
