"""One session's decision: targets, gate, orders. Pure functions of the day and the state of the book."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.money import exact
from nightdesk.core.panel import Floats
from nightdesk.engine.account_funds import account_funds, put_up
from nightdesk.engine.bundle_gate import bundles_through, hedged
from nightdesk.engine.bundle_orders import tied
from nightdesk.engine.bundling import (
    bundles_after,
    ended_together,
    ends_at_once,
    evened_targets,
    one_reason_each,
    standing,
    without_strangers,
)
from nightdesk.engine.desk import Desk
from nightdesk.engine.exits import (
    Cause,
    barred,
    causes,
    distances_after,
    exits,
    filtered,
    stops_of_entries,
)
from nightdesk.engine.held_arrays import counted, over_strategies
from nightdesk.engine.inputs import Carried, Day, Flags, State, Targets, Unscaled
from nightdesk.engine.judging import Judged, judge, of_the_rest, share, without_hidden_entries
from nightdesk.engine.rule_inputs import measures, protection
from nightdesk.engine.turns import gave_way
from nightdesk.orders.netting import cross, net
from nightdesk.orders.order import Cross, Intent, Order, limited
from nightdesk.portfolio import Ask, Bundles, Dropped, Sizing
from nightdesk.portfolio.sizing import entered, left, reduced
from nightdesk.risk import (
    Breach,
    Entering,
    Passage,
    Protection,
    Situation,
    Verdict,
    exempted,
    limits_by_hand,
    pass_gate,
    verdicts,
    without_entries,
)
from nightdesk.strategies.strategy import Direction, SignalSide


@dataclass(frozen=True, slots=True)
class Sized:
    """Arrays of shape (n_strategies, n_symbols).

    Attributes
    ----------
    quantity : ndarray
        Units wanted, not yet rounded.
    confidence : ndarray
        Of entries, after the regime's factor; 0 where the signal is none to enter by.
    allocation, reduce_to : ndarray
        What the methods carry on; see `Carried`.
    """

    quantity: Floats
    confidence: Floats
    allocation: Floats
    reduce_to: Floats


def sized(desk: Desk, day: Day, held: Floats, nav: float, before: Carried) -> Sized:
    """What every strategy wants by its signals.

    Parameters
    ----------
    desk, day
    held : ndarray of shape (n_strategies, n_symbols)
        Units.
    nav : float
        Dollars.
    before : Carried
        Restated for the session's actions.
    """
    day = _of_members(day, held)
    wanted, allocation, reduce_to = np.empty_like(held), desk.nothing, desk.nothing
    if desk.carries:
        allocation, reduce_to = np.zeros(held.shape), np.zeros(held.shape)
    for asked in _asks(desk, day, held, nav, before):
        rows, method, ask = asked.rows, asked.method, asked.ask
        if asked.carries:
            allocation[rows], reduce_to[rows] = ask.allocation, ask.reduce_to
        wanted[rows] = method.quantities(ask)
    return Sized(wanted, day.terms(desk).confidence, allocation, reduce_to)


def sizing_figures(desk: Desk, state: State, day: Day) -> dict[str, Floats]:
    """What people see of how the positions were sized, by name; arrays of shape (n_strategies, n_symbols).

    They are what the sizing methods and the rules of the book say of it, see `Sizing.figures` and
    `Rule.figures`; NaN where a figure is not known, or is none of that strategy. Empty in a book none of
    whose parts has any.
    """
    held, out = state.held_by(desk).quantity, dict[str, Floats]()
    nav, before = _nav(desk, state, day), carried_before(desk, state, day)
    for asked in _asks(desk, _of_members(day, held), held, nav, before):
        for name, values in asked.method.figures(asked.ask).items():
            out.setdefault(name, np.full(held.shape, np.nan))[asked.rows] = values
    for rule in desk.rules:
        for name, values in rule.figures(day.factors).items():
            out[name] = np.broadcast_to(values, held.shape)
    return out


class _Asked(NamedTuple):
    """One call of a sizing method: its rows, and what it is asked; `carries` as of `SizedTogether`."""

    rows: int | slice | list[int]
    method: Sizing
    ask: Ask
    carries: bool


def _asks(desk: Desk, day: Day, held: Floats, nav: float, before: Carried) -> Iterator[_Asked]:
    """What each sizing method is asked of its strategies, with what it carries on from this session."""
    terms = desk.band_terms[day.band] if day.band >= 0 else desk.no_band
    made = day.terms(desk)
    leaves = reduced(made.reduces, day.side, held, desk.one_sided)
    left_before = leaves  # what nobody leaves now, it does not matter whether somebody left
    if np.count_nonzero(leaves):
        left_before = left(day.previous_direction, day.previous_side, held, desk.one_sided)
    capital, stops = nav * desk.shares * terms.capital, stops_of_entries(desk, day)
    for group in desk.sized_together:
        method, rows = group.method, group.rows
        carried = before if group.carries else None
        ask = Ask(
            held=held[rows],
            direction=day.direction[rows],
            previous_direction=day.previous_direction[rows],
            enters=made.enters[rows],
            leaves=leaves[rows],
            left_before=left_before[rows],
            confidence=day.confidence[rows],
            strength=day.strength[rows],
            factors=day.factors,
            price=day.price,
            capital=_of_rows(capital, rows),
            max_weight=desk.max_weight,
            volatility_target=desk.volatility_target,
            buy_fraction=desk.book.portfolio.buy_fraction,
            entry_factor=_of_rows(terms.entry_factor, rows),
            returns=day.returns,
            costs=made.costs,
            allocation=(desk.nothing if carried is None else carried.allocation)[rows],
            reduce_to=(desk.nothing if carried is None else carried.reduce_to)[rows],
            opens_month=day.opens_month,
            multiplier=day.multiplier,
            stop_distance=stops[rows],
        )
        if group.carries:
            ask = replace(ask, allocation=method.allocate(ask), reduce_to=method.reduce_to(ask))
        yield _Asked(rows, method, ask, group.carries)


def _of_rows(numbers: Floats, rows: int | slice | list[int]) -> float | Floats:
    """Numbers of shape (n_strategies, 1) as a method is told them: that of one strategy as a plain number."""
    return float(numbers[rows, 0]) if isinstance(rows, int) else numbers[rows]


def _of_members(day: Day, held: Floats) -> Day:
    """The day without entries in what is no member, or not for its strategy: it takes no capital.

    An entry on the other side of what is held still leaves that.
    """
    if day.member is True:
        return day
    enters = entered(day.direction, day.side)
    closed = ~day.member if day.legs is None else ~day.member | day.legs
    outside = closed & (enters != 0)
    turns = outside & (enters * held < 0)
    direction = np.where(outside & ~turns, np.int8(Direction.HOLD), day.direction)
    return replace(day, direction=direction, side=np.where(turns, np.int8(SignalSide.EITHER), day.side))


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gate let through: `quantity` in units, shape (n_strategies, n_symbols), its passage, what it
    made of the book's risk, the limits of the whole book that were passed, which reductions no limit on
    trades counts (shape (n_symbols,)), and what is lost at the stops where a rule asks for it.
    """

    quantity: Floats
    passage: Passage
    judged: Judged
    breaches: tuple[Breach, ...]
    exempt: Flags
    protection: Protection | None = None

    def verdicts(self, symbols: tuple[str, ...]) -> list[Verdict]:
        """The gate's words, made when they are asked for."""
        return verdicts(self.passage, symbols)


