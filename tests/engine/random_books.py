"""Random books, and random days on which they decide: anything may be wrong at once.

What a book is made of is drawn piece by piece, so that a failing example becomes small; the many numbers of
a day come from one drawn seed, so that an example is cheap.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from nightdesk.accounting import Entry, capital, fold, mark
from nightdesk.accounting.tax import TaxView
from nightdesk.core.book import parse_book
from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.core.money import exact, to_cents, to_price, to_unit
from nightdesk.core.panel import Floats
from nightdesk.engine import Carried, Day, Desk, Facts, State, Targets, resolve, targets
from nightdesk.portfolio import make
from nightdesk.risk import Answer, PeriodLows, RiskState
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

SESSION = date(2020, 3, 16)
WINDOW = 20
SYMBOLS = ("GLD", "SPY", "BTC-USD", "TLT", "EEM", "AAA", "XLK", "ZZZ")
STRATEGIES = ("trend", "carry", "value")

#: Numbers of the rules that a book may name.
LIMITS: dict[str, Any] = {
    "daily_loss": st.fixed_dictionaries({"limit": st.sampled_from([-0.001, -0.02, -0.05])}),
    "stop_loss": st.sampled_from([{}, {"halve": 0.02, "leave": 0.05}, {"halve": 0.10, "leave": 0.10}]),
    "correlation": st.fixed_dictionaries(
        {"limit": st.sampled_from([0.0, 0.5, 0.7]), "joint_cap": st.sampled_from([0.0, 0.5, 0.75, 1.0])}
    ),
    "max_weight": st.sampled_from([{}, {}, {"drift": 0.02}, {"drift": 0.5}]),
    "position_count": st.fixed_dictionaries({"limit": st.integers(0, 12), "per_symbol": st.integers(1, 3)}),
    "heat": st.just({}),
    "cash": st.fixed_dictionaries({"reserve": st.sampled_from([0.0, 0.1])}),
    "gross_leverage": st.fixed_dictionaries(
        {"limit": st.sampled_from([0.3, 0.9, 1.5]), "margin": st.sampled_from([None, False])}
    ),
    "cash_buffer": st.fixed_dictionaries(
        {"limit": st.sampled_from([0.0, 0.05, 0.5]), "margin": st.sampled_from([None, False])}
    ),
    "net_leverage": st.fixed_dictionaries({"limit": st.sampled_from([0.2, 0.5, 1.0])}),
    "leverage_reduction": st.fixed_dictionaries({"tolerance": st.sampled_from([0.0, 0.1])}),
    "maintenance_margin": st.fixed_dictionaries({"buffer": st.sampled_from([0.0, 0.3])}),
    "liquidity": st.fixed_dictionaries({"limit": st.sampled_from([0.01, 0.1, 1.0])}),
    "group_count": st.fixed_dictionaries({"limit": st.integers(0, 8)}),
    "period_loss": st.sampled_from([{"week": -0.02}, {"month": -0.05}, {"week": -0.02, "month": -0.05}]),
    "max_drawdown": st.fixed_dictionaries({"limit": st.sampled_from([0.02, 0.15])}),
    "stop_required": st.just({}),
    "stop_heat": st.fixed_dictionaries({"limit": st.sampled_from([0.01, 0.06, 0.5])}),
    "trades_per_day": st.fixed_dictionaries({"limit": st.integers(0, 5)}),
    "turnover_per_day": st.fixed_dictionaries({"limit": st.sampled_from([0.001, 0.1, 0.3, 1.0])}),
    "smallest_trade": st.fixed_dictionaries({"limit": st.sampled_from([0.0, 100.0, 3_000.0])}),
    "rebalance_threshold": st.fixed_dictionaries({"limit": st.sampled_from([0.0, 0.02, 0.1])}),
    "wash_sale": st.fixed_dictionaries({"purchases": st.sampled_from(["flag", "refuse"])}),
    "pattern_day_trader": st.fixed_dictionaries(
        {"limit": st.integers(0, 3), "equity": st.sampled_from([25_000.0, 1e9])}
    ),
}
UNITS = ("1", "1", "1", "0.0001", "0.1", "5", "0.03")
STOPS = (None, {"halve": 0.01, "leave": 0.02}, {"halve": 0.3, "leave": 0.6})
MARKS = ((0.05, 0.08, 0.12, 0.15), (0.01, 0.02, 0.03, 0.04), (0.1, 0.2, 0.4, 0.8))
KEEP = ((1.0, 0.75, 0.5, 0.0), (1.0, 0.2, 0.6, 0.1), (1.0, 1.0, 0.0, 0.0))


class Ending(TimeSeriesMomentum):
    """A strategy that ends its positions by age, stop and target."""

    exit_plan = ExitPlan(sessions=8, stop=ExitDistance(atr=2.5), target=ExitDistance(atr=4.0))


@st.composite
def levels(draw: st.DrawFn) -> Levels:
    """Drawdown levels with numbers of their own; their symbols are for the book to name."""
    at = draw(st.sampled_from(MARKS))
    return Levels(
        at=at,
        keep=draw(st.sampled_from(KEEP)),
        first_ends_below=at[0] * draw(st.sampled_from([0.5, 0.8, 1.0])),
        min_confidence=draw(st.sampled_from([0.0, 0.6, 1.0])),
        volatility_window=draw(st.sampled_from([2, 20])),
        calm_sessions=draw(st.integers(1, 7)),
        low_sessions=draw(st.integers(1, 12)),
        ramp_step=draw(st.sampled_from([0.07, 0.25, 1 / 3, 1.0])),
        ramp_sessions=draw(st.integers(1, 6)),
        recovery_leverage=draw(st.sampled_from([0.2, 1.0, 2.0])),
        confirm_after_sessions=draw(st.integers(1, 12)),
    )


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    """A book of 2 to 8 symbols and 1 to 3 strategies, with any of the rules, resolved."""
    n = draw(st.integers(2, 8))
    symbols = draw(st.permutations(SYMBOLS))[:n]
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.1, 0.3, 0.6, 1.0]))
    limits = {name: draw(numbers) for name, numbers in LIMITS.items() if dice.random() < share}
    kind = draw(st.sampled_from(["cash", "cash", "reg_t", "portfolio"]))
    if kind == "cash":
        limits.pop("maintenance_margin", None)
        limits.get("gross_leverage", {})["margin"] = False
    else:
        limits.setdefault("gross_leverage", {"limit": 1.5})
    if not {"gross_leverage", "net_leverage"} & limits.keys():
        limits.pop("leverage_reduction", None)
    chosen = draw(st.none() | levels())
    if chosen is not None or dice.random() < 0.5:
        limits.pop("max_drawdown", None)
    universe: dict[str, Any] = {}
    for symbol in symbols:
        stop = STOPS[dice.integers(len(STOPS))] if "stop_loss" in limits else None
        universe[symbol] = {
            "max_weight": round(float(dice.choice([0.0, 0.15, 0.4, 0.4, 1.0])), 2),
            "volatility_target": float(dice.choice([0.05, 0.15])),
            "unit": str(dice.choice(UNITS)),
            "group": str(dice.choice(["", "fund", "metal"])),
            **({} if stop is None else {"stop": stop}),
        }
    tree: dict[str, Any] = {
        "name": "any",
        "title": "Any book",
        "initial_capital": 100_000,
        "broker": {"account": "paper-any", "max_volume_share": 1},
        "universe": universe,
        "strategies": {"time_series_momentum": {}},
        "regime": [
            {"name": "NORMAL", "below": 20, "heat": draw(st.sampled_from([None, 0.4, 0.9]))},
            {"name": "HIGH_VOL", "below": 40, "confidence_factor": 0.5},
            {"name": "EXTREME", "entries": False},
        ],
        "portfolio": {
            "volatility_target": draw(st.sampled_from([0.05, 0.15, 9.0])),
            "volatility_window": WINDOW,
            "one_entry_per_symbol": draw(st.booleans()),
            "entry_correlation": draw(st.sampled_from([None, 0.5])),
            "entries": draw(st.sampled_from(["net", "each"])),
        },
        "limits": limits,
        "orders": draw(st.sampled_from([{}, {"type": "limit", "limit_offset_bps": 20}])),
        "margin": {"kind": kind},
        "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
    }
    if chosen is not None:
        few = [symbol for symbol in symbols if dice.random() < 0.4]
        rest = [symbol for symbol in symbols if symbol not in few and dice.random() < 0.4]
        tree["levels"] = chosen.model_dump() | {"havens": few, "first_out": rest}
    made = resolve(parse_book(tree, "any.yaml"))
    return with_strategies(made, draw(st.integers(1, 3)), dice)


def with_strategies(desk: Desk, count: int, dice: np.random.Generator) -> Desk:
    """The desk with its strategy under several names, each with a share of the capital and a sizing."""
    ((_, strategy),) = desk.strategies.items()
    if dice.random() < 0.5:
        strategy = Ending(strategy.params)
    ((_, entry),) = desk.book.strategies.items()
    names = STRATEGIES[:count]
    shares = dice.dirichlet(np.ones(count)) * dice.choice([0.5, 1.0])
    methods = ["weight", "risk_parity", "atr_risk", "leverage"]
    sizing = dict(zip(names, dice.choice(methods, count).tolist(), strict=True))
    entries = {
        name: entry.model_copy(update={"share": float(share), "sizing": sizing[name]})
        for name, share in zip(names, shares, strict=True)
    }
    return replace(
        desk,
        book=desk.book.model_copy(update={"strategies": entries}),
        strategies=dict.fromkeys(names, strategy),
        sizing={name: make(method, {}, path=name) for name, method in sizing.items()},
    )


@dataclass(frozen=True)
class Scene:
    """A book on a day on which it decides, and what it wants then."""

    desk: Desk
    state: State
    day: Day
    wanted: Targets

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """What the rules look at, a line for each symbol."""
        universe, day, wanted = self.desk.book.universe, self.day, self.wanted
        printer.text(f"{self.desk.book.limits}\n{self.desk.book.levels!r}\n{self.state.risk}\n")
        printer.text(f"NAV {self.state.mark.nav}, {self.state.mark.day_return:.4f} today, {self.state.facts}")
        for n, (symbol, one) in enumerate(universe.items()):
            printer.text(
                f"\n{symbol}: held {wanted.held[:, n].tolist()}, wanted {wanted.quantity[:, n].tolist()} at "
                f"{day.price[n]}; unit {one.unit}, at most {one.max_weight:.0%}, age {day.age[n]}, "
                f"quarantined {day.quarantined[n]}"
            )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any book on any day.

    What is wanted is sized from signals, or anything at all: then positions and wishes may be short.
    """
    desk = draw(desks())
    anything = draw(st.booleans())
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    day = random_day(desk, dice)
    state = random_state(desk, day, dice, facts=draw(_facts()), short=anything)
    wanted = targets(desk, state, day)
    return Scene(
        desk, state, day, _anything(desk, float(state.mark.nav), day, wanted, dice) if anything else wanted
    )


