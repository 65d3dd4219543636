"""Day trades: what was opened and closed again in one session (FINRA rule 4210(f)(8)(B))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from nightdesk.accounting.tax.tax_trades import TaxTrade
from nightdesk.core.money import ZERO


@dataclass(frozen=True, slots=True)
class DayTrades:
    """The day trades of some accounts so far.

    Attributes
    ----------
    made : tuple of (str, date)
        Book and session of each.
    session : date or None
        The newest session with a trade.
    opened : mapping of (book, symbol) to Decimal
        Signed units that were opened in it and not closed since.
    """

    made: tuple[tuple[str, date], ...] = ()
    session: date | None = None
    opened: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def after(self, trade: TaxTrade, *, closed: bool, opened: bool) -> DayTrades:
        """The day trades after one more trade.

        Closing what was held overnight is none, unless something was opened in the session before that.
        However many orders close what was opened, it is one day trade; what is opened anew after that can
        make another.
        """
        made, key = self.made, (trade.book, trade.symbol)
        units = dict(self.opened) if trade.session == self.session else {}
        if closed and units.pop(key, ZERO):
            made = (*made, (trade.book, trade.session))
        if opened:
            units[key] = trade.quantity + (ZERO if closed else units.get(key, ZERO))
        return DayTrades(made, trade.session, units)

    def since(self, book: str, first: date) -> int:
        """How many an account made from a session on."""
        return sum(1 for one, session in self.made if one == book and session >= first)

    def opened_in(self, book: str, session: date) -> dict[str, Decimal]:
        """Units by symbol that an account opened in a session and that a trade would close again."""
        if session != self.session:
            return {}
        return {symbol: units for (one, symbol), units in self.opened.items() if one == book}
