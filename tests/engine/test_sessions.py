"""Books driven over random markets: what adds up at every mark, and what is done once."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.random_books import WINDOW, Scene, desks, scenes
from tests.engine.test_properties import (
    Outcome,
    gating_what_was_gated_changes_nothing,
    no_limit_is_exceeded,
    no_rule_meant_for_entries_blocks_a_reduction,
    the_gate_never_adds_risk,
)

from nightdesk import regime
from nightdesk.accounting import Entry, mark
from nightdesk.accounting.ledger import value
from nightdesk.core.calendar import as_date, as_instant, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, exact, to_cents
from nightdesk.engine import Day, Desk, Facts, Market
from nightdesk.research.backtest.run import walk
from nightdesk.research.backtest.simulation import Decided, Progress, Simulation
from nightdesk.risk import RiskEvent, without_entries
from nightdesk.strategies import SignalSide

FIRST = "2020-02-03"


def market(desk: Desk, sessions: int, dice: np.random.Generator) -> Market:
    """Random walks with crashes, halts of weeks, quarantines, listings on the way, splits and dividends."""
    n, s, total = len(desk.symbols), len(desk.strategies), sessions
    calendar = get_calendar(desk.book.calendar)
    at = int(np.searchsorted(calendar.sessions, np.datetime64(FIRST)))
    moves = dice.standard_normal((total, n)) * dice.choice([0.0, 0.005, 0.02, 0.06])
    moves += np.where(dice.random((total, 1)) < 0.1, dice.choice([-0.3, -0.1, 0.1, 0.4]), 0.0)
    moves = np.maximum(moves, -0.9)
    split = np.where(dice.random((total, n)) < 0.02, dice.choice([2.0, 0.5, 4.0], (total, n)), 1.0)
    split[0] = 1.0
    start = np.exp(dice.uniform(np.log(1.0), np.log(3_000.0), n))
    true = np.maximum(np.round(start * np.cumprod((1.0 + moves) / split, axis=0), 2), 0.01)
    listed = np.where(dice.random(n) < 0.2, dice.integers(1, total + 5, n), 0)
    halted = np.zeros((total, n), dtype=bool)
    for column in np.flatnonzero(dice.random(n) < 0.3):
        begins = dice.integers(0, total)
        halted[begins : begins + dice.integers(1, 20), column] = True
    row = np.arange(total)[:, None]
    has_bar = (row >= listed) & ~halted
    newest = np.maximum.accumulate(np.where(has_bar, row, -1), axis=0)
    seen = newest >= 0
    newest = np.maximum(newest, 0)
    since = np.cumprod(split, axis=0)
    last = np.take_along_axis(true * since, newest, axis=0) / since  # restated for splits since
    price = np.where(seen, np.maximum(last, 0.0001), np.nan)
    returns = np.vstack([np.full((252, n), np.nan), np.where(has_bar, moves, np.nan)])[-(251 + total) :]
    gone = ~seen[:, None, :]
    direction = np.where(gone, 0, dice.choice([2, 2, 2, 1, 0, 0, -1, -2], (total, s, n))).astype(np.int8)
    vix = dice.choice([*[12.0] * 8, 25.0, 60.0], total)
    quarantined = has_bar & (dice.random((total, n)) < 0.02)
    opens = np.where(has_bar, np.round(true * dice.uniform(0.97, 1.03, (total, n)), 4), np.nan)
    return Market(
        desk=desk,
        sessions=tuple(as_date(one) for one in calendar.sessions[at : at + total]),
        closes=tuple(as_instant(one) for one in calendar.closes[at : at + total]),
        price=price,
        fill_open=opens,
        fill_low=np.minimum(opens, true) * 0.99,
        fill_high=np.maximum(opens, true) * 1.01,
        fill_volume=np.where(has_bar, dice.choice([0.0, 50.0, *[1e9] * 8], (total, n)), np.nan),
        dividend=np.where(dice.random((total, n)) < 0.03, 0.25, 0.0),
        split=split,
        close=np.where(has_bar, true, np.nan),
        open=opens,
        high=np.maximum(opens, true) * 1.01,
        low=np.minimum(opens, true) * 0.99,
        volume=np.where(has_bar, 1e9, np.nan),
        quarantined=quarantined,
        withheld_bars=quarantined,
        has_bar=has_bar,
        age=np.where(seen, row - newest, -1),
        factors={
            "volatility_60": np.full((total, n), 0.2),
            "atr_14": np.full((total, n), 3.0),
            "adv_20": dice.choice([500.0, 1e9], (total, n)),
        },
        returns=returns,
        signals={},
        direction=direction,
        side=np.full_like(direction, SignalSide.LONG),
        confidence=dice.choice([0.4, 0.7, 1.0], (total, s, n)),
        strength=direction / 2.0,
        vix=vix,
        band=regime.classify(vix, desk.book.regime),
        entries_allowed=dice.random(total) < 0.95,
        opens_month=dice.random(total) < 0.1,
    )


def check_session(desk: Desk, before: Decided | None, now: Decided, shown: Market) -> None:
    """What must add up at one mark, and against the session before."""
    state, prices = now.state, shown.prices(now.t)
    marked, ledger = state.mark, state.ledger
    worth = sum((value(one, prices[one.symbol]) for one in ledger.held()), Decimal(0))
    assert (marked.cash, marked.nav) == (ledger.cash, ledger.cash + worth)
    assert all(one.quantity % desk.unit_of[one.symbol] == 0 for one in ledger.held())
    assert all(quantity > 0 for quantity in ledger.net().values())
    # A split that parts units rounds an open order and the positions behind it each on its own: a strategy
    # may then sell a unit of another one's, which nets to nothing.
    parted = {desk.symbols[n] for n in np.flatnonzero((shown.split[: now.t + 1] != 1.0).any(axis=0)).tolist()}
    assert all(one.quantity > 0 for one in ledger.held() if one.symbol not in parted)
    risk = now.gated.judged.risk
    if desk.book.levels is not None:
        assert risk.peak >= marked.nav
        assert risk.highest >= risk.peak
        assert risk.drawdown == 1 - marked.nav / risk.peak
        assert {*risk.level_caps, *risk.stop_caps} <= ledger.net().keys()
    out = Outcome(Scene(desk, state, shown.day(now.t), now.targets), now.gated)
    for holds in (
        no_limit_is_exceeded,
        the_gate_never_adds_risk,
        gating_what_was_gated_changes_nothing,
        no_rule_meant_for_entries_blocks_a_reduction,
    ):
        holds(out)
    if before is None:
        return
    was = before.state.ledger
    assert ledger.cash == was.cash + sum((one.cash for one in now.entries), Decimal(0))
    assert ledger == was.apply(now.entries)
    assert ledger.cash >= was.cash or now.entries
    filled = {one.client_order_id for one in now.fills} | {one.client_order_id for one in now.expired}
    assert filled == {one.client_order_id for one in before.orders}
    old = before.gated.judged.risk
    assert risk.halved <= old.halved | risk.stop_caps.keys()
    assert risk.sessions in (0, old.sessions + 1)
    change = now.gated.judged.change
    assert (risk.level != old.level) <= (change is not None)
    assert change is None or (change.before, change.after) == (old.level, risk.level)


class NothingLeftError(Exception):
    """A crash has left a book nothing to decide about: the one way to end early."""


class Walked(Simulation):
    """Stops where a decision is refused for want of a NAV; every other refusal is a failure."""

    def decide(self, t: int, progress: Progress) -> Progress:
        assert progress.state is not None
        if progress.state.mark.nav <= 0:
            with pytest.raises(Refused, match="nothing can be sized"):
                super().decide(t, progress)
            raise NothingLeftError
        return super().decide(t, progress)


def drive(desk: Desk, sessions: int, seed: int, events: list[RiskEvent]) -> None:
    shown = market(desk, sessions, np.random.default_rng(seed))
    simulation = Walked(desk, shown, events)
    with suppress(NothingLeftError):
        walk(range(sessions), (simulation.settle, simulation.decide), Progress())
    for before, now in zip([None, *simulation.decided], simulation.decided, strict=False):
        check_session(desk, before, now, shown)


SESSIONS, SEEDS = st.integers(10, 40), st.integers(0, 2**32 - 1)
EVENTS = st.lists(
    st.tuples(st.integers(3, 28), st.sampled_from(["kill", "release", "level", "confirm", "ask", "reject"])),
    max_size=3,
).map(
    lambda told: [
        RiskEvent(date(2020, 2, day), kind, "drill", "ann", 3 if kind == "level" else 0)  # type: ignore[arg-type]
        for day, kind in sorted(told)
    ]
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(desks(), SESSIONS, SEEDS, EVENTS)
def test_every_session_of_a_random_market_adds_up(
    desk: Desk, sessions: int, seed: int, events: list[RiskEvent]
) -> None:
    drive(desk, sessions, seed, events)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=1_000, deadline=None)
@given(desks(), SESSIONS, SEEDS, EVENTS)
def test_every_session_of_a_thousand_random_markets_adds_up(
    desk: Desk, sessions: int, seed: int, events: list[RiskEvent]
) -> None:
    drive(desk, sessions, seed, events)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(scenes(), st.floats(0.0, 1.0))
def test_a_cut_is_done_once_and_a_second_session_sells_only_what_is_still_due(
    scene: Scene, filled: float
) -> None:
    """Everyone wishes to keep what is held, nothing is news, and of each sale a part was filled."""
    desk = scene.desk
    quiet = replace(scene.day, returns=np.full((WINDOW, len(desk.symbols)), np.nan), splits={})
    kept = replace(scene.wanted, quantity=scene.wanted.held)
    first = Outcome(Scene(desk, scene.state, quiet, kept))
    sold = desk.units.toward_zero((scene.wanted.held - first.gated.quantity) * filled)
    state = scene.state
    ledger = state.ledger.apply(
        _sale(desk, quiet, *at, float(sold[tuple(at)])) for at in np.argwhere(sold).tolist()
    )
    prices = dict(zip(desk.symbols, quiet.price.tolist(), strict=True))
    marked = replace(mark(ledger, quiet.session, prices), nav=state.mark.nav)
    later = replace(state, ledger=ledger, mark=marked, risk=first.risk, facts=Facts(simulates=False))
    held = scene.wanted.held - sold
    second = Outcome(Scene(desk, later, quiet, replace(kept, held=held, quantity=held)))
    due = np.minimum(np.abs(second.held), first.cap)
    again = {rule.name: rule for rule in desk.rules if rule.name in ("level_cut", "stop_loss")}
    for record in second.gated.passage.records:
        if record.rule in again:
            assert (
                np.abs(record.after) >= np.minimum(np.abs(record.before), desk.units.toward_zero(due))
            ).all()
    assert (without_entries(second.left, second.held) == second.left).all()


def _sale(desk: Desk, day: Day, s: int, n: int, units: float) -> Entry:
    quantity, price = exact(units), exact(day.price[n])
    name, symbol = tuple(desk.strategies)[s], desk.symbols[n]
    return Entry(
        day.session, "fill", name, symbol, -quantity, price, to_cents(quantity * price), ZERO, f"{s}-{n}"
    )