def held_quantities(desk: Desk, state: State) -> Floats:
    """Units held, of shape (n_strategies, n_symbols); not to be changed.

    Raises
    ------
    Refused
        When a position is held that the book no longer names.
    """
    return state.held_by(desk).quantity


def carried_before(desk: Desk, state: State, day: Day) -> Carried:
    """What the decision before left to this one, restated for the session's actions."""
    if state.carried is None:
        return Carried.nothing((len(desk.strategies), len(desk.symbols)))
    return state.carried.restated(desk.symbols, day.splits, day.successors)


def targets(desk: Desk, state: State, day: Day) -> Targets:
    """The positions that the book wants: strategies sized, their exits, the book's filters, all of it scaled.

    The regime's factor makes additions smaller; a strategy that is off in the band adds nothing; a band may
    scale a strategy's share of the capital, by which it sizes. Of a symbol
    in quarantine nothing is sold: its price, and the signals that rest on it, are not to be trusted. The
    portfolio is scaled down, never up, to the book's volatility target, and quantities are rounded to their
    units toward zero. Strategies that speak in turn were heard before (`nightdesk.engine.heard`).

    Raises
    ------
    Refused
        When the book has no net asset value left to size by.
    """
    nav, worth = _nav(desk, state, day), day.terms(desk).worth
    holdings, before = state.held_by(desk), carried_before(desk, state, day)
    held = holdings.quantity
    asked = sized(desk, day, held, nav, before)
    ended = exits(desk, day, holdings, before)
    wanted, bundles = asked.quantity, None
    strangers: tuple[Dropped, ...] = ()
    if np.count_nonzero(ended):
        wanted = np.where(ended != Cause.NONE, 0.0, wanted)
    if desk.has_bundles:
        bundles = standing(desk, day, held, before.bundles)
        wanted, strangers = without_strangers(day, wanted, held, bundles)
        wanted, ended = ended_together(wanted, held, ended, bundles)
    wanted = _keep(day.quarantined, wanted, held)
    whole = desk.units.toward_zero(wanted)
    cause = causes(wanted, whole, held, ended, day)
    wanted, cause, forbidden = barred(desk, day, wanted, held, cause, bundles)
    wanted, cause, dropped = filtered(desk, day, wanted, held, asked.confidence, cause, bundles)
    dropped = (*gave_way(desk, day), *forbidden, *dropped)
    unscaled = Unscaled(wanted, worth, nav, day.returns)
    limit = desk.book.portfolio.volatility_target
    scale = limit / unscaled.volatility if limit is not None and unscaled.volatility > limit else 1.0
    if dropped or scale != 1.0:
        whole = desk.units.toward_zero(wanted * scale)
    if bundles is not None:
        even = evened_targets(desk, day, whole, held, cause, bundles)
        whole, cause = even.quantity, even.cause
        dropped = one_reason_each(strangers, dropped, even.dropped)
    quantity = _keep(day.quarantined, whole, held)
    stop, target = distances_after(desk, day, holdings, before, quantity)
    return Targets(
        held=held,
        quantity=quantity,
        weight=quantity * worth / nav,
        confidence=asked.confidence,
        carried=Carried(
            allocation=asked.allocation,
            stop_distance=stop,
            target_distance=target,
            reduce_to=asked.reduce_to,
            bundles=None if bundles is None else bundles_after(bundles, held, quantity),
            turns={name: one.states for name, one in day.spoken.items()},
        ),
        unscaled=unscaled,
        scale=scale,
        cause=cause,
        dropped=dropped,
    )


