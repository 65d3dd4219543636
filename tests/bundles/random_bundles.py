"""Random books of bundles on random days; legs may be uneven, stopped or in quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st
from tests.engine.random_books import SESSION, Ending, Scene, desks, random_day, random_state

from nightdesk.accounting import Entry, capital, cross_entries, fill_entries, fold, mark
from nightdesk.core.money import exact, to_cents, to_price, to_unit
from nightdesk.core.panel import Floats
from nightdesk.engine import Carried, Day, Desk, Facts, Gated, State, plan_all, targets
from nightdesk.orders import FillBars, Intent, Order, open_session
from nightdesk.portfolio import Ask, Bundles, Sizing, brought_even
from nightdesk.portfolio.sizing import BOTH_SIDES


class EndingBundles(Ending):
    """Bundles that end by age, stop and target."""

    bundles = True


class EqualLegs(Sizing):
    """A fifth of the capital a leg, on either side."""

    name = "equal_legs_of_random_bundles"
    sides = BOTH_SIDES

    def quantities(self, ask: Ask) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            units = 0.2 * ask.capital / ask.unit_value * np.asarray(ask.entry_factor)
        opens = (ask.enters != 0) & (ask.held * ask.enters <= 0.0) & np.isfinite(units)
        return np.where(ask.leaves, 0.0, np.where(opens, units * ask.enters, ask.held))


def bundled(desk: Desk, dice: np.random.Generator) -> Desk:
    """The desk with strategies that say bundles, most of them sized alike, under half of its rules."""
    strategies = {name: EndingBundles(one.params) for name, one in desk.strategies.items()}
    rules = tuple(one for one in desk.rules if one.always or dice.random() < 0.5)
    equal = EqualLegs(EqualLegs.Params())
    sizing = {name: equal if dice.random() < 0.7 else one for name, one in desk.sizing.items()}
    return replace(desk, strategies=strategies, sizing=sizing, rules=rules)


def with_bundles(desk: Desk, day: Day, dice: np.random.Generator, among: Sequence[int] | None = None) -> Day:
    """The day with bundles of two or three legs, on either side, most of them entered as one.

    `among` are the columns whose symbols may be legs; all of them by default.
    """
    shape = day.direction.shape
    code, ratio = np.zeros(shape, dtype=np.int16), np.zeros(shape)
    direction, side = day.direction.copy(), np.where(dice.random(shape) < 0.4, -1, 1).astype(np.int8)
    units = np.array([float(one) for one in desk.unit_of.values()])
    for s in range(shape[0]):
        free = dice.permutation(shape[1] if among is None else among).tolist()
        for number in range(1, int(dice.integers(1, 4))):
            legs, free = free[: int(dice.integers(2, 4))], free[3:]
            if len(legs) < 2:
                break
            code[s, legs] = number
            ratio[s, legs] = _ratio(day.price[legs], units[legs], dice)
            if dice.random() < 0.7:
                direction[s, legs] = side[s, legs] * int(dice.choice([-2, 1, 2, 2]))
    return replace(day, direction=direction, side=side, bundle=code, ratio=ratio)


def _ratio(price: Floats, unit: Floats, dice: np.random.Generator) -> Floats:
    """Whole units of each leg, or about as many dollars of each."""
    if dice.random() < 0.4:
        return dice.integers(1, 4, len(price)) * unit
    worth = 100.0 * np.exp(dice.uniform(-0.7, 0.7, len(price)))
    return np.divide(worth, price, out=unit.copy(), where=np.isfinite(price))


def with_legs(desk: Desk, state: State, day: Day, dice: np.random.Generator) -> State:
    """The state with bundles that are held: even, uneven, or with a leg missing."""
    shape = (len(desk.strategies), len(desk.symbols))
    assert state.carried is not None
    held, before = state.held_by(desk).quantity.copy(), Bundles.nothing(shape)
    priced, nav = np.isfinite(day.price), float(state.mark.nav)
    for s in range(shape[0]):
        free = [n for n in dice.permutation(shape[1]).tolist() if priced[n]]
        for number in range(1, int(dice.integers(1, 3))):
            legs, free = np.sort(free[:2]).astype(np.intp), free[2:]
            if len(legs) < 2:
                break
            units = desk.units.part(legs)
            part = np.array([float(desk.unit_of[desk.symbols[n]]) for n in legs])
            ratio = _ratio(day.price[legs], part, dice)
            count = nav * dice.uniform(0.01, 0.4) / float((ratio * day.price[legs]).sum())
            size = desk.units.toward_zero(_spread(shape, s, legs, ratio * count))[s, legs]
            if dice.random() < 0.6:
                size = brought_even(size, ratio, units)
            if dice.random() < 0.3:
                size[int(dice.integers(0, 2))] = 0.0
            if not size.any():
                continue
            held[s, legs] = size * dice.choice([-1.0, 1.0], 2)
            before.code[s, legs], before.ratio[s, legs] = number, ratio
            before.uneven[s, legs] = dice.choice([0, 0, 1, 2])
    return holding(desk, state, day, held, replace(state.carried, bundles=before))


def _spread(shape: tuple[int, int], s: int, legs: Sequence[int], values: Floats) -> Floats:
    out = np.zeros(shape)
    out[s, legs] = values
    return out


def holding(desk: Desk, state: State, day: Day, held: Floats, carried: Carried) -> State:
    """The state with these positions, at today's prices, and a NAV of as much as before."""
    entries, worth = [], Decimal(0)
    for s, n in np.argwhere((held != 0.0) & np.isfinite(day.price)).tolist():
        symbol, strategy = desk.symbols[n], tuple(desk.strategies)[s]
        quantity = to_unit(exact(held[s, n]), desk.unit_of[symbol])
        price = to_price(exact(day.price[n]))
        cash = to_cents(-quantity * price)
        key = (SESSION - timedelta(days=10), "fill", strategy, symbol)
        entries.append(Entry(*key, quantity, price, cash, Decimal(0), f"{s}-{n}"))  # type: ignore[arg-type]
        worth += to_cents(quantity * exact(day.price[n])) + cash
    ledger = fold([capital(SESSION, to_cents(state.mark.nav - worth)), *entries])
    prices = dict(zip(desk.symbols, day.price.tolist(), strict=True))
    marked = mark(ledger, SESSION, prices)
    marked = replace(marked, peak_nav=state.mark.peak_nav, day_return=state.mark.day_return)
    return replace(state, ledger=ledger, mark=marked, carried=carried, holdings=None)


