"""Where the book's risk stands in one decision: its drawdown level, stops, correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property

import numpy as np

from nightdesk.accounting.ledger import Ledger
from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.money import ZERO, apportion, exact
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.held_arrays import over_strategies
from nightdesk.engine.inputs import Day, Flags, State, Targets
from nightdesk.portfolio import portfolio_volatility
from nightdesk.risk import (
    Correlations,
    Holding,
    LevelChange,
    Passage,
    Record,
    RiskState,
    Signs,
    Situation,
    Standing,
    advance,
    begin,
    carry,
    correlations,
    stop_out,
    without_entries,
)

#: Rules for entries before this order stop the book,
STOP_BEFORE = 14
#: those before this one say whether anything may be entered, and those after it how much.
FORBID_BEFORE = 30


def without_hidden_entries(
    desk: Desk, wanted: Targets, situation: Situation
) -> tuple[Targets, tuple[Record, ...]]:
    """The targets without the hidden entries that a rule forbids, and what these rules said, of net units.

    Parameters
    ----------
    desk : Desk
    wanted : Targets
    situation : Situation
        That of the gate; a level's demand on confidence is made of each strategy by itself.

    Notes
    -----
    An only strategy hides nothing: its entries are those of the book.
    """
    if len(desk.strategies) == 1:
        return wanted, ()
    first_after = FORBID_BEFORE if desk.book.portfolio.entries == "each" else STOP_BEFORE
    rules = [
        rule
        for rule in desk.rules
        if rule.subject == "entries" and rule.order < first_after and not rule.idle(situation)
    ]
    quantity, hidden = wanted.quantity, _hidden(wanted) if rules else None
    if hidden is None:
        return wanted, ()
    records: list[Record] = []
    held = desk.units.toward_zero(wanted.held.sum(axis=0))
    for rule in rules:
        left = quantity.copy()
        for s in np.flatnonzero(hidden.any(axis=1)).tolist():
            own = _own(desk, wanted, situation, s)
            if rule.concerns(own):
                ruling = rule.apply(quantity[s], wanted.held[s], own)
                left[s] = np.where(hidden[s], ruling.after, quantity[s])
        if not np.array_equal(left, quantity):
            before, after = (desk.units.toward_zero(one.sum(axis=0)) for one in (quantity, left))
            records.append(Record(rule.name, before, after, held, ruling))
            quantity = left
    if not records:
        return wanted, ()
    weight = quantity * situation.unit_value / situation.nav
    return replace(wanted, quantity=quantity, weight=weight), tuple(records)


def _hidden(wanted: Targets) -> Flags | None:
    """Additions in symbols that several strategies hold or want; None without one.

    One by itself shows in the book's net. Of several, what is cut for another reason is shared among them, an
    addition that may not be made as well.
    """
    added = without_entries(wanted.quantity, wanted.held) != wanted.quantity
    if not added.any():
        return None
    hidden: Flags = added & (((wanted.held != 0.0) | (wanted.quantity != 0.0)).sum(axis=0) > 1)
    return hidden if hidden.any() else None


def _own(desk: Desk, wanted: Targets, situation: Situation, s: int) -> Situation:
    """The situation of one strategy's entries by themselves."""
    levels = desk.book.levels
    if levels is None:
        return situation
    added = np.abs(wanted.quantity[s] - without_entries(wanted.quantity[s], wanted.held[s]))
    sure = np.where(wanted.confidence[s] >= levels.min_confidence, added, 0.0)
    free: Floats = np.full_like(added, np.inf)
    return replace(situation, standing=replace(situation.standing, sure=sure, size_cap=free))


