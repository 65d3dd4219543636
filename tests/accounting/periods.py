"""Random books with borrowed money and borrowed units, and the periods that they live through."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from hypothesis import strategies as st

from nightdesk.accounting import (
    AccrualTerms,
    Ledger,
    Opening,
    Period,
    Position,
    Settlement,
    at_the_open,
    mark,
    settle,
)
from nightdesk.accounting.ledger import Mark
from nightdesk.accounting.period import Rates
from nightdesk.orders import Cross, FillBars, FillTerms, Intent, Order, Terms
from nightdesk.orders.netting import net

FRIDAY = date(2020, 3, 13)
SYMBOLS, STRATEGIES = ("GLD", "SPY", "BTC-USD"), ("carry", "trend", "value")
UNITS = {"GLD": Decimal(1), "SPY": Decimal(1), "BTC-USD": Decimal("0.0001")}
FILLS = FillTerms(
    {name: Terms(Decimal("0.001"), Decimal("0.0005"), unit) for name, unit in UNITS.items()}, Decimal("0.1")
)


@dataclass(frozen=True)
class Night:
    """A book at a close, the orders it has sent, and the period up to the next close."""

    opening: Opening
    orders: tuple[Order, ...]
    period: Period

    def settle(self) -> Settlement:
        """Settle it, once more each time."""
        return settle(self.opening, self.orders, self.period, at_the_open(self.period, FILLS))

    @cached_property
    def settled(self) -> Settlement:
        """What becomes of it."""
        return self.settle()

    @property
    def of_account(self) -> Settlement:
        """The same night as an account lives through it that knows no strategies."""
        ledger, period = self.opening.ledger, self.period.of_account("")
        held = {("", symbol): Position("", symbol, units) for symbol, units in ledger.net().items()}
        opening = replace(self.opening, ledger=Ledger(ledger.cash, held))
        orders = tuple(
            replace(one, intents=(Intent("", one.symbol, sum(part.quantity for part in one.intents)),))
            for one in self.orders
        )
        return settle(opening, orders, period, at_the_open(period, FILLS))


def _units(draw: st.DrawFn, symbol: str, most: int = 300) -> Decimal:
    return draw(st.integers(-most, most)) * UNITS[symbol] * (1 if symbol != "BTC-USD" else 777)


@st.composite
def nights(draw: st.DrawFn) -> Night:
    """Any book: long and short, with cash or in debt; any weekend; any rates, splits, dividends, orders."""
    closes = {symbol: draw(st.integers(1, 90_000)) / 100 for symbol in SYMBOLS}
    held = {}
    for strategy in STRATEGIES:
        for symbol in SYMBOLS:
            units = _units(draw, symbol) if draw(st.booleans()) else Decimal(0)
            if units:
                cost = (units * Decimal(str(closes[symbol]))).quantize(Decimal("0.01"))
                held[strategy, symbol] = Position(strategy, symbol, units, cost, entry_session=FRIDAY)
    ledger = Ledger(Decimal(draw(st.integers(-10_000_000, 10_000_000))) / 100, held)
    session = FRIDAY + timedelta(days=draw(st.integers(1, 5)))
    splits = {one: draw(st.sampled_from([2.0, 1.5, 0.1])) for one in SYMBOLS if not draw(st.integers(0, 4))}
    dividends = {one: draw(st.integers(1, 999)) / 1000 for one in SYMBOLS if not draw(st.integers(0, 2))}
    restated = {symbol: price / splits.get(symbol, 1.0) for symbol, price in closes.items()}
    opened = {symbol: price * draw(st.integers(80, 120)) / 100 for symbol, price in restated.items()}
    intents = [
        Intent(strategy, symbol, units)
        for strategy in STRATEGIES
        for symbol in SYMBOLS
        if draw(st.booleans()) and (units := _units(draw, symbol, 60))
    ]
    as_of = datetime(2020, 3, 13, 20, tzinfo=UTC)
    rates = Rates(
        debit=Decimal(draw(st.integers(0, 1200))) / 10_000,
        credit=Decimal(draw(st.integers(0, 500))) / 10_000,
        borrow={one: Decimal(rate) / 1000 for one in SYMBOLS if (rate := draw(st.integers(0, 900)))},
    )
    period = Period(
        as_of=datetime(session.year, session.month, session.day, 20, tzinfo=UTC),
        session=session,
        since=FRIDAY,
        bars=FillBars(session, opened, {symbol: draw(st.integers(0, 5000)) * 1.0 for symbol in SYMBOLS}),
        terms=AccrualTerms(UNITS, rates),
        prices=opened,
        closes=closes,
        splits=splits,
        dividends=dividends,
        restated=restated,
        crosses=tuple(_crosses(draw, closes)),
    )
    orders = net(intents, closes, book="three", session=FRIDAY, as_of=as_of)
    return Night(Opening(ledger, _mark(ledger, closes), as_of), orders, period)


def _mark(ledger: Ledger, closes: dict[str, float]) -> Mark:
    return mark(ledger, FRIDAY, closes)


def _crosses(draw: st.DrawFn, closes: dict[str, float]) -> list[Cross]:
    """What two strategies pass to a third, or it to them."""
    out = []
    for symbol in SYMBOLS:
        first, second = _units(draw, symbol, 40), _units(draw, symbol, 40)
        parts = dict(zip(STRATEGIES, (first, second, -first - second), strict=True))
        intents = tuple(Intent(name, symbol, units) for name, units in parts.items() if units)
        if intents and draw(st.booleans()):
            out.append(Cross(FRIDAY, symbol, Decimal(str(closes[symbol])), intents))
    return out
