"""What is known of a pool of stocks at the instant at which it is screened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.members import Flags
from nightdesk.core.panel import Floats, Panel


@dataclass(frozen=True)
class PoolFacts:
    """The bars of a pool of stocks, what its listings say, and its last quotes; n_symbols of them.

    Attributes
    ----------
    panel : Panel
        Its last row is the session that is screened, its columns are the pool. Where it is longer than
        `screening_sessions`, what lies before changes nothing.
    exchange, security, sector : tuple of str, length n_symbols
        As listings say it; empty where it is not known.
    market_cap : ndarray of shape (n_symbols,)
        Dollars; NaN where it is not known.
    delisted_on : ndarray of shape (n_symbols,), datetime64[D]
        The last day on which it was traded; NaT where it still is, or nothing is known.
    bid, ask : ndarray of shape (n_quotes, n_symbols)
        Of the last 5 closing quotes (fewer where there are fewer), dollars; NaN without one.
    quarantined : bool ndarray of shape (n_symbols,)
        Whose bars the data checks do not trust in the newest session.

    Raises
    ------
    Refused
        When a part does not have the shape of the pool, or the panel has no session or holds hours.
    """

    panel: Panel
    exchange: tuple[str, ...]
    security: tuple[str, ...]
    sector: tuple[str, ...]
    market_cap: Floats
    delisted_on: NDArray[np.datetime64]
    bid: Floats
    ask: Floats
    quarantined: Flags

    def __post_init__(self) -> None:
        count = len(self.panel.symbols)
        if not len(self.panel) or self.panel.hours is not None:
            raise Refused("a pool is screened by a panel of sessions with at least one: found none, or hours")
        for name in ("exchange", "security", "sector", "market_cap", "delisted_on", "quarantined"):
            found = len(getattr(self, name))
            if found != count:
                raise Refused(f"pool of {count} symbols: found {found} of {name}, expected one a symbol")
        if self.bid.shape != self.ask.shape or self.bid.shape[1:] != (count,):
            raise Refused(
                f"pool of {count} symbols: found bids of shape {self.bid.shape} and asks of "
                f"{self.ask.shape}, expected (quotes, {count}) of both"
            )

    @property
    def symbols(self) -> tuple[str, ...]:
        """The pool."""
        return self.panel.symbols

    @property
    def session(self) -> date:
        """The session that is screened."""
        newest: date = self.panel.sessions[-1].item()
        return newest