def share(desk: Desk, wanted: Targets, passage: Passage) -> Floats:
    """The gate's net quantities shared among the strategies, pro rata and in whole units.

    A trade that was made smaller is made smaller alike for all; where more is sold than was wanted, what was
    wanted shrinks alike. Where strategies end their positions by plans, a purchase that was cut holds no such
    end back: the one strategy takes over from the other as much as the book is left with.
    """
    if len(desk.strategies) == 1:
        return passage.quantity[None, :]
    changed = passage.quantity != passage.wanted
    if not np.count_nonzero(changed):
        return wanted.quantity.copy()
    undone = changed & (passage.quantity == passage.held)
    if desk.ends_positions:
        undone &= ~((wanted.held != 0) & (wanted.quantity == 0)).any(axis=0)
    out = np.where(undone, wanted.held, wanted.quantity)
    for n in (changed & ~undone).nonzero()[0].tolist():
        final, asked, had = passage.quantity[n], passage.wanted[n], passage.held[n]
        quantity, held = wanted.quantity[:, n], wanted.held[:, n]
        ends = (held != 0) & (quantity == 0) & desk.ends_positions
        left = -float(held[ends].sum())
        added = asked - had - left
        part = (final - had - left) / added if added else math.nan
        if left and abs(asked) > abs(had) and 0.0 <= part <= 1.0:
            ideal = held + np.where(ends, 1.0, part) * (quantity - held)
        elif final == had and asked != had:
            out[:, n] = held
            continue
        elif min(asked, had) <= final <= max(asked, had) and asked != had:
            ideal = held + (final - had) / (asked - had) * (quantity - held)
        else:
            ideal = quantity * (final / asked)
        unit = desk.unit_of[desk.symbols[n]]
        total = exact(final).quantize(unit)
        whole = float(ideal.sum())
        if ideal.min() < 0.0 < ideal.max():
            out[:, n] = [float(one) for one in _opposed(total, ideal, unit)]
            continue
        weights = [exact(one) for one in ideal] if whole else [exact(1.0) for _ in ideal]
        out[:, n] = [float(one) for one in apportion(total, weights, unit)]
    return out


def _opposed(total: Decimal, ideal: Floats, unit: Decimal) -> list[Decimal]:
    """Shares of strategies on opposite sides, in whole units: next to their ideals, and adding up exactly.

    No proportion of the total serves here, which may be nothing while its shares are not.
    """
    counts = [exact(one) / unit for one in ideal]
    shares = [one.to_integral_value(ROUND_FLOOR) for one in counts]
    left = int(total / unit - sum(shares, Decimal(0)))
    for at in sorted(range(len(counts)), key=lambda at: shares[at] - counts[at])[:left]:
        shares[at] += 1
    return [share * unit for share in shares]


@dataclass(frozen=True)
class Judged:
    """What a decision makes of the book's risk.

    Attributes
    ----------
    risk : RiskState
        After it; the next decision begins from there.
    change : LevelChange or None
        The move between drawdown levels, if there was one.
    standing : Standing
        What the rules of the gate read of it.
    correlations : Correlations
        Of the symbols that are held or wanted.
    portfolio : WantedPortfolio or None
        What the levels ask to be calm; None in a book without levels.
    """

    risk: RiskState
    change: LevelChange | None
    standing: Standing
    correlations: Correlations
    portfolio: WantedPortfolio | None

    @property
    def volatility(self) -> float:
        """Annualised, of the wanted portfolio over the window of the levels; NaN where not known."""
        return math.nan if self.portfolio is None else self.portfolio.volatility


@dataclass(frozen=True)
class WantedPortfolio:
    """The weights that strategies want, (n_strategies, n_symbols), and the returns that measure them."""

    weight: Floats
    returns: Floats

    @cached_property
    def volatility(self) -> float:
        """Annualised, see `nightdesk.portfolio.portfolio_volatility`."""
        return portfolio_volatility(self.weight.sum(axis=0), self.returns)


def judge(desk: Desk, state: State, day: Day, wanted: Targets) -> Judged:
    """Move the risk state on by one session, on the targets before the gate."""
    levels, net = desk.book.levels, over_strategies(wanted.quantity)
    together = correlations(day.returns, (net != 0) | (over_strategies(wanted.held) != 0))
    held = _holdings(desk, state.ledger, day)
    risk = carry(state.risk or begin(state.mark.peak_nav), held, day.splits)
    change, portfolio = None, None
    if levels is None:
        risk = _without_levels(risk, state)
    else:
        portfolio = WantedPortfolio(wanted.weight, day.returns[-levels.volatility_window :])
        signs = _signs(desk, levels, risk, state, day, held, together, portfolio)
        risk, change = advance(levels, risk, signs)
    risk = stop_out(risk, held, desk.stops)
    return Judged(risk, change, _standing(desk, risk, held, wanted, net, together), together, portfolio)


def _signs(
    desk: Desk,
    levels: Levels,
    risk: RiskState,
    state: State,
    day: Day,
    held: Mapping[str, Holding],
    together: Correlations,
    portfolio: WantedPortfolio,
) -> Signs:
    """What the levels of the session are judged by; whether it is calm counts at a level only.

    Correlations are left out where the levels cannot be reached by any.
    """
    facts, target = state.facts, desk.book.portfolio.volatility_target
    average, lowest, symbols = math.nan, math.nan, 0
    if levels.look_at_correlations:
        average, lowest, symbols = together.average, together.lowest, together.symbols
    return Signs(
        session=day.session,
        nav=state.mark.nav,
        held={symbol: holding.quantity for symbol, holding in held.items()},
        calm=risk.level > 0 and portfolio.volatility < (target or math.inf),
        average_correlation=average,
        lowest_correlation=lowest,
        correlated=symbols,
        answer=facts.answer,
        asked=facts.asked,
        simulates=facts.simulates,
        forced=facts.forced,
        forced_by=facts.forced_by,
        closes=day.closes,
    )


