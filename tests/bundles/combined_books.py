"""Random books of bundles over every kind of instrument, in one to three accounts, and the days they see."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.bundles.random_bundles import EndingBundles, bundled, with_bundles
from tests.engine.random_books import LIMITS, WINDOW, levels, random_day, with_strategies

from nightdesk.accounting import Period
from nightdesk.accounting.exercise_notices import ExerciseNotice, NoticeKind
from nightdesk.accounting.ledger import Ledger
from nightdesk.accounting.period import AccrualTerms
from nightdesk.core.book import parse_book
from nightdesk.core.contract_adjustment import adjusted
from nightdesk.core.panel import Action, Floats
from nightdesk.engine import Day, Desk, resolve
from nightdesk.orders import FillBars
from nightdesk.portfolio.sizing import BOTH_SIDES

SHARE, OTHER, COIN, PERPETUAL = "ABC", "XYZ", "BTC-USD", "BTC-PERP"
#: Expiries: within the decisions in which anything may happen, and after all of them.
EXPIRIES = (date(2022, 3, 9), date(2022, 3, 10), date(2022, 6, 17))
SESSIONS = tuple(date(2022, 3, day) for day in (7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 21, 22, 23, 24, 25))
#: Decisions in which anything may happen.
WILD = 4
FIRST_PRICES = {SHARE: 60.0, OTHER: 25.0, COIN: 40_000.0, PERPETUAL: 400.0}
PREMIUM = 6.0
RATIO = 2.0


class EitherSide(EndingBundles):
    """The same on both sides."""

    sides = BOTH_SIDES


def options(expiry: date) -> tuple[str, ...]:
    """A call and a put on the share."""
    return tuple(f"{SHARE}{expiry:%y%m%d}{right}00060000" for right in "CP")


@st.composite
def books(draw: st.DrawFn) -> Desk:
    """Any such book, resolved; a perpetual stands in books of one strategy, since others are refused it."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.sampled_from([1, 1, 2, 3]))
    kind = draw(st.sampled_from(["cash", "reg_t", "reg_t", "portfolio"]))
    limits = _limits(draw, kind, dice)
    chosen = draw(st.none() | levels())
    if chosen is not None:
        limits.pop("max_drawdown", None)
    universe = _universe(draw(st.sampled_from(EXPIRIES)), count, dice)
    tree: dict[str, Any] = {
        "name": "all",
        "title": "All together",
        "initial_capital": 100_000,
        "universe": universe,
        "strategies": {"time_series_momentum": {}},
        "regime": [
            {"name": "NORMAL", "below": 20},
            {"name": "HIGH_VOL", "below": 40, "confidence_factor": 0.5},
            {"name": "EXTREME", "entries": False},
        ],
        "portfolio": {
            "volatility_target": draw(st.sampled_from([0.15, 9.0])),
            "volatility_window": WINDOW,
            "one_entry_per_symbol": draw(st.booleans()),
            "entries": draw(st.sampled_from(["net", "each"])),
        },
        "limits": limits,
        "orders": draw(st.sampled_from([{}, {"type": "limit", "limit_offset_bps": 20}])),
        "margin": {"kind": kind},
        "financing": {"debit_rate": 0.06, "credit_rate": 0.01, "borrow_rate": 0.005},
        **_accounts(draw(st.integers(1, 3)), tuple(universe), dice),
    }
    if chosen is not None:
        tree["levels"] = chosen.model_dump()
    desk = bundled(with_strategies(resolve(parse_book(tree, "all.yaml")), count, dice), dice)
    if kind == "cash":
        return desk
    return replace(desk, strategies={name: EitherSide(one.params) for name, one in desk.strategies.items()})


def _limits(draw: st.DrawFn, kind: str, dice: np.random.Generator) -> dict[str, Any]:
    share = draw(st.sampled_from([0.1, 0.3, 0.6]))
    limits = {name: draw(numbers) for name, numbers in LIMITS.items() if dice.random() < share}
    if kind == "cash":
        limits.pop("maintenance_margin", None)
        limits.get("gross_leverage", {})["margin"] = False
        limits.setdefault("cash", {})
    else:
        limits.setdefault("gross_leverage", {"limit": 1.5})
    if not {"gross_leverage", "net_leverage"} & limits.keys():
        limits.pop("leverage_reduction", None)
    return limits


