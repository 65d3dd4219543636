"""Random lives of a book that holds every kind of instrument, session after session.

`scenes` draws one: what is held decides what may happen next, so a scene is drawn while it is lived. A test
looks at its `nights`, each with the book at a close, its orders, the period up to the next close, and what
became of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from nightdesk.accounting import AccrualTerms, Entry, Ledger, Opening, Period, Settlement, at_the_open, settle
from nightdesk.accounting.exercise_notices import ExerciseNotice, NoticeKind
from nightdesk.accounting.funding_rates import BelatedFunding
from nightdesk.accounting.ledger import Position
from nightdesk.accounting.period import Rates
from nightdesk.core.contract_adjustment import adjusted
from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.errors import Refused
from nightdesk.core.funding import FundingRate
from nightdesk.core.panel import Action
from nightdesk.orders import FillBars, FillTerms, Intent, Order, Terms
from nightdesk.orders.netting import net

FIRST = date(2022, 3, 7)
SHARE, COIN, PERPETUAL = "ABC", "BTC-USD", "BTC-PERP"
STRATEGIES = ("carry", "trend")
#: Ratios of splits: whole ones, and one that changes what a contract delivers.
RATIOS = (2.0, 3.0, 1.5, 0.1)
MULTIPLIER = Decimal(100)


def _options() -> dict[str, Contract]:
    """Calls and puts of two expiries, and all that two splits may make of them."""
    out: dict[str, Contract] = {}
    for expiry in ("220309", "220315"):
        for right in "CP":
            symbol = f"{SHARE}{expiry}{right}00060000"
            out[symbol] = Contract(MULTIPLIER, underlying=SHARE, option=OptionTerms.of(symbol))
    for _ in range(2):
        for symbol, contract in tuple(out.items()):
            for ratio in RATIOS:
                try:
                    one = adjusted(symbol, contract, ratio)
                except Refused:
                    continue
                out.setdefault(one.symbol, one.contract)
    return out


OPTIONS = _options()
CONTRACTS = OPTIONS | {
    PERPETUAL: Contract(Decimal("0.01"), on_margin=True, collateral=Decimal("0.5"), funding_history=True)
}
UNITS = {SHARE: Decimal(1), COIN: Decimal("0.0001"), PERPETUAL: Decimal("0.1")} | dict.fromkeys(
    OPTIONS, Decimal(1)
)
FILLS = FillTerms(
    {
        name: Terms(
            Decimal("0.001"),
            Decimal("0.0005"),
            unit,
            multiplier=CONTRACTS[name].multiplier if name in CONTRACTS else Decimal(1),
        )
        for name, unit in UNITS.items()
    },
    Decimal("0.1"),
)
TERMS = AccrualTerms(
    UNITS,
    Rates(Decimal("0.06"), Decimal("0.02"), dict.fromkeys((SHARE, COIN), Decimal("0.01"))),
    contracts=CONTRACTS,
)


@dataclass(frozen=True)
class SceneNight:
    """A book at a close, the orders it has sent, the period up to the next close, and what became of it."""

    opening: Opening
    orders: tuple[Order, ...]
    period: Period

    def settle(self, period: Period | None = None, orders: tuple[Order, ...] | None = None) -> Settlement:
        """Settle it, or the same with another period or other orders."""
        lived = self.period if period is None else period
        sent = self.orders if orders is None else orders
        return settle(self.opening, sent, lived, at_the_open(lived, FILLS))

    @property
    def of_account(self) -> Settlement:
        """The same night as an account lives through it that knows no strategies."""
        period = self.period.of_account("")
        held: dict[tuple[str, str], Position] = {}
        for one in self.opening.ledger.held():
            before = held.get(("", one.symbol), Position("", one.symbol))
            cost = before.cost + (one.cost if one.symbol == PERPETUAL else 0)
            held["", one.symbol] = replace(before, quantity=before.quantity + one.quantity, cost=cost)
        cash = self.opening.ledger.cash + self.period.capital  # the account was given it before
        opening = replace(self.opening, ledger=Ledger(cash, held))
        orders = tuple(
            replace(one, intents=(Intent("", one.symbol, one.signed_quantity),)) for one in self.orders
        )
        return settle(opening, orders, period, at_the_open(period, FILLS))


@dataclass(frozen=True)
class Scene:
    """A book's nights, in their order, and what was settled in each."""

    nights: tuple[SceneNight, ...]
    settled: tuple[Settlement, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, in their order."""
        return tuple(one for night in self.settled for one in night.entries)


@st.composite
def scenes(draw: st.DrawFn, most: int = 6) -> Scene:
    """A life of some sessions, of every kind of instrument, with all that may happen to them."""
    prices = dict.fromkeys(UNITS, 60.0) | {COIN: 400.0, PERPETUAL: 400.0}
    opening, nights, settled = Opening(), list[SceneNight](), list[Settlement]()
    session, orders = FIRST, tuple[Order, ...]()
    for _ in range(draw(st.integers(2, most))):
        night = SceneNight(opening, orders, _period(draw, opening, session, prices))
        done = night.settle()
        nights.append(night)
        settled.append(done)
        opening, prices = done.closing, dict(night.period.prices)
        orders = _orders(draw, opening, session, prices)
        session = _next(session, draw(st.integers(1, 3)))
    return Scene(tuple(nights), tuple(settled))


def _next(session: date, days: int) -> date:
    """No session passes an expiry over."""
    ends = {one.option.expiry for one in OPTIONS.values() if one.option is not None}
    return min([session + timedelta(days=days), *(end for end in ends if end > session)])


def _instant(session: date) -> datetime:
    return datetime(session.year, session.month, session.day, 21, tzinfo=UTC)


def _alive(session: date, opening: Opening) -> list[str]:
    """The contracts that can still be ordered: the first ones, and what is held."""
    held = opening.ledger.net()
    return [
        symbol
        for symbol, one in OPTIONS.items()
        if one.option is not None
        and one.option.expiry > session
        and ((one.option.strike == 60 and one.deliverable is None) or symbol in held)
    ]


def _orders(draw: st.DrawFn, opening: Opening, session: date, prices: dict[str, float]) -> tuple[Order, ...]:
    intents = []
    for symbol in (SHARE, COIN, PERPETUAL, *_alive(session, opening)):
        most = {SHARE: 300, COIN: 20_000, PERPETUAL: 500}.get(symbol, 6)
        # an account has one average entry of a perpetual, so one strategy holds it
        for strategy in STRATEGIES[:1] if symbol == PERPETUAL else STRATEGIES:
            if draw(st.booleans()):
                units = draw(st.integers(-most, most)) * UNITS[symbol]
                intents += [Intent(strategy, symbol, units)] * bool(units)
    made = net(intents, prices, book="scene", session=session, as_of=_instant(session))
    return tuple(draw(st.permutations(made)))


def _period(draw: st.DrawFn, opening: Opening, session: date, before: dict[str, float]) -> Period:
    held = opening.ledger.net()
    split = draw(st.sampled_from((1.0, 1.0, 1.0, *RATIOS)))
    # strategies may hold against each other what the account does not hold
    options = [symbol for symbol in {one.symbol for one in opening.ledger.held()} if symbol in OPTIONS]
    events = _adjustments(options, split, session)
    if events is None:  # one of them cannot be adjusted: such a session is refused
        split, events = 1.0, ()
    # the contracts move together: few choices, so that a scene is drawn soon
    moves = {symbol: draw(st.integers(70, 140)) / 100 for symbol in (SHARE, COIN, PERPETUAL, "")}
    prices = {
        symbol: round(max(price * moves.get(symbol, moves[""]), 0.01), 2) for symbol, price in before.items()
    }
    volume = draw(st.integers(0, 6_000)) * 1.0
    splits = {} if split == 1.0 else {SHARE: split}
    if splits:
        prices[SHARE] = round(max(prices[SHARE] / split, 0.01), 2)
    last = opening.mark
    begin = None if last is None else _instant(last.session)
    rates = () if begin is None else tuple(_rates(draw, begin, _instant(session)))
    late = tuple(_late(draw, begin)) if begin is not None and draw(st.booleans()) else ()
    dividends = {SHARE: draw(st.integers(1, 300)) / 100} if draw(st.booleans()) else {}
    ends = [one for one in OPTIONS if (terms := OPTIONS[one].option) is not None and terms.expiry < session]
    assert not set(ends) & held.keys()
    return Period(
        as_of=_instant(session),
        session=session,
        since=None if last is None else last.session,
        bars=FillBars(session, prices, dict.fromkeys(prices, volume)),
        terms=TERMS,
        prices=prices,
        closes=before,
        splits=splits,
        dividends=dividends,
        restated={one: price / splits.get(one, 1.0) for one, price in before.items()},
        events=events,
        capital=Decimal(0) if last is not None else Decimal(100_000),
        funding_rates=rates,
        late_funding=late,
        notices=tuple(_notices(draw, held, session)),
        expiring=frozenset(_expiring(session)),
    )


def _expiring(session: date) -> Iterator[str]:
    for symbol, one in OPTIONS.items():
        if one.option is not None and one.option.expiry == session:
            yield symbol


def _adjustments(held: list[str], ratio: float, session: date) -> tuple[Action, ...] | None:
    if ratio == 1.0:
        return ()
    out = []
    for symbol in sorted(held, key=lambda one: OPTIONS[one].option.strike):  # type: ignore[union-attr]
        try:
            one = adjusted(symbol, OPTIONS[symbol], ratio)
        except Refused:
            return None
        if one.symbol not in OPTIONS:
            return None
        out.append(Action(symbol, session, "symbol_change", float(one.contracts), other=one.symbol))  # type: ignore[arg-type]
    return tuple(out)


def _notices(draw: st.DrawFn, held: dict[str, Decimal], session: date) -> Iterator[ExerciseNotice]:
    for symbol, quantity in sorted(held.items()):
        if symbol in OPTIONS and draw(st.booleans()):
            kind: NoticeKind = "exercise" if quantity > 0 else "assignment"
            yield ExerciseNotice(session, symbol, kind, Decimal(draw(st.integers(1, int(abs(quantity))))))


def _rates(draw: st.DrawFn, begin: datetime, end: datetime) -> Iterator[FundingRate]:
    at = begin.replace(hour=0) + timedelta(days=1)
    while at <= end:
        if draw(st.integers(0, 4)):
            yield FundingRate(PERPETUAL, at, at, Decimal(draw(st.integers(-90, 90))) / 100_000)
        at += timedelta(hours=8)


def _late(draw: st.DrawFn, begin: datetime) -> Iterator[BelatedFunding]:
    at = begin - timedelta(hours=begin.hour - 8)
    held = {STRATEGIES[0]: Decimal(draw(st.integers(-99, 99))) / 10}
    rate = FundingRate(PERPETUAL, at, begin + timedelta(hours=1), Decimal("0.00037"))
    yield BelatedFunding(
        rate, begin.date(), Decimal(400), {one: units for one, units in held.items() if units}
    )
