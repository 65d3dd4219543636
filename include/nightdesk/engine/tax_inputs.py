"""What the rules of the law are told of a book's past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from nightdesk.accounting.tax import TaxView
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk


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