def _universe(expiry: date, strategies: int, dice: np.random.Generator) -> dict[str, dict[str, Any]]:
    weights = iter(dice.choice([0.15, 0.4, 1.0], 8).tolist())
    out: dict[str, dict[str, Any]] = {
        SHARE: {"asset_class": "equity"},
        OTHER: {"asset_class": "equity", "unit": str(dice.choice(["1", "0.1"]))},
        COIN: {"asset_class": "crypto", "unit": "0.0001"},
    }
    for symbol in options(expiry):
        out[symbol] = {"asset_class": "option", "underlying": SHARE}
        out[f"{symbol[:-8]}00030000"] = dict(out[symbol])  # what a split of 2:1 makes of it
    if strategies == 1:
        out[PERPETUAL] = {
            "asset_class": "perpetual",
            "underlying": "BTC",
            "multiplier": "0.01",
            "collateral": 0.5,
            "funding_rate": 0.0003,
            "unit": "0.1",
        }
    return {symbol: {**one, "max_weight": next(weights)} for symbol, one in out.items()}


def _accounts(count: int, symbols: tuple[str, ...], dice: np.random.Generator) -> dict[str, Any]:
    volume = {"max_volume_share": 0.1}
    if count == 1:
        return {"broker": {"account": "paper-all", **volume}}
    names = ("main", "coins", "third")[:count]
    dollars = {name: 10_000 + 10_000 * int(dice.integers(0, 3)) for name in names[1:]}
    dollars["main"] = 100_000 - sum(dollars.values())
    free = [one for one in (OTHER, COIN, PERPETUAL) if one in symbols]
    routes = {one: str(dice.choice(names)) for one in free}
    # an account to which nothing goes is refused
    routes |= dict(zip(dice.permutation([OTHER, COIN]).tolist(), names[1:], strict=False))
    return {
        "accounts": {
            name: {"account": f"paper-{name}", "capital": dollars[name], **volume} for name in names
        },
        "routes": {**routes, "default": "main"},
    }


@dataclass(frozen=True)
class Tape:
    """Where the market stands: prices, sessions since each symbol's newest bar (-1: none yet), the split."""

    prices: dict[str, float]
    ages: dict[str, int]

    @classmethod
    def first(cls, desk: Desk) -> "Tape":
        """Before the first session."""
        prices = {one: FIRST_PRICES.get(one, PREMIUM) for one in desk.symbols if not one.endswith("30000")}
        return cls(prices, {one: 0 if one in prices else -1 for one in desk.symbols})

    def alive(self, desk: Desk, session: date) -> list[str]:
        """The symbols that are listed, and meet another session."""
        return [
            one
            for one in desk.symbols
            if one in self.prices and (one not in desk.contracts or not _ended(desk, one, session))
        ]


def _ended(desk: Desk, symbol: str, session: date) -> bool:
    terms = desk.contracts[symbol].option
    return terms is not None and terms.expiry <= session


@dataclass(frozen=True)
class Night:
    """What happens from one decision to the next: prices, opens, volumes, the split, dividends, notices."""

    tape: Tape
    period: Period
    successors: dict[str, tuple[str, float]]


def night(
    desk: Desk, terms: AccrualTerms, number: int, tape: Tape, ledger: Ledger, dice: np.random.Generator
) -> Night:
    """The way to decision `number`: wild up to `WILD`, and calm after it."""
    session, wild = SESSIONS[number], number <= WILD
    since = SESSIONS[number - 1] if number else None
    listed = [one for one in tape.prices if since is None or one in tape.alive(desk, since)]
    halted = {one for one in listed if wild and number and dice.random() < 0.06}
    splits = {SHARE: RATIO} if number in (2, 3) and wild and _may_split(tape) and dice.random() < 0.3 else {}
    successors, events = _adjusted(desk, listed, session) if splits else ({}, ())
    prices, ages = dict(tape.prices), dict(tape.ages)
    for old, (new, units) in successors.items():
        prices[new], ages[new] = prices[old] / units, 0
    if splits:
        prices[SHARE] /= RATIO
        halted.clear()
    listed = [one for one in listed if one not in successors] + [new for new, _ in successors.values()]
    opens = {one: _moved(prices[one], dice, wild) for one in listed if one not in halted}
    closing = {one: _moved(price, dice, wild) for one, price in opens.items()}
    volume = {one: float(dice.choice([0.0, 40.0, 3_000.0, 1e9])) if wild else 1e12 for one in opens}
    tape = Tape(prices | closing, {one: 0 if one in opens else age + (age >= 0) for one, age in ages.items()})
    dividends = {SHARE: 0.5} if wild and dice.random() < 0.2 and SHARE in opens else {}
    period = Period(
        as_of=datetime(session.year, session.month, session.day, 21, tzinfo=UTC),
        session=session,
        since=since,
        bars=FillBars(session, opens, volume, low=opens, high=opens),
        terms=terms,
        prices=tape.prices,
        closes=dict(prices) if number else {},
        splits=splits,
        dividends=dividends,
        restated=prices,
        events=events,
        capital=desk.book.initial_capital if not number else Decimal(0),
        fundings=3 if number else 0,
        expiring=desk.last_sessions.get(session, frozenset()),
        notices=tuple(_notices(desk, ledger, session, successors, dice)) if wild and number else (),
    )
    return Night(tape, period, successors)