@st.composite
def bundle_scenes(draw: st.DrawFn) -> Scene:
    """Any book of bundles on any day; what is wanted is sized from signals."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    desk = bundled(draw(desks()), dice)
    facts = Facts(kill_switch=draw(st.sampled_from([False] * 9 + [True])))
    day = with_bundles(desk, random_day(desk, dice), dice)
    state = random_state(desk, day, dice, facts=facts, short=draw(st.booleans()))
    if draw(st.integers(0, 3)):
        nothing = np.zeros((len(desk.strategies), len(desk.symbols)))
        assert state.carried is not None
        state = holding(desk, state, day, nothing, state.carried)
    if draw(st.booleans()):
        state = with_legs(desk, state, day, dice)
    return Scene(desk, state, day, targets(desk, state, day))


def settled(scene: Scene, gated: Gated, day: Day, shares: Mapping[str, float] | None) -> State:
    """The state at the next decision, at the same prices: orders filled by their share of `shares`, or whole.

    Orders are cut as a real broker cuts them, each by itself.
    """
    desk, state = scene.desk, scene.state
    orders, crosses = plan_all(desk, state, scene.day, gated.quantity, scene.wanted.bundles)
    ledger = state.ledger.apply(cross_entries(crosses, SESSION))
    prices = dict(zip(desk.symbols, scene.day.price.tolist(), strict=True))
    for order in orders:
        unit = desk.unit_of[order.symbol]
        part = 1.0 if shares is None else shares[order.symbol]
        quantity = to_unit(order.quantity * exact(part), unit)
        if quantity:
            bars = FillBars(SESSION, prices, dict.fromkeys(prices, 1e15), prices, prices)
            whole = replace(order, order_type="market", limit_price=None, intents=apart(order))
            fills, _ = open_session([replace(whole, quantity=quantity)], bars, desk.fill_terms)
            ledger = ledger.apply(fill_entries(order, fills, unit))
    marked = mark(ledger, SESSION, prices)
    return replace(
        state,
        ledger=ledger,
        mark=replace(marked, peak_nav=max(marked.nav, state.mark.peak_nav)),
        carried=scene.wanted.carried,
        risk=gated.judged.risk,
        holdings=None,
    )


def apart(order: Order) -> tuple[Intent, ...]:
    """Intents of no bundle, so that nothing holds the order to the share of another."""
    return tuple(Intent(one.strategy, one.symbol, one.quantity) for one in order.intents)
