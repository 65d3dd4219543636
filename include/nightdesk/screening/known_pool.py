"""What listings and quotes say of a pool at one instant, laid out beside its bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from nightdesk.core.calendar import as_moment
from nightdesk.core.fact_versions import FactVersions
from nightdesk.core.members import Flags
from nightdesk.core.panel import Floats, Panel
from nightdesk.screening.pool_facts import PoolFacts

#: Quotes that a spread is the median of, and how old the oldest of them may be.
QUOTES_READ, OLDEST_QUOTE = 5, timedelta(days=21)
#: How old a listing may be.
OLDEST_LISTING = timedelta(days=400)


@dataclass(frozen=True)
class ListingKnown:
    """What the newest listing of a symbol says: empty words, NaN and None where it does not."""

    exchange: str = ""
    security: str = ""
    sector: str = ""
    market_cap: float = float("nan")
    delisted_on: date | None = None

    @classmethod
    def of_columns(cls, row: Mapping[str, Any]) -> ListingKnown:
        """A row of the kind `listings`, of the store or of a source."""
        cap, gone = row["market_cap"], row["delisted_on"]
        return cls(
            row["exchange"] or "",
            row["security"] or "",
            row["sector"] or "",
            float("nan") if cap is None else float(cap),
            gone if isinstance(gone, date) else None,
        )


_NOTHING = ListingKnown()


def pool_of_panel(
    panel: Panel,
    pool: int,
    listings: Mapping[str, ListingKnown],
    quotes: FactVersions,
    known_from: datetime,
    quarantined: Flags,
) -> PoolFacts:
    """A pool as a screen looks at it.

    Parameters
    ----------
    panel : Panel
        Its first columns are the pool, its last row the session that is screened.
    pool : int
        How many stocks it has.
    listings : mapping of str to ListingKnown
        By symbol; one that is not named is known by nothing.
    quotes : FactVersions
        Of the pool, in its order; what is later than the session or not known by then is left out.
    known_from : datetime
        What was known to the world by then counts.
    quarantined : bool ndarray of shape (at least n_pool,)
        Whose bars the data checks do not trust in the session.
    """
    of_pool = panel.columns(slice(0, pool))
    known = [listings.get(symbol, _NOTHING) for symbol in of_pool.symbols]
    session: date = panel.sessions[-1].item()
    bid, ask = newest_quotes(quotes, session, known_from)
    return PoolFacts(
        panel=of_pool,
        exchange=tuple(one.exchange for one in known),
        security=tuple(one.security for one in known),
        sector=tuple(one.sector for one in known),
        market_cap=np.array([one.market_cap for one in known], dtype=np.float64),
        delisted_on=np.array([one.delisted_on for one in known], dtype="datetime64[D]"),
        bid=bid,
        ask=ask,
        quarantined=quarantined[:pool],
    )


def newest_quotes(quotes: FactVersions, session: date, known_from: datetime) -> tuple[Floats, Floats]:
    """Bid and ask of the last quotes of each subject up to a session, in the version that was known.

    Parameters
    ----------
    quotes : FactVersions
        Values `bid` and `ask`.
    session : date
        Quotes of the days from `OLDEST_QUOTE` before it up to it count.
    known_from : datetime

    Returns
    -------
    tuple of two ndarray of shape (QUOTES_READ, n_subjects)
        Dollars, the newest first; NaN where there are fewer.
    """
    last = np.datetime64(session, "D")
    counts = (quotes.day <= last) & (quotes.day >= last - np.timedelta64(OLDEST_QUOTE.days, "D"))
    rows = np.flatnonzero(counts & (quotes.known_at <= as_moment(known_from)))
    rows = rows[np.lexsort((quotes.known_at[rows], quotes.day[rows], quotes.subject[rows]))]
    subject, day = quotes.subject[rows], quotes.day[rows]
    # Of several versions of one day the one that became known last is the last.
    newest = np.append((subject[1:] != subject[:-1]) | (day[1:] != day[:-1]), True)[: len(rows)]
    rows, subject = rows[newest], subject[newest]
    after = np.searchsorted(subject, subject, side="right") - 1 - np.arange(len(subject))
    kept = after < QUOTES_READ
    shape = (QUOTES_READ, len(quotes.subjects))
    bid, ask = np.full(shape, np.nan), np.full(shape, np.nan)
    for out, name in ((bid, "bid"), (ask, "ask")):
        out[after[kept], subject[kept]] = quotes.values[name][rows[kept]]
    return bid, ask