def _nav(desk: Desk, state: State, day: Day) -> float:
    """What there is to size by, dollars."""
    nav = float(state.mark.nav)
    if not nav > 0.0:
        raise Refused(
            f"{desk.book.name} has a NAV of {nav:.2f} dollars on {day.session}: nothing can be sized"
        )
    return nav


def gate(desk: Desk, state: State, day: Day, wanted: Targets) -> Gated:
    """Put the book's net targets through its rules, and share what they leave among its strategies.

    What a rule forbids one strategy to enter under the net of the book is taken away before that. The
    drawdown level moves here and nowhere else.
    """
    judged = judge(desk, state, day, wanted)
    now = situation(desk, state, day, wanted, judged)
    first = wanted
    wanted, refused = without_hidden_entries(desk, wanted, now)
    if refused:
        judged = of_the_rest(desk, judged, wanted)
        now = situation(desk, state, day, wanted, judged)
    asked, held = _in_units(desk, wanted.quantity), _in_units(desk, wanted.held)
    passage = pass_gate(desk.rules, asked, held, now)
    if refused:
        records = (*refused, *passage.records)
        passage = replace(passage, records=records, last_round=passage.last_round + len(refused))
    breaches = tuple(one for rule in desk.rules if (one := rule.breach(held, now)) is not None)
    if wanted.carried.bundles is None:
        quantity = share(desk, wanted, passage)
    else:
        again = partial(_again, desk, state, day, judged)
        evened = bundles_through(desk, day, first, wanted, passage, again)
        passage, quantity, now = evened.passage, evened.quantity, evened.passage.situation
    exempt = exempted(desk.rules, passage.quantity, held, now)
    return Gated(quantity, passage, judged, breaches, exempt, now.protection)


