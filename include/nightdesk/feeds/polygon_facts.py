"""The `polygon` source of listings and closing quotes, through Polygon's own client."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import Refused, Transient
from nightdesk.core.facts import LISTINGS, QUOTES, FactKind
from nightdesk.core.fields import SYMBOL_PATTERN
from nightdesk.feeds.closing_quotes import QUOTES_ASKED, ROUND_LOT, ClosingQuotes, VendorQuote, size_of
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.polygon import ACCOUNT
from nightdesk.feeds.sic_sectors import sector_of
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.spellings import to_polygon
from nightdesk.feeds.vendor_facts import NEW_YORK, FactRow, day_of_text, number_of, refuse_later
from nightdesk.retry_after import later_words

if TYPE_CHECKING:
    from nightdesk.feeds.polygon_http import PolygonLine

#: Exchanges by their ISO codes; others keep theirs.
EXCHANGES: Mapping[str, str] = {
    "XNYS": "NYSE",
    "XNAS": "NASDAQ",
    "ARCX": "NYSE ARCA",
    "XASE": "NYSE AMERICAN",
    "BATS": "CBOE",
}

#: Kinds of securities that the desk has a word for; others keep Polygon's, in small letters.
SECURITIES: Mapping[str, str] = {"CS": "common", "ETF": "fund", "FUND": "fund", "ETN": "fund", "ETV": "fund"}


class PolygonFacts(ClosingQuotes):
    """Listings and closing quotes of Polygon.

    A listing is what Polygon says of a symbol on the last day of the span, or today where that is earlier; it
    is known from when it was fetched, for Polygon mixes into the details of a past day what companies filed
    later. A symbol that it does not list on that day, and that was delisted by then, has a listing with that
    day and without what is no longer told.

    Sizes of quotes are in round lots of 100 shares; since `closing_quotes.SHARES_FROM`, from when on the tape
    counts shares and Polygon's description still says lots, they are NaN.
    """

    name = "polygon"
    kinds = (LISTINGS, QUOTES)
    account = ACCOUNT
    unit_of_sizes = (ROUND_LOT, math.nan)

    @cached_property
    def line(self) -> PolygonLine:
        """The line to the service; `SourceFault` without a key."""
        from nightdesk.feeds.polygon_http import PolygonLine

        return PolygonLine(self.key(), self.part("URL"), timeout=self.timeout, sleep=self.sleep)

    def ask(
        self, kind: FactKind, subject: str, first: date, last: date
    ) -> tuple[Sequence[FactRow], Mapping[str, int]]:
        if kind.name == QUOTES.name:
            return super().ask(kind, subject, first, last)
        day = min(last, self.now().astimezone(NEW_YORK).date())
        if day < first:
            return (), {}
        ticker = to_polygon(subject)
        try:
            values = _listing(self.line.details(ticker, day), ticker, day)
        except SourceFault as error:
            if error.fault is not Fault.ABSENT:
                raise
        else:
            return [(day, self.now(), *values)], {}
        values = _last_delisted(self.line.delisted(ticker), ticker, day)
        return [(day, self.now(), *values)], {}

    def pool(self) -> tuple[str, ...]:
        """All stocks and funds that Polygon lists, then those that have ended; a thousand a request.

        A ticker that no book can name, such as that of a preferred share (``BACpK``), is left out.

        Raises
        ------
        Refused
            Without a key, or when Polygon refuses.
        Transient
            When it does not answer.
        """
        try:
            tickers = [one.ticker for active in (True, False) for one in self.line.tickers(active)]
        except SourceFault as error:
            told = f"polygon does not say which symbols there are: {error.reason}"
            if error.fault is Fault.PASSING:
                raise Transient(f"{told}{later_words(error.retry_after)}; try again") from None
            raise Refused(f"{told}; or name a file as the pool, files:PATH with a column symbol") from None
        named = (re.sub(r"\.(?=[A-Z]$)", "-", one) for one in tickers if isinstance(one, str))
        return tuple(dict.fromkeys(one for one in named if re.fullmatch(SYMBOL_PATTERN, one)))

    def newest(self, symbol: str, since: datetime, until: datetime) -> Sequence[VendorQuote]:
        return [_quote(one) for one in self.line.quotes(to_polygon(symbol), since, until, QUOTES_ASKED)]


def _listing(found: Any, ticker: str, day: date) -> tuple[Any, ...]:
    """The values of a listing from a ticker's details."""
    listed = _day(found.list_date, "a first listing")
    if listed is not None:
        refuse_later(listed, day, "a first listing")
    return (
        *_names(found, ticker),
        sector_of(_text(found.sic_code, "a SIC code")),
        _text(found.sic_description, "an industry"),
        _positive(found.market_cap),
        _positive(found.share_class_shares_outstanding),
        listed,
        _delisted(found, day),
    )