def of_the_rest(desk: Desk, judged: Judged, wanted: Targets) -> Judged:
    """The same after a part of what was wanted is refused: in recovery sizes are shares of the rest."""
    if desk.book.levels is None or judged.risk.recovery is None:
        return judged
    rest = np.abs(wanted.quantity.sum(axis=0)) * judged.risk.size(desk.book.levels)
    size_cap = np.minimum(judged.standing.size_cap, rest)
    return replace(judged, standing=replace(judged.standing, size_cap=size_cap))


def _without_levels(risk: RiskState, state: State) -> RiskState:
    """The state of a book without levels: its drawdown is that of the mark, and asks for nothing."""
    mark = state.mark
    drawdown = 1 - mark.nav / mark.peak_nav if mark.peak_nav > 0 else ZERO
    return replace(risk, peak=mark.peak_nav, highest=mark.peak_nav, drawdown=drawdown)


def _standing(
    desk: Desk,
    risk: RiskState,
    held: Mapping[str, Holding],
    wanted: Targets,
    net: Floats,
    together: Correlations,
) -> Standing:
    """The risk state as the rules read it; what nothing has happened to is as in a calm book."""
    levels, calm, places = desk.book.levels, desk.calm, [desk.column[symbol] for symbol in held]
    recovery = None if risk.recovery is None else levels
    fall, stop_at = calm.fall, calm.stop_at
    if held:
        fall = _placed([one.fall for one in held.values()], places, calm.fall)
    if held and desk.stops:
        stop_at = _placed([_next_stop(desk, risk, symbol) for symbol in held], places, calm.stop_at)
    return Standing(
        level=calm.level if levels is None else risk.level,
        haven=desk.haven,
        first_out=desk.first_out,
        sure=_sure(wanted, levels.min_confidence) if levels is not None and risk.level == 1 else calm.sure,
        level_cap=_caps(desk, risk.level_caps, calm.level_cap),
        stop_cap=_caps(desk, risk.stop_caps, calm.stop_cap),
        fall=fall,
        stop_at=stop_at,
        size_cap=calm.size_cap if recovery is None else np.abs(net) * risk.size(recovery),
        leverage_limit=calm.leverage_limit if recovery is None else recovery.recovery_leverage,
        correlations=together,
    )


def _sure(wanted: Targets, min_confidence: float) -> Floats:
    """Units that strategies want to add with so much confidence, over all of them."""
    added = np.abs(wanted.quantity - without_entries(wanted.quantity, wanted.held))
    total: Floats = np.where(wanted.confidence >= min_confidence, added, 0.0).sum(axis=0)
    return total


def _caps(desk: Desk, caps: Mapping[str, float], none: Floats) -> Floats:
    """Most units of each symbol, of shape (n_symbols,)."""
    return _placed(list(caps.values()), [desk.column[symbol] for symbol in caps], none) if caps else none


def _placed(numbers: list[float], columns: list[int], others: Floats) -> Floats:
    """Numbers in their columns, among others; of shape (n_symbols,)."""
    out = others.copy()
    out[columns] = numbers
    return out


def _next_stop(desk: Desk, risk: RiskState, symbol: str) -> float:
    """The fall at which the position's stop acts next, or has acted in this session."""
    stop = desk.stops.get(symbol)
    if stop is None:
        return np.nan
    done = symbol in risk.halved and risk.stop_caps.get(symbol, 0.0) == 0.0
    return stop.leave if done else stop.halve


def _holdings(desk: Desk, ledger: Ledger, day: Day) -> Mapping[str, Holding]:
    """What the book holds net of each symbol, and how far that is below its average entry price."""
    trusted = ((day.age == 0) & ~day.quarantined).tolist()
    price, column, out = day.unit_value.tolist(), desk.column, {}
    for symbol, position in ledger.net_positions.items():
        n, units, average = column[symbol], position.quantity, position.average
        fall = (average - price[n]) / average if trusted[n] and average > 0 else math.nan
        out[symbol] = Holding(units, fall if units > 0 else -fall)
    return out