@st.composite
def _facts(draw: st.DrawFn) -> Facts:
    said = draw(st.none() | st.sampled_from(["review", "confirm", "reject"]))
    return Facts(
        kill_switch=draw(st.sampled_from([False] * 9 + [True])),
        answer=None
        if said is None
        else Answer(SESSION - timedelta(days=draw(st.integers(0, 20))), said, "ann"),
        asked=draw(st.sampled_from([None, SESSION])),
        simulates=draw(st.booleans()),
        forced=draw(st.sampled_from([0] * 6 + [1, 2, 3, 4])),
        forced_by="ann",
    )


def random_day(desk: Desk, dice: np.random.Generator) -> Day:
    """Prices from cents to tens of thousands, with halts, quarantines, gaps, jumps and splits."""
    n, s = len(desk.symbols), len(desk.strategies)
    price = np.round(np.exp(dice.uniform(np.log(0.5), np.log(60_000), n)), 2)
    age = np.where(dice.random(n) < 0.1, dice.integers(1, 30, n), 0)
    absent = dice.random(n) < 0.1
    common = dice.standard_normal((WINDOW, 1)) * dice.choice([0.0, 0.01])
    returns = common + dice.standard_normal((WINDOW, n)) * dice.choice([0.0, 0.0005, 0.01, 0.05], n)
    returns = np.where(dice.random((WINDOW, n)) < dice.choice([0.0, 0.0, 0.02, 0.3]), np.nan, returns)
    returns[-1] += np.where(dice.random(n) < 0.1, dice.uniform(-0.9, 3.0, n), 0.0)
    vix = float(dice.choice([12.0, 12.0, 12.0, 25.0, 60.0, np.nan], p=[0.29, 0.29, 0.29, 0.05, 0.05, 0.03]))
    direction = np.where(absent, 0, dice.integers(-2, 3, (s, n))).astype(np.int8)
    seen = np.where(absent, np.nan, returns)
    return Day(
        session=SESSION,
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        price=np.where(absent, np.nan, price),
        has_bar=(age == 0) & ~absent,
        age=np.where(absent, -1, age),
        quarantined=~absent & (dice.random(n) < 0.1),
        factors={
            "volatility_60": np.where(dice.random(n) < 0.1, np.nan, dice.uniform(0.02, 0.8, n)),
            "adv_20": np.where(dice.random(n) < 0.1, np.nan, np.exp(dice.uniform(0.0, 14.0, n))),
            "atr_14": np.where(dice.random(n) < 0.1, np.nan, price * dice.uniform(0.005, 0.1, n)),
        },
        returns=seen,
        history=seen,
        direction=direction,
        confidence=dice.choice([0.3, 0.5, 0.6, 0.8, 1.0], (s, n)),
        strength=direction / 2.0,
        previous_direction=dice.integers(-2, 3, (s, n)).astype(np.int8),
        vix=vix,
        band=-1 if np.isnan(vix) else int(np.searchsorted([20, 40], vix, side="right")),
        entries_allowed=bool(dice.random() < 0.95),
        splits={one: float(dice.choice([2.0, 0.5, 0.1])) for one in desk.symbols if dice.random() < 0.1},
        opens_month=bool(dice.random() < 0.5),
    )