def _may_split(tape: Tape) -> bool:
    """A share splits once in a life: what a second split makes of contracts is not listed."""
    return not any(one.endswith("30000") for one in tape.prices)


def _adjusted(
    desk: Desk, listed: list[str], session: date
) -> tuple[dict[str, tuple[str, float]], tuple[Action, ...]]:
    out = {}
    for symbol in listed:
        if symbol in desk.contracts and desk.contracts[symbol].option is not None:
            new = adjusted(symbol, desk.contracts[symbol], RATIO)
            out[symbol] = (new.symbol, float(new.contracts))
    events = tuple(
        Action(old, session, "symbol_change", units, other=new) for old, (new, units) in out.items()
    )
    return out, events


def _moved(price: float, dice: np.random.Generator, wild: bool) -> float:
    return round(max(price * float(dice.choice([0.9, 0.98, 1.0, 1.01, 1.1])), 0.02), 2) if wild else price


def _notices(
    desk: Desk,
    ledger: Ledger,
    session: date,
    successors: dict[str, tuple[str, float]],
    dice: np.random.Generator,
) -> Iterator[ExerciseNotice]:
    for symbol, quantity in sorted(ledger.net().items()):
        contract = desk.contracts.get(symbol)
        if contract is None or contract.option is None or symbol in successors or dice.random() < 0.6:
            continue
        kind: NoticeKind = "exercise" if quantity > 0 else "assignment"
        yield ExerciseNotice(session, symbol, kind, Decimal(int(dice.integers(1, int(abs(quantity)) + 1))))


def day_of(desk: Desk, number: int, last: Night, dice: np.random.Generator) -> Day:
    """The day on which a decision is made: its signals are random while it is wild, and silent then."""
    tape, wild, shape = last.tape, number < WILD, (len(desk.strategies), len(desk.symbols))
    price = np.array([tape.prices.get(one, np.nan) for one in desk.symbols])
    age = np.array([tape.ages[one] for one in desk.symbols], dtype=np.int64)
    drawn = random_day(desk, dice)
    alive = np.isin(desk.symbols, tape.alive(desk, SESSIONS[number]))
    day = replace(
        drawn,
        session=last.period.session,
        as_of=last.period.as_of,
        price=price,
        has_bar=age == 0,
        age=age,
        quarantined=drawn.quarantined & (age >= 0) & wild,
        factors={**drawn.factors, "atr_14": price * 0.03},
        returns=_finite(drawn.returns),
        history=_finite(drawn.history),
        splits=dict(last.period.splits),
        successors=last.successors,
        multiplier=desk.multiplier,
    )
    if dice.random() < 0.7:
        day = replace(day, vix=12.0, band=0, entries_allowed=True)
    if not wild:
        nothing = np.zeros(shape, dtype=np.int8)
        return replace(
            day,
            direction=nothing,
            bundle=nothing.astype(np.int16),
            ratio=np.zeros(shape),
            vix=12.0,
            band=0,
            entries_allowed=True,
        )
    among = np.flatnonzero(alive).tolist()
    if PERPETUAL in desk.column and dice.random() < 0.5:
        among = [desk.column[PERPETUAL], *dice.permutation(among[:-1])[:2].tolist()]
    said = with_bundles(desk, day, dice, among)
    return _of_the_living(said, alive, desk.book.margin.borrows)


def _finite(returns: Floats) -> Floats:
    return np.nan_to_num(returns, nan=0.0)


def _of_the_living(day: Day, alive: NDArray[np.bool_], short: bool) -> Day:
    """The day without a word on symbols that are traded no more, and in a cash account without shorts."""
    assert day.bundle is not None
    direction = np.where(alive, day.direction, np.int8(0))
    if short:
        return replace(day, direction=direction)
    direction = np.where(day.bundle != 0, np.abs(direction), direction).astype(np.int8)
    return replace(day, direction=direction, side=np.ones_like(day.side))