def _last_delisted(found: Sequence[Any], ticker: str, day: date) -> tuple[Any, ...]:
    """The values of the newest listing of a ticker that ended by a day; `SourceFault` where none did."""
    ended: list[tuple[date, Any]] = []
    for one in found:
        when = _delisted(one, date.max)
        if when is not None and when <= day:
            ended.append((when, one))
    if not ended:
        raise SourceFault(Fault.ABSENT, f"Polygon lists nothing of that name on {day}, nor before it")
    when, one = max(ended, key=lambda pair: pair[0])
    return (*_names(one, ticker), "", "", math.nan, math.nan, None, when)


def _names(found: Any, ticker: str) -> tuple[str, str, str]:
    """Title, exchange and kind; `SourceFault` where they are of another ticker."""
    from nightdesk.core.masking import one_line

    if found.ticker != ticker:
        raise SourceFault(
            Fault.FINAL,
            f"the server answered details of {one_line(repr(found.ticker))[:40]}, and {ticker} was asked for",
        )
    exchange, kind = _text(found.primary_exchange, "an exchange"), _text(found.type, "a type")
    title = _text(found.name, "a name")
    return title, EXCHANGES.get(exchange, exchange), SECURITIES.get(kind, kind.lower())


def _delisted(found: Any, day: date) -> date | None:
    """When a ticker was last traded, by a day; None where it still is."""
    when = _day(found.delisted_utc, "a last trade")
    return when if when is not None and when <= day else None


def _text(found: Any, what: str) -> str:
    from nightdesk.core.masking import one_line

    if found is None:
        return ""
    if not isinstance(found, str):
        raise SourceFault(Fault.PASSING, f"the server answered {what} that is no text")
    return one_line(" ".join(found.split()))[:200]


def _day(found: Any, what: str) -> date | None:
    """The day of a day or an instant; None where there is none."""
    if found is None:
        return None
    return day_of_text(found.partition("T")[0] if isinstance(found, str) else found, what)


def _positive(found: Any) -> float:
    """A number above 0; NaN where there is none."""
    if found is None:
        return math.nan
    number = number_of(found)
    if not number > 0.0:
        raise SourceFault(
            Fault.PASSING, "the server answered a market cap or shares that are no number above 0"
        )
    return number


def _quote(found: Any) -> VendorQuote:
    at = found.sip_timestamp
    sides = [found.bid_price, found.ask_price, found.bid_size, found.ask_size]
    numbers = [0.0 if one is None else number_of(one) for one in sides]
    if isinstance(at, bool) or not isinstance(at, int) or any(map(math.isnan, numbers)):
        raise SourceFault(Fault.PASSING, "the server answered quotes that lack a number or their instant")
    bid, ask, bid_size, ask_size = numbers
    order = found.sequence_number if isinstance(found.sequence_number, int) else 0
    return VendorQuote(at, bid, ask, size_of(bid_size), size_of(ask_size), order)