def random_state(desk: Desk, day: Day, dice: np.random.Generator, *, facts: Facts, short: bool) -> State:
    """Positions with entry prices of their own, marked, after a day that was good or bad, at any level."""
    nav = float(np.exp(dice.uniform(np.log(2_000), np.log(3_000_000))))
    priced = np.isfinite(day.price)
    shape = (len(desk.strategies), len(desk.symbols))
    weight = np.where(dice.random(shape) < 0.35, dice.uniform(0.0, 1.6 / len(desk.symbols), shape), 0.0)
    weight = weight * (dice.choice([1.0, -1.0], shape, p=[0.7, 0.3]) if short else 1.0)
    weight = weight * dice.choice([1.0, 2.0, 8.0], p=[0.7, 0.15, 0.15])
    held = desk.units.toward_zero(np.where(priced, weight * nav / np.where(priced, day.price, 1.0), 0.0))
    entries, worth = [], Decimal(0)
    for s, n in np.argwhere(held != 0.0).tolist():
        symbol, strategy = desk.symbols[n], tuple(desk.strategies)[s]
        quantity = to_unit(exact(held[s, n]), desk.unit_of[symbol])
        price = to_price(exact(day.price[n] * dice.uniform(0.7, 1.5)))
        cash = to_cents(-quantity * price)
        key = (SESSION - timedelta(days=10), "fill", strategy, symbol)
        entries.append(Entry(*key, quantity, price, cash, Decimal(0), f"{s}-{n}"))  # type: ignore[arg-type]
        worth += to_cents(quantity * exact(day.price[n])) + cash
    ledger = fold([capital(SESSION, to_cents(exact(nav) - worth)), *entries])
    marked = mark(ledger, SESSION, _prices(desk, day))
    marked = replace(
        marked,
        peak_nav=marked.nav * exact(round(float(dice.choice([1.0, dice.uniform(1.0, 1.3)])), 4)),
        day_return=float(dice.choice([0.0, dice.uniform(-0.06, 0.06)])),
    )
    tax = TaxView(
        losses={one: Decimal(50) for one in desk.symbols if dice.random() < 0.2},
        day_trades=int(dice.integers(0, 5)),
        opened={one: Decimal(int(dice.choice([-1, 1]))) for one in desk.symbols if dice.random() < 0.3},
    )
    return State(
        ledger=ledger,
        mark=marked,
        facts=facts,
        risk=_risk(desk, marked.nav, held.sum(axis=0), dice),
        carried=Carried(
            allocation=dice.dirichlet(np.ones(shape[1]), shape[0]) * dice.choice([0.0, 0.5, 1.0]),
            stop_distance=np.where(
                held != 0.0, dice.uniform(0.01, 0.2, shape) * np.where(priced, day.price, 1.0), 0.0
            ),
            target_distance=np.where(
                held != 0.0, dice.uniform(0.01, 0.4, shape) * np.where(priced, day.price, 1.0), 0.0
            ),
            reduce_to=np.where(
                dice.random(shape) < 0.2, np.abs(held) * dice.choice([0.3, 0.5, 1.0], shape), 0.0
            ),
        ),
        tax=tax,
        periods=PeriodLows(*(-dice.choice([0.0, 0.01, 0.2], 2, p=[0.6, 0.35, 0.05])).tolist()),
    )