def _again(desk: Desk, state: State, day: Day, judged: Judged, wanted: Targets, follows: Flags) -> Passage:
    """The gate once more, on targets that are smaller than those that it has judged.

    In the symbols of `follows` a leg is reduced since another one was sold, which is done at once.
    """
    now = situation(desk, state, day, wanted, judged)
    if follows.any():
        now = replace(now, entering=replace(now.entering, stopped=now.entering.stopped | follows))
    return pass_gate(desk.rules, _in_units(desk, wanted.quantity), _in_units(desk, wanted.held), now)


def situation(desk: Desk, state: State, day: Day, wanted: Targets, judged: Judged) -> Situation:
    """What the rules look at in a decision on these targets."""
    band, lawful, bundles = day.band, measures(desk, state.tax), wanted.carried.bundles
    return Situation(
        price=day.terms(desk).price,
        max_weight=desk.max_weight,
        units=desk.units,
        rank=desk.rank,
        nav=float(state.mark.nav),
        day_return=min(state.mark.day_return, state.today.low),
        age=day.age,
        quarantined=day.quarantined,
        vix=day.vix,
        band=desk.book.regime[band] if band >= 0 else None,
        band_floor=desk.band_floors[band] if band >= 0 else math.nan,
        entries_allowed=day.entries_allowed,
        kill_switch=state.facts.kill_switch,
        standing=judged.standing,
        entering=_entering(desk, state, day, wanted),
        session=day.session,
        wash_loss=lawful.wash_loss,
        opened_today=lawful.opened_today,
        day_trades=lawful.day_trades,
        margin=desk.book.margin,
        most_gross=desk.most_gross,
        most_net=desk.most_net,
        drawdown=float(judged.risk.drawdown),
        groups=desk.group_codes,
        group_names=desk.group_names,
        factors=day.factors,
        periods=state.periods,
        protection=protection(desk, state, day, wanted) if desk.asks_for("stops") else None,
        traded_today=state.today.trades,
        turnover_today=state.today.notional / float(state.mark.nav),
        multiplier=day.multiplier,
        outlay=desk.outlay,
        hedged=None if bundles is None else hedged(wanted, bundles),
        member=day.member,
        accounts=account_funds(desk, state, day),
        by_hand=limits_by_hand(state.facts.overrides, desk.symbols) if state.facts.overrides else None,
    )


def free_cash(desk: Desk, state: State, day: Day) -> float:
    """Dollars that purchases may use: the cash, less what positions on margin put up and have lost.

    What they have gained is not counted before it is realised.
    """
    cash = float(state.mark.cash)
    return cash - sum(put_up(desk, state, day).values()) if desk.contracts else cash


def _entering(desk: Desk, state: State, day: Day, wanted: Targets) -> Entering:
    """What stands behind the entries of the wanted positions."""
    adds = without_entries(wanted.quantity, wanted.held) != wanted.quantity
    holds, wants = wanted.held != 0, wanted.quantity != 0
    # What is turned round takes no further place: it stays in the one that it has.
    stays = holds & wants
    here, open_positions = counted(stays), np.count_nonzero(stays)
    opens = (
        counted(wants) - here
        if np.count_nonzero(wants) > open_positions
        else np.zeros(here.shape, dtype=here.dtype)
    )
    closes: NDArray[np.int64] | Literal[0] = 0
    if np.count_nonzero(holds) > open_positions:
        closes = counted(holds) - here
    sure = np.where(adds, wanted.confidence, 0.0)
    bundles, stopped = wanted.carried.bundles, wanted.cause == Cause.STOP
    if bundles is not None:
        stopped = ends_at_once(wanted.cause, bundles)
    return Entering(
        confidence=sure[0] if len(sure) == 1 else sure.max(axis=0),
        opens=opens,
        open_here=here,
        open_positions=open_positions,
        cash=free_cash(desk, state, day),
        costs=day.terms(desk).costs,
        ends=closes if desk.ends_positions else 0,
        asked=None if isinstance(closes, int) else _in_units(desk, wanted.quantity),
        closes=closes,
        stopped=stopped.any(axis=0) if np.count_nonzero(stopped) else False,
    )


def kill_reason(state: State, gated: Gated) -> str | None:
    """Why the book is to be stopped from its next decision on; None when no rule says so, or it is."""
    if state.facts.kill_switch:
        return None
    return next((one.words for one in gated.breaches if one.kills), None)


def plan(
    desk: Desk, state: State, day: Day, quantity: Floats, bundles: Bundles | None = None
) -> tuple[Order, ...]:
    """The orders that bring the book from what it holds to what the gate let through, in the book's order.

    `quantity` is that of `Gated`, `bundles` that of `Targets`: the parts of orders say which legs they are.
    """
    return plan_all(desk, state, day, quantity, bundles)[0]


def plan_crosses(desk: Desk, state: State, day: Day, quantity: Floats) -> tuple[Cross, ...]:
    """What changes hands between the strategies, since it needs no order; in the book's order.

    Nothing of it reaches the market or changes what the book holds as a whole, so no rule of the gate speaks
    of it and no switch stops it.
    """
    return plan_all(desk, state, day, quantity)[1]


def plan_all(
    desk: Desk, state: State, day: Day, quantity: Floats, bundles: Bundles | None = None
) -> tuple[tuple[Order, ...], tuple[Cross, ...]]:
    """What `plan` and `plan_crosses` make of the same quantities."""
    intents, prices = _intents(desk, state, day, quantity)
    if bundles is not None:
        intents = tied(desk, day, intents, held_quantities(desk, state), quantity, bundles)
    orders = net(intents, prices, book=desk.book.name, session=day.session, as_of=day.as_of)
    crosses = () if len(desk.strategies) == 1 else cross(intents, prices, session=day.session)
    if desk.account_of:
        orders = tuple(replace(order, account=desk.account_of[order.symbol]) for order in orders)
    return tuple(as_asked(desk.book, order) for order in orders), crosses


def _intents(desk: Desk, state: State, day: Day, quantity: Floats) -> tuple[list[Intent], dict[str, float]]:
    """What each strategy is to change, and the prices of the symbols that it is about."""
    change = quantity - held_quantities(desk, state)
    names = tuple(desk.strategies)
    intents: list[Intent] = []
    prices: dict[str, float] = {}
    columns, rows = np.nonzero(change.T)
    amounts = change[rows, columns].tolist()
    for n, s, amount in zip(columns.tolist(), rows.tolist(), amounts, strict=True):
        symbol = desk.symbols[n]
        prices[symbol] = float(day.price[n])
        intents.append(Intent(names[s], symbol, exact(amount).quantize(desk.unit_of[symbol])))
    return intents, prices


def as_asked(book: Book, order: Order) -> Order:
    """The order of the type that the book sends."""
    if book.orders.type == "market":
        return order
    return limited(order, book.orders.limit_offset_bps, book.universe[order.symbol].tick)


def _in_units(desk: Desk, quantity: Floats) -> Floats:
    """Net quantities of all strategies; a sum of floats need not be the float next to its decimal value."""
    return desk.units.of_sums(over_strategies(quantity))


def _keep(quarantined: Flags, wanted: Floats, held: Floats) -> Floats:
    """What is wanted, with every position kept whole that it would reduce in a symbol in quarantine."""
    if not np.count_nonzero(quarantined):
        return wanted
    reduces = without_entries(wanted, held) != held
    return np.where(quarantined & reduces, held, wanted)