def _risk(desk: Desk, nav: Decimal, held: Floats, dice: np.random.Generator) -> RiskState | None:
    """Any level, from a peak somewhere above; cuts may be due still, a recovery may go on."""
    if dice.random() < 0.2:
        return None
    level = int(dice.choice([0, 0, 0, 1, 2, 3, 4]))
    peak = nav * exact(round(float(dice.choice([1.0, dice.uniform(0.99, 1.2)])), 4))
    drawdown = max(Decimal(0), 1 - nav / peak)

    def caps() -> dict[str, float]:
        part = dice.choice([0.0, 0.3, 0.75, 1.0], len(held))
        due = dice.random(len(held)) < 0.3
        return {
            symbol: abs(float(held[n])) * float(part[n])
            for n, symbol in enumerate(desk.symbols)
            if due[n] and held[n]
        }

    sells = "max_drawdown" not in desk.book.limits
    ramp = None if level >= 2 or dice.random() < 0.6 else int(dice.integers(0, 12))
    return RiskState(
        level=level,
        peak=peak,
        highest=peak * 2,
        drawdown=drawdown,
        since=SESSION - timedelta(days=int(dice.integers(1, 20))),
        sessions=int(dice.integers(0, 20)),
        deepest=drawdown + exact(round(float(dice.uniform(0, 0.02)), 4)),
        since_low=int(dice.integers(0, 20)),
        calm=int(dice.integers(0, 10)),
        answered_by="ann" if level >= 3 and dice.random() < 0.3 else "",
        recovery=ramp if desk.book.levels is not None else None,
        level_caps=caps() if desk.book.levels is not None and level >= 2 and sells else {},
        stop_caps=caps() if desk.stops else {},
        halved=frozenset(one for one in desk.symbols if desk.stops and dice.random() < 0.3),
    )


def _anything(desk: Desk, nav: float, day: Day, sized: Targets, dice: np.random.Generator) -> Targets:
    """Wishes of either side that no sizing made, some of them to keep what is held."""
    held, price = sized.held, np.where(np.isfinite(day.price), day.price, 0.0)
    weight = dice.uniform(-0.4, 1.0, held.shape) / dice.choice([1.0, 3.0])
    asked = np.divide(weight * nav, price, out=np.zeros_like(held), where=price > 0)
    wish = dice.choice([0, 1, 2, 3, 3, 3], held.shape)
    wanted = np.select([wish == 0, wish == 1, wish == 2], [held, np.zeros_like(held), held * 0.5], asked)
    quantity = desk.units.toward_zero(wanted)
    confidence = np.where(wish == 3, day.confidence, 0.0)
    return replace(sized, quantity=quantity, weight=quantity * price / nav, confidence=confidence)


def _prices(desk: Desk, day: Day) -> dict[str, float]:
    return dict(zip(desk.symbols, day.price.tolist(), strict=True))
